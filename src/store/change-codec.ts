// Encodes changes as records of the log, by their rows. The four kinds that each durable message makes, and the one of each
// transaction, are encoded by hand, for speed; a test compares them with their rows.

import { strict as assert } from 'node:assert'
import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from './bytes.ts'
import { type Change, CHANGE_KINDS, type ChangeKind, type ChangeOf } from './change.ts'
import { type Codec, type FieldCodecs, message, RETAIN_OPTION, writeIdentifiers } from './codec.ts'
import { writeDecision } from './decision.ts'
import type { Ledger, Place } from './ledger/ledger.ts'
import { NewerVersion } from './newer-version.ts'
import { writeOwner } from './owner.ts'
import { writeRecipient } from './recipient.ts'

/** The first bytes of records of these kinds. */
export const MESSAGE_STORED: number = CHANGE_KINDS['message-stored'].number
export const QUEUED: number = CHANGE_KINDS.queued.number
export const SENT: number = CHANGE_KINDS.sent.number
export const SENT_WITHOUT_IDENTIFIERS = 12
export const SETTLED: number = CHANGE_KINDS.settled.number
export const DECIDED = 50
export const DECIDED_AND_DROPPED: number = CHANGE_KINDS.decided.number
/** A message that compaction has moved. The next checkpoint has its new place. */
export const MOVED = 255

type Values = Readonly<Record<string, unknown>>

/** A row with one of its forms, by number. */
interface RecordForm {
  readonly kind: string
  readonly number: number
  readonly names: readonly string[]
  readonly codecs: readonly Codec<unknown>[]
  /** The values of the missing fields; null if none is missing. */
  readonly absent: Values | null
  apply(ledger: Ledger, fields: Values, place: Place): void
}

interface KindForms {
  readonly whole: RecordForm
  readonly short: RecordForm | null
  suffices(fields: object): boolean
}

const FORMS_OF_KINDS = new Map<string, KindForms>()
const FORMS: (RecordForm | undefined)[] = []

const KINDS: Readonly<Record<string, ChangeKind<FieldCodecs>>> = CHANGE_KINDS
for (const [kind, row] of Object.entries(KINDS)) {
  const { number, shortForm } = row
  const whole = formOf(kind, number, null, row)
  const short = shortForm === null ? null : formOf(kind, shortForm.number, shortForm.absent, row)
  const suffices = (fields: Values): boolean => shortForm?.suffices(fields) === true
  FORMS_OF_KINDS.set(kind, { whole, short, suffices })
}

function formOf(
  kind: string,
  number: number,
  absent: Values | null,
  row: ChangeKind<FieldCodecs>,
): RecordForm {
  const fields = Object.entries(row.fields).filter(
    ([name]) => absent === null || !Object.hasOwn(absent, name),
  )
  const form: RecordForm = {
    kind,
    number,
    names: fields.map(([name]) => name),
    codecs: fields.map(([, codec]) => codec),
    absent,
    apply: (ledger, values, place) => row.apply(ledger, values, place),
  }
  assert(
    FORMS[number] === undefined && number !== MOVED,
    `no two records have the number ${number}`,
  )
  FORMS[number] = form
  return form
}

export function writeChanges(writer: Writer, changes: readonly Change[]): void {
  for (const change of changes) writeChange(writer, change)
}

export function writeChange(writer: Writer, change: Change): void {
  switch (change.kind) {
    case 'message-stored':
      writer.uint8(MESSAGE_STORED)
      message.write(writer, change.message, change)
      return
    case 'queued':
      writeQueued(writer, change)
      return
    case 'sent':
      writeSent(writer, change)
      return
    case 'settled':
      writer.uint8(SETTLED)
      writer.uint53(change.delivery)
      writeOwner(writer, change.owner)
      return
    case 'decided':
      writer.uint8(change.dropped === null ? DECIDED : DECIDED_AND_DROPPED)
      writeDecision(writer, change, change)
      if (change.dropped !== null) writer.uint53(change.dropped)
      return
    // Every other kind is written by its row.
    default:
      writeByRow(writer, change)
  }
}

function writeQueued(writer: Writer, change: ChangeOf<'queued'>): void {
  writer.uint8(QUEUED)
  writer.uint53(change.delivery)
  writer.uint53(change.sequence)
  writer.uint8(change.qos | (change.retain ? RETAIN_OPTION : 0))
  writer.uint16(change.packetId)
  writeIdentifiers(writer, change.identifiers)
  writeOwner(writer, change.owner)
}

function writeSent(writer: Writer, change: ChangeOf<'sent'>): void {
  const { identifiers, owner } = change
  writer.uint8(identifiers.length === 0 ? SENT_WITHOUT_IDENTIFIERS : SENT)
  writer.uint53(change.delivery)
  writer.uint16(change.packetId)
  writer.uint8(change.qos | (change.retain ? RETAIN_OPTION : 0))
  writeOwner(writer, owner)
  writeRecipient(writer, change.clientId, owner)
  if (identifiers.length > 0) writeIdentifiers(writer, identifiers)
}

/** Writes a change of any kind. */
export function writeByRow(writer: Writer, change: Change): void {
  const forms = FORMS_OF_KINDS.get(change.kind)
  assert(forms !== undefined, `${change.kind} is a kind of change`)
  const form = forms.short !== null && forms.suffices(change) ? forms.short : forms.whole
  const values: Values = change
  writer.uint8(form.number)
  const { names, codecs } = form
  for (let index = 0; index < names.length; index++) {
    codecs[index]?.write(writer, values[names[index] ?? ''], change)
  }
}

/** Throws NewerVersion. */
export function readChange(reader: ByteReader): Change {
  const form = formAt(reader)
  // The fields were just read by the row of the kind.
  return { kind: form.kind, ...readFields(reader, form) } as Change
}

/** Reads a change of any kind and applies it. Throws NewerVersion. */
export function applyByRow(ledger: Ledger, reader: ByteReader, place: Place): void {
  const form = formAt(reader)
  form.apply(ledger, readFields(reader, form), place)
}

function formAt(reader: ByteReader): RecordForm {
  const number = reader.uint8()
  const form = FORMS[number]
  if (form === undefined) throw new NewerVersion(`a change of the unknown kind ${number}`)
  return form
}

function readFields(reader: ByteReader, { names, codecs, absent }: RecordForm): Values {
  const values: Record<string, unknown> = absent === null ? {} : { ...absent }
  for (let index = 0; index < names.length; index++) {
    values[names[index] ?? ''] = codecs[index]?.read(reader, values)
  }
  return values
}

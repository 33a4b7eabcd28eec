// The image of a ledger: records in parts. A checkpoint consists of them, and a ledger is restored from them.

import { Writer } from '../../packet/writer.ts'
import type { ByteReader } from '../bytes.ts'
import type { Identity } from '../../access/identity.ts'
import {
  readIdentifiers,
  readIdentity,
  readSubscription,
  writeIdentifiers,
  writeIdentity,
  writeSubscription,
} from '../codec.ts'
import { positionOf } from '../log/position.ts'
import { readWill, writeWill } from '../message-codec.ts'
import { NewerVersion } from '../newer-version.ts'
import { asQueueOwner, type Owner, readOwner, writeOwner } from '../owner.ts'
import type { DeliveryQueue } from './delivery-queue.ts'
import { IDENTIFIED, type Ledger, type SentEntry, type SessionEntry } from './ledger.ts'

/** The approximate size of a part. */
const PART_BYTES = 262_144
const ENTRIES_A_RECORD = 4_096

// The first byte of each record. Logs add records of their own: 1, 7 and 11.
const SEGMENT_PLACES = 2
const SESSION = 3
const WAITING = 4
const RETAINED = 5
const WILL = 6
const REPLAYS = 8
const PLACES = 9
const NUMBERS = 10
const IDENTITY = 12

/** Makes the image of the present state. */
export function imageOf(ledger: Ledger): readonly Buffer[] {
  const parts = new Parts()
  const { writer } = parts
  writer.uint8(NUMBERS)
  writer.uint53(ledger.lastSequence)
  writer.uint53(ledger.lastDelivery)
  writePlaces(parts, ledger)
  for (const session of ledger.sessions.values()) writeSession(parts, ledger, session)
  for (const { owner, waiting } of ledger.queues.values()) writeQueue(parts, ledger, owner, waiting)
  for (const [topic, { slot, sequence }] of ledger.retained) {
    writer.uint8(RETAINED)
    writer.string(topic)
    writer.uint32(slot)
    writer.uint53(sequence)
    parts.recordEnds()
  }
  for (const [clientId, { will, at, identity }] of ledger.wills) {
    writer.uint8(WILL)
    writer.string(clientId)
    writer.double(at ?? Number.NaN)
    writeWill(writer, will)
    writeIdentified(writer, clientId, identity)
    parts.recordEnds()
  }
  parts.cut()
  return parts.parts
}

/** Reads one record of a part into a ledger that was empty. `endRestore` must follow the last one. Throws NewerVersion. */
export function restoreRecord(ledger: Ledger, reader: ByteReader): void {
  const number = reader.uint8()
  if (number === NUMBERS) readNumbers(ledger, reader)
  else if (number === PLACES) readPlaces(ledger, reader)
  else if (number === SEGMENT_PLACES) readSegmentPlaces(ledger, reader)
  else if (number === SESSION) readSession(reader, ledger)
  else if (number === REPLAYS) readReplays(reader, ledger)
  else if (number === WAITING) readQueue(reader, ledger)
  else if (number === RETAINED) {
    const topic = reader.string()
    const slot = reader.uint32()
    ledger.restoreRetained(topic, { slot, sequence: reader.uint53() })
  } else if (number === WILL) {
    const clientId = reader.string()
    const at = numberOrNull(reader.double())
    const identity = ledger.sessions.get(clientId)?.identity ?? null
    ledger.wills.set(clientId, { will: readWill(reader), at, identity })
  } else if (number === IDENTITY) identify(ledger, reader)
  else throw new NewerVersion(`a record of the unknown kind ${number}`)
}

export function endRestore(ledger: Ledger): void {
  ledger.messages.sealFree()
}

class Parts {
  readonly parts: Buffer[] = []
  readonly writer: Writer = new Writer()

  /** Must be called after each record. Makes a part when there are enough bytes. */
  recordEnds(): void {
    if (this.writer.length >= PART_BYTES) this.cut()
  }

  cut(): void {
    if (this.writer.length === 0) return
    const part = Buffer.allocUnsafeSlow(this.writer.length)
    part.set(this.writer.bytes.subarray(0, this.writer.length))
    this.parts.push(part)
    this.writer.reset()
  }
}

function writePlaces(parts: Parts, { messages }: Ledger): void {
  const { writer } = parts
  let count = 0
  let countAt = 0
  for (let slot = 0; slot < messages.end; slot++) {
    if (!messages.isUsed(slot)) continue
    if (count === 0) {
      writer.uint8(PLACES)
      countAt = writer.length
      writer.uint32(0)
    }
    writer.uint32(slot)
    writer.uint53(messages.positionOf(slot))
    writer.uint32(messages.recordOf(slot))
    writer.uint32(messages.sizeOf(slot))
    count += 1
    writer.patchUint32(countAt, count)
    if (count < ENTRIES_A_RECORD) continue
    count = 0
    parts.recordEnds()
  }
  parts.recordEnds()
}

function writeSession(parts: Parts, ledger: Ledger, session: SessionEntry): void {
  const { writer } = parts
  const { clientId, subscriptions, incoming, sent } = session
  writer.uint8(SESSION)
  writer.string(clientId)
  writer.uint32(session.expiryIntervalSeconds)
  writer.double(session.expiresAt ?? Number.NaN)
  writer.uint32(subscriptions.size)
  for (const subscription of subscriptions.values()) writeSubscription(writer, subscription)
  writer.uint32(incoming.size)
  for (const packetId of incoming) writer.uint16(packetId)
  writer.uint32(sent.size)
  for (const entry of sent.values()) writeSent(writer, ledger, entry)
  writeReplays(writer, session)
  writeIdentified(writer, clientId, session.identity)
  parts.recordEnds()
  writeQueue(parts, ledger, { kind: 'session', clientId }, session.waiting)
}

function writeIdentified(writer: Writer, clientId: string, identity: Identity | null): void {
  if (identity === null) return
  writer.uint8(IDENTITY)
  writer.string(clientId)
  writeIdentity(writer, identity)
}

/** The identity of the session or will in the record before it. */
function identify(ledger: Ledger, reader: ByteReader): void {
  const clientId = reader.string()
  const identity = readIdentity(reader, clientId)
  const will = ledger.wills.get(clientId)
  const session = ledger.sessions.get(clientId)
  if (will !== undefined) will.identity = identity
  else if (session !== undefined) session.identity = identity
}

function writeReplays(writer: Writer, { clientId, replays }: SessionEntry): void {
  if (replays.size === 0) return
  writer.uint8(REPLAYS)
  writer.string(clientId)
  writer.uint32(replays.size)
  for (const [filter, sequenceMax] of replays) {
    writer.string(filter)
    writer.uint53(sequenceMax)
  }
}

function writeSent(writer: Writer, ledger: Ledger, entry: SentEntry): void {
  writeEntry(writer, ledger, entry.delivery, entry.slot, entry.options)
  writer.uint16(entry.packetId)
  writer.uint8(entry.isReceived ? 1 : 0)
  writer.uint8(entry.from === null ? 0 : 1)
  if (entry.from !== null) writeOwner(writer, entry.from)
}

function writeQueue(parts: Parts, ledger: Ledger, owner: Owner, waiting: DeliveryQueue): void {
  const { writer } = parts
  let count = 0
  let countAt = 0
  for (const { delivery, slot, options } of waiting.after(0)) {
    if (count === 0) {
      writer.uint8(WAITING)
      writeOwner(writer, owner)
      countAt = writer.length
      writer.uint32(0)
    }
    writeEntry(writer, ledger, delivery, slot, options)
    count += 1
    writer.patchUint32(countAt, count)
    if (count < ENTRIES_A_RECORD) continue
    count = 0
    parts.recordEnds()
  }
  parts.recordEnds()
}

function writeEntry(
  writer: Writer,
  ledger: Ledger,
  delivery: number,
  slot: number,
  options: number,
): void {
  writer.uint53(delivery)
  writer.uint32(slot)
  writer.uint8(options)
  if ((options & IDENTIFIED) === 0) return
  writeIdentifiers(writer, ledger.identifiers.get(delivery) ?? [])
}

function readNumbers(ledger: Ledger, reader: ByteReader): void {
  ledger.lastSequence = reader.uint53()
  ledger.lastDelivery = reader.uint53()
}

function readPlaces({ messages }: Ledger, reader: ByteReader): void {
  for (let count = reader.uint32(); count > 0; count--) {
    const slot = reader.uint32()
    messages.reserve(slot)
    const position = reader.uint53()
    const record = reader.uint32()
    messages.set(slot, position, record, reader.uint32())
  }
}

/** A record of an older version, in which every log had segments. */
function readSegmentPlaces({ messages }: Ledger, reader: ByteReader): void {
  for (let count = reader.uint32(); count > 0; count--) {
    const slot = reader.uint32()
    messages.reserve(slot)
    const segment = reader.uint32()
    const position = positionOf(segment, reader.uint32())
    const record = reader.uint32()
    messages.set(slot, position, record, reader.uint32())
  }
}

function readSession(reader: ByteReader, ledger: Ledger): void {
  const clientId = reader.string()
  const session = ledger.openSession(clientId, reader.uint32())
  session.expiresAt = numberOrNull(reader.double())
  for (let count = reader.uint32(); count > 0; count--) {
    const subscription = readSubscription(reader)
    session.subscriptions.set(subscription.filter, subscription)
  }
  for (let count = reader.uint32(); count > 0; count--) session.incoming.add(reader.uint16())
  for (let count = reader.uint32(); count > 0; count--) {
    const entry = readSent(reader, ledger)
    session.sent.set(entry.delivery, entry)
    if (!entry.isReceived) ledger.messages.refer(entry.slot, 1)
  }
}

function readReplays(reader: ByteReader, ledger: Ledger): void {
  const replays = ledger.sessions.get(reader.string())?.replays
  for (let count = reader.uint32(); count > 0; count--) {
    const filter = reader.string()
    replays?.set(filter, reader.uint53())
  }
}

function readSent(reader: ByteReader, ledger: Ledger): SentEntry {
  const entry = readEntry(reader, ledger)
  const packetId = reader.uint16()
  const isReceived = reader.uint8() === 1
  const from = reader.uint8() === 0 ? null : asQueueOwner(readOwner(reader))
  return { ...entry, packetId, isReceived, from }
}

function readQueue(reader: ByteReader, ledger: Ledger): void {
  const owner = readOwner(reader)
  const waiting = ledger.queueOf(owner)
  for (let count = reader.uint32(); count > 0; count--) {
    const { delivery, slot, options } = readEntry(reader, ledger)
    waiting?.add(delivery, slot, options)
    ledger.messages.refer(slot, 1)
  }
}

function readEntry(
  reader: ByteReader,
  ledger: Ledger,
): { readonly delivery: number; readonly slot: number; readonly options: number } {
  const delivery = reader.uint53()
  const slot = reader.uint32()
  const options = reader.uint8()
  if ((options & IDENTIFIED) !== 0) {
    ledger.identifiers.set(delivery, readIdentifiers(reader))
  }
  return { delivery, slot, options }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

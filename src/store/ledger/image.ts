// The image of a ledger: records in parts. A checkpoint consists of them, and a ledger is restored from them.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
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
import { readDecision } from '../decision.ts'
import { readWill, writeWill } from '../message-codec.ts'
import { NewerVersion } from '../newer-version.ts'
import { asQueueOwner, type Owner, readOwner, writeOwner } from '../owner.ts'
import type { DeliveryQueue } from './delivery-queue.ts'
import { IDENTIFIED } from './delivery-options.ts'
import {
  type HeldState,
  NO_SETTINGS,
  type RetainedEntry,
  type SentEntry,
  type SessionView,
  type WillEntry,
} from './entries.ts'
import {
  DECIDED,
  HELD,
  isOption,
  REPLAYS,
  readHeld,
  readOption,
  readReplays,
  LOCKED,
  MESSAGE_ID,
  readLocked,
  readMessageId,
  writeDecided,
  writeLocked,
  writeMessageId,
  PARTITION,
  readPartition,
  writePartition,
  writeHeld,
  writeOptions,
  writeReplays,
} from './image-records.ts'
import type { Ledger } from './ledger.ts'

/** The approximate size of a part. */
const PART_BYTES = 262_144
const ENTRIES_A_RECORD = 4_096

// The first byte of each record. Logs add records of their own: 1, 7 and 11.
const SEGMENT_PLACES = 2
const SESSION = 3
const WAITING = 4
const RETAINED = 5
const WILL = 6
const PLACES = 9
export const NUMBERS = 10
const IDENTITY = 12
const QUEUE = 13
const HAND_OUTS = 14

/** So many slots are looked at in one slice, whether messages lie there or not. */
const SLOTS_A_SLICE = 65_536

/** The state as it is now, at once. */
export function imageOf(ledger: Ledger): readonly Buffer[] {
  const image = new LedgerImage(ledger)
  const parts: Buffer[] = []
  for (const slice of image.slices()) if (slice.length > 0) parts.push(Buffer.from(slice))
  return parts
}

/** The state as it was when this was made, in slices: between two of them the ledger may change. `end` follows. */
export class LedgerImage {
  readonly #ledger: Ledger
  readonly #state: HeldState
  readonly #partBytes: number
  readonly #parts = new Parts()

  constructor(ledger: Ledger, partBytes: number = PART_BYTES) {
    this.#ledger = ledger
    this.#partBytes = partBytes
    this.#state = ledger.beginImage()
  }

  /**
   * To be gone through once. Each slice is a part, good until the next, or empty while there is not enough for one.
   */
  *slices(): Generator<Buffer> {
    const { writer } = this.#parts
    const { lastSequence, lastDelivery } = this.#state
    writer.uint8(NUMBERS)
    writer.uint53(lastSequence)
    writer.uint53(lastDelivery)
    yield* this.#places()
    for (const [, session] of this.#state.sessions) yield* this.#session(session)
    for (const [, { owner, waiting, settings }] of this.#state.queues) {
      if (owner.kind === 'queue') yield* this.#settings(owner.name, settings ?? NO_SETTINGS)
      yield* this.#queue(owner, waiting)
    }
    yield* this.#handOuts()
    yield* this.#records(this.#state.retained, writeRetained)
    yield* this.#records(this.#state.held, writeHeld)
    yield* this.#records(this.#state.decisions, writeDecided)
    yield* this.#records(this.#state.messageIds, writeMessageId)
    yield* this.#records(this.#state.locked, writeLocked)
    yield* this.#records(this.#state.partitions, writePartition)
    yield* this.#records(this.#state.wills, writeWillOf)
    if (writer.length > 0) yield this.#parts.cut()
    this.end()
  }

  /** The ledger need keep nothing for it any more. */
  end(): void {
    this.#ledger.endImage()
  }

  *#places(): Generator<Buffer> {
    const { rows } = this.#state
    const record = new CountedRecord(this.#parts.writer, this.#partBytes)
    for (let slot = 0; slot < rows.end; slot++) {
      if (slot % SLOTS_A_SLICE === SLOTS_A_SLICE - 1) {
        record.end()
        yield this.#cutIfLarge()
      }
      if (!rows.isUsed(slot)) continue
      const writer = record.next(PLACES)
      writer.uint32(slot)
      writer.uint53(rows.positionOf(slot))
      writer.uint32(rows.recordOf(slot))
      writer.uint32(rows.sizeOf(slot))
      if (record.isWhole) {
        record.end()
        yield this.#cutIfLarge()
      }
    }
    yield* this.#recordEnds()
  }

  *#session(session: SessionView): Generator<Buffer> {
    const { writer } = this.#parts
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
    for (const entry of sent.values()) this.#sent(entry)
    writeOptions(writer, session)
    writeReplays(writer, session)
    writeIdentified(writer, clientId, session.identity)
    yield* this.#recordEnds()
    yield* this.#queue({ kind: 'session', clientId }, session.waiting)
  }

  *#queue(owner: Owner, waiting: DeliveryQueue): Generator<Buffer> {
    if (waiting.count === 0) return
    const record = new CountedRecord(this.#parts.writer, this.#partBytes)
    for (const { delivery, slot, options } of waiting.after(0)) {
      record.next(WAITING, owner)
      this.#entry(delivery, slot, options)
      if (record.isWhole) {
        record.end()
        yield this.#cutIfLarge()
      }
    }
    yield* this.#recordEnds()
  }

  /** Also of a queue whose settings were never stored: it exists even when nothing waits. */
  *#settings(name: string, settings: string): Generator<Buffer> {
    const { writer } = this.#parts
    writer.uint8(QUEUE)
    writer.string(name)
    writer.string(settings)
    yield* this.#recordEnds()
  }

  *#handOuts(): Generator<Buffer> {
    const record = new CountedRecord(this.#parts.writer, this.#partBytes)
    for (const [delivery, { count, reason, queue }] of this.#state.handOuts) {
      const writer = record.next(HAND_OUTS)
      writer.uint53(delivery)
      writer.uint16(count)
      writer.string(reason)
      writer.string(queue)
      if (record.isWhole) {
        record.end()
        yield this.#cutIfLarge()
      }
    }
    yield* this.#recordEnds()
  }

  *#records<Entry>(
    entries: Iterable<Entry>,
    write: (writer: Writer, entry: Entry) => void,
  ): Generator<Buffer> {
    for (const entry of entries) {
      write(this.#parts.writer, entry)
      yield* this.#recordEnds()
    }
  }

  #sent(entry: SentEntry): void {
    const { writer } = this.#parts
    this.#entry(entry.delivery, entry.slot, entry.options)
    writer.uint16(entry.packetId)
    writer.uint8(entry.isReceived ? 1 : 0)
    writer.uint8(entry.from === null ? 0 : 1)
    if (entry.from !== null) writeOwner(writer, entry.from)
  }

  #entry(delivery: number, slot: number, options: number): void {
    const { writer } = this.#parts
    writer.uint53(delivery)
    writer.uint32(slot)
    writer.uint8(options)
    if ((options & IDENTIFIED) === 0) return
    writeIdentifiers(writer, this.#ledger.identifiers.inImage(delivery))
  }

  /** A record is complete: a part is made when there is enough for one. */
  *#recordEnds(): Generator<Buffer> {
    if (this.#parts.writer.length >= this.#partBytes) yield this.#parts.cut()
  }

  /** Ends a slice: with a part when there is enough for one, else with nothing. */
  #cutIfLarge(): Buffer {
    return this.#parts.writer.length >= this.#partBytes ? this.#parts.cut() : NOTHING
  }
}

const NOTHING = Buffer.alloc(0)

class Parts {
  readonly writer: Writer = new Writer()

  cut(): Buffer {
    const part = this.writer.bytes.subarray(0, this.writer.length)
    this.writer.reset()
    return part
  }
}

/** Records of many entries, each with their number before them. */
class CountedRecord {
  readonly #writer: Writer
  readonly #partBytes: number
  #count = 0
  #countAt = 0

  constructor(writer: Writer, partBytes: number) {
    this.#writer = writer
    this.#partBytes = partBytes
  }

  get isWhole(): boolean {
    return this.#count >= ENTRIES_A_RECORD || this.#writer.length >= this.#partBytes
  }

  /** Another entry follows, in a new record where none is open. */
  next(number: number, owner: Owner | null = null): Writer {
    const writer = this.#writer
    if (this.#count === 0) {
      writer.uint8(number)
      if (owner !== null) writeOwner(writer, owner)
      this.#countAt = writer.length
      writer.uint32(0)
    }
    this.#count += 1
    writer.patchUint32(this.#countAt, this.#count)
    return writer
  }

  end(): void {
    this.#count = 0
  }
}

/** Reads a part into a ledger that was empty. `endRestore` must follow the last one. Throws NewerVersion. */
export function restorePart(ledger: Ledger, part: Buffer): void {
  const reader = new ByteReader(part)
  while (reader.position < part.length) restoreRecord(ledger, reader)
}

/** Reads one record of a part. Throws NewerVersion. */
export function restoreRecord(ledger: Ledger, reader: ByteReader): void {
  const number = reader.uint8()
  if (number === NUMBERS) readNumbers(ledger, reader)
  else if (number === PLACES) readPlaces(ledger, reader)
  else if (number === SEGMENT_PLACES) readSegmentPlaces(ledger, reader)
  else if (number === SESSION) readSession(reader, ledger)
  else if (number === REPLAYS) readReplays(reader, ledger)
  else if (isOption(number)) readOption(number, reader, ledger)
  else if (number === HELD) readHeld(reader, ledger)
  else if (number === LOCKED) readLocked(reader, ledger)
  else if (number === MESSAGE_ID) readMessageId(reader, ledger)
  else if (number === PARTITION) readPartition(reader, ledger)
  else if (number === DECIDED) ledger.decisions.set(readDecision(reader))
  else if (number === WAITING) readQueue(reader, ledger)
  else if (number === RETAINED) {
    const topic = reader.string()
    const slot = reader.uint32()
    ledger.restoreRetained(topic, slot, reader.uint53())
  } else if (number === WILL) {
    const clientId = reader.string()
    const at = numberOrNull(reader.double())
    ledger.setWill(clientId, readWill(reader), at)
  } else if (number === IDENTITY) identify(ledger, reader)
  else if (number === QUEUE) {
    const name = reader.string()
    ledger.setQueue(name, reader.string())
  } else if (number === HAND_OUTS) readHandOuts(ledger, reader)
  else throw new NewerVersion(`a record of the unknown kind ${number}`)
}

export function endRestore(ledger: Ledger): void {
  ledger.messages.sealFree()
}

function writeRetained(
  writer: Writer,
  [topic, { slot, sequence }]: readonly [string, RetainedEntry],
): void {
  writer.uint8(RETAINED)
  writer.string(topic)
  writer.uint32(slot)
  writer.uint53(sequence)
}

function writeWillOf(
  writer: Writer,
  [clientId, { will, at, identity }]: readonly [string, Readonly<WillEntry>],
): void {
  writer.uint8(WILL)
  writer.string(clientId)
  writer.double(at ?? Number.NaN)
  writeWill(writer, will)
  writeIdentified(writer, clientId, identity)
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
  const will = ledger.willToChange(clientId)
  const session = ledger.sessionToChange(clientId)
  if (will !== undefined) will.identity = identity
  else if (session !== undefined) session.identity = identity
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
    messages.fill(slot, position, record, reader.uint32())
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
    messages.fill(slot, position, record, reader.uint32())
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

function readSent(reader: ByteReader, ledger: Ledger): SentEntry {
  const delivery = reader.uint53()
  const slot = reader.uint32()
  const options = reader.uint8()
  if ((options & IDENTIFIED) !== 0) ledger.identifiers.set(delivery, readIdentifiers(reader))
  const packetId = reader.uint16()
  const isReceived = reader.uint8() === 1
  const from = reader.uint8() === 0 ? null : asQueueOwner(readOwner(reader))
  return { delivery, slot, options, packetId, isReceived, from }
}

function readQueue(reader: ByteReader, ledger: Ledger): void {
  const owner = readOwner(reader)
  const waiting = ledger.queueOf(owner)
  for (let count = reader.uint32(); count > 0; count--) {
    const delivery = reader.uint53()
    const slot = reader.uint32()
    const options = reader.uint8()
    if ((options & IDENTIFIED) !== 0) ledger.identifiers.set(delivery, readIdentifiers(reader))
    waiting?.add(delivery, slot, options)
    ledger.messages.refer(slot, 1)
  }
}

function readHandOuts({ handOuts }: Ledger, reader: ByteReader): void {
  for (let entries = reader.uint32(); entries > 0; entries--) {
    const delivery = reader.uint53()
    const count = reader.uint16()
    const reason = reader.name()
    handOuts.set(delivery, { count, reason, queue: reader.name() })
  }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

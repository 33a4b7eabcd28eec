// Records of an image that are about delayed messages, transactions and what subscriptions say beyond MQTT's options.

import type { Writer } from '../../packet/writer.ts'
import type { ByteReader } from '../bytes.ts'
import { writeDecision } from '../decision.ts'
import type { PartitionReach, StoredMessageId } from '../store.ts'
import type { DecidedEntry } from './decision-table.ts'
import type { HeldEntry, SessionView } from './entries.ts'
import type { LockedEntry } from './locked-table.ts'
import { queueOwner, writeOwner } from '../owner.ts'
import type { Ledger } from './ledger.ts'

// What the record of a session does not say of its subscriptions is in records behind it.
/** The expression of one. */
const FILTERED = 40
/** One is of a transactional consumer. */
const TRANSACTIONAL = 60
/** How often one that is conflated gets a message. */
const CONFLATED = 80
/** The replays of the session in the record before. */
export const REPLAYS = 8
/** A delayed message. */
export const HELD = 41
/** What became of a transaction. */
export const DECIDED = 50
/** A delivery that a prepared transaction has locked. */
export const LOCKED = 61
/** The `$message-id` of a message. */
export const MESSAGE_ID = 63
/** How far a partition's log is applied here. */
export const PARTITION = 90

export function writeOptions(writer: Writer, { clientId, subscriptions }: SessionView): void {
  const begin = (kind: number, filter: string): void => {
    writer.uint8(kind)
    writer.string(clientId)
    writer.string(filter)
  }
  for (const { filter, where, conflateMs, transactional } of subscriptions.values()) {
    if (where !== undefined) {
      begin(FILTERED, filter)
      writer.string(where)
    }
    if (conflateMs !== undefined) {
      begin(CONFLATED, filter)
      writer.uint32(conflateMs)
    }
    if (transactional === true) begin(TRANSACTIONAL, filter)
  }
}

export function isOption(kind: number): boolean {
  return kind === FILTERED || kind === CONFLATED || kind === TRANSACTIONAL
}

export function readOption(kind: number, reader: ByteReader, ledger: Ledger): void {
  const subscriptions = ledger.sessionToChange(reader.string())?.subscriptions
  const filter = reader.string()
  const option =
    kind === FILTERED
      ? { where: reader.string() }
      : kind === CONFLATED
        ? { conflateMs: reader.uint32() }
        : ({ transactional: true } as const)
  const subscription = subscriptions?.get(filter)
  if (subscription !== undefined) subscriptions?.set(filter, { ...subscription, ...option })
}

export function writeHeld(
  writer: Writer,
  [sequence, { slot, due, key }]: readonly [number, HeldEntry],
): void {
  writer.uint8(HELD)
  writer.uint53(sequence)
  writer.uint32(slot)
  writer.double(due)
  writer.string(key)
}

/** The decisions of a name, a record each. */
export function writeDecided(writer: Writer, [, of]: readonly [string, DecidedEntry]): void {
  const { decisions } = of
  for (let index = 0; index < decisions.length; index++) {
    writer.uint8(DECIDED)
    writeDecision(writer, of, decisions.at(index))
  }
}

export function writeLocked(
  writer: Writer,
  [delivery, { slot, options, owner, clientId, transaction }]: readonly [number, LockedEntry],
): void {
  writer.uint8(LOCKED)
  writer.uint53(delivery)
  writer.uint32(slot)
  writer.uint8(options)
  writeOwner(writer, owner)
  writer.string(clientId)
  writer.string(transaction)
}

export function readLocked(reader: ByteReader, ledger: Ledger): void {
  const delivery = reader.uint53()
  const slot = reader.uint32()
  const options = reader.uint8()
  const owner = queueOwner.read(reader, reader)
  const clientId = reader.string()
  const transaction = reader.string()
  ledger.restoreLocked(delivery, { slot, options, owner, clientId, transaction, image: 0 })
}

export function writeMessageId(writer: Writer, { clientId, id, at }: StoredMessageId): void {
  writer.uint8(MESSAGE_ID)
  writer.string(clientId)
  writer.string(id)
  writer.double(at)
}

export function readMessageId(reader: ByteReader, { messageIds }: Ledger): void {
  const clientId = reader.string()
  const id = reader.string()
  messageIds.add(clientId, id, reader.double())
}

export function writePartition(writer: Writer, { partition, log, number }: PartitionReach): void {
  writer.uint8(PARTITION)
  writer.uint16(partition)
  writer.uint53(log)
  writer.uint53(number)
}

export function readPartition(reader: ByteReader, { partitions }: Ledger): void {
  const partition = reader.uint16()
  const log = reader.uint53()
  partitions.set({ partition, log, number: reader.uint53() })
}

export function readHeld(reader: ByteReader, ledger: Ledger): void {
  const sequence = reader.uint53()
  const slot = reader.uint32()
  ledger.restoreHeld(sequence, slot, reader.double(), reader.string())
}

export function writeReplays(writer: Writer, { clientId, replays }: SessionView): void {
  if (replays.size === 0) return
  writer.uint8(REPLAYS)
  writer.string(clientId)
  writer.uint32(replays.size)
  for (const [filter, sequenceMax] of replays) {
    writer.string(filter)
    writer.uint53(sequenceMax)
  }
}

export function readReplays(reader: ByteReader, ledger: Ledger): void {
  const replays = ledger.sessionToChange(reader.string())?.replays
  for (let count = reader.uint32(); count > 0; count--) {
    const filter = reader.string()
    replays?.set(filter, reader.uint53())
  }
}

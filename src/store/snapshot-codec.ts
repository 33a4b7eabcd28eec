// Encodes snapshots and pages as bytes, for the way from the store's thread to the broker's.

import type { Message } from '../message.ts'
import type { Writer } from '../packet/writer.ts'
import { ByteReader } from './bytes.ts'
import { readDecision, writeDecision } from './decision.ts'
import { readIdentity, readSubscription, writeIdentity, writeSubscription } from './codec.ts'
import { qosIn, readMessage, readWill, writeMessage, writeWill } from './message-codec.ts'
import { asQueueOwner, readOwner, writeOwner } from './owner.ts'
import type {
  HandOuts,
  Remainder,
  Snapshot,
  StoredDecision,
  StoredDelivery,
  StoredGroup,
  StoredHeld,
  StoredLock,
  StoredMessageId,
  StoredPartition,
  StoredQueue,
  StoredSession,
} from './store.ts'

const NUMBERS = 1
const SESSION = 2
const GROUP = 3
const RETAINED = 4
const QUEUE = 5
const HELD = 6
const DECISION = 7
const MESSAGE_ID = 8
const LOCKED = 9
const PARTITION = 10

// The flags of a delivery. Its QoS is in the two lowest bits.
const RETAIN = 4
const HAS_MESSAGE = 8
const HAS_GROUP = 16
const HAS_HAND_OUTS = 32

/** A snapshot whose parts may be made one by one. */
export interface SnapshotParts {
  readonly sessions: Iterable<StoredSession>
  readonly groups: Iterable<StoredGroup>
  readonly queues: Iterable<StoredQueue>
  readonly retained: Iterable<Message>
  readonly held: Iterable<StoredHeld>
  readonly decisions: Iterable<StoredDecision>
  readonly messageIds: Iterable<StoredMessageId>
  readonly locked: Iterable<StoredLock>
  readonly partitions: Iterable<StoredPartition>
  readonly lastSequence: number
  readonly lastDelivery: number
}

/** Writes the snapshot. `flush` is called after each part to send the written bytes. */
export function writeSnapshot(writer: Writer, snapshot: SnapshotParts, flush: () => void): void {
  writer.uint8(NUMBERS)
  writer.uint53(snapshot.lastSequence)
  writer.uint53(snapshot.lastDelivery)
  for (const session of snapshot.sessions) {
    writeSession(writer, session)
    flush()
  }
  for (const { shareName, topicFilter, where, deliveries, remainder } of snapshot.groups) {
    writer.uint8(GROUP)
    writer.string(shareName)
    writer.string(topicFilter)
    writer.string(where ?? '')
    writeLine(writer, deliveries, remainder)
    flush()
  }
  for (const { name, settings, deliveries, remainder } of snapshot.queues) {
    writer.uint8(QUEUE)
    writer.string(name)
    writer.string(settings)
    writeLine(writer, deliveries, remainder)
    flush()
  }
  for (const { message, due, key } of snapshot.held) {
    writer.uint8(HELD)
    writeMessage(writer, message)
    writer.double(due)
    writer.string(key)
    flush()
  }
  for (const decision of snapshot.decisions) {
    writer.uint8(DECISION)
    writeDecision(writer, decision, decision)
    flush()
  }
  for (const { clientId, id, at } of snapshot.messageIds) {
    writer.uint8(MESSAGE_ID)
    writer.string(clientId)
    writer.string(id)
    writer.double(at)
    flush()
  }
  for (const { delivery, clientId, transaction } of snapshot.locked) {
    writer.uint8(LOCKED)
    writeDelivery(writer, delivery)
    writer.string(clientId)
    writer.string(transaction)
    flush()
  }
  for (const partition of snapshot.partitions) {
    writePartition(writer, partition)
    flush()
  }
  for (const message of snapshot.retained) {
    writer.uint8(RETAINED)
    writeMessage(writer, message)
    flush()
  }
}

/** Assembles a snapshot from received parts. */
// Wide on purpose: each field is a list of the snapshot.
export class SnapshotReading {
  readonly #sessions: StoredSession[] = []
  readonly #groups: StoredGroup[] = []
  readonly #queues: StoredQueue[] = []
  readonly #retained: Message[] = []
  readonly #held: StoredHeld[] = []
  readonly #decisions: StoredDecision[] = []
  readonly #messageIds: StoredMessageId[] = []
  readonly #locked: StoredLock[] = []
  readonly #partitions: StoredPartition[] = []
  #lastSequence = 0
  #lastDelivery = 0

  whole(): Snapshot {
    return {
      sessions: this.#sessions,
      groups: this.#groups,
      queues: this.#queues,
      retained: this.#retained,
      held: this.#held,
      decisions: this.#decisions,
      messageIds: this.#messageIds,
      locked: this.#locked,
      partitions: this.#partitions,
      lastSequence: this.#lastSequence,
      lastDelivery: this.#lastDelivery,
    }
  }

  add(bytes: Buffer): void {
    const reader = new ByteReader(bytes)
    while (reader.position < bytes.length) {
      switch (reader.uint8()) {
        case NUMBERS:
          this.#lastSequence = reader.uint53()
          this.#lastDelivery = reader.uint53()
          break
        case SESSION:
          this.#sessions.push(readSession(reader))
          break
        case GROUP:
          this.#groups.push(readGroup(reader))
          break
        case QUEUE:
          this.#queues.push(readQueue(reader))
          break
        case HELD:
          this.#held.push(readHeld(reader))
          break
        case DECISION:
          this.#decisions.push(readDecision(reader))
          break
        case MESSAGE_ID: {
          const clientId = reader.string()
          const id = reader.string()
          this.#messageIds.push({ clientId, id, at: reader.double() })
          break
        }
        case LOCKED: {
          const delivery = readDelivery(reader)
          const clientId = reader.string()
          this.#locked.push({ delivery, clientId, transaction: reader.string() })
          break
        }
        case PARTITION: {
          const partition = reader.uint16()
          const log = reader.uint53()
          const number = reader.uint53()
          this.#partitions.push({ partition, log, number, ...readLine(reader) })
          break
        }
        default:
          this.#retained.push(readMessage(reader))
      }
    }
  }
}

export function writeDeliveries(writer: Writer, deliveries: readonly StoredDelivery[]): void {
  writer.uint32(deliveries.length)
  for (const delivery of deliveries) writeDelivery(writer, delivery)
}

export function readDeliveries(reader: ByteReader): StoredDelivery[] {
  return Array.from({ length: reader.uint32() }, () => readDelivery(reader))
}

function writePartition(
  writer: Writer,
  { partition, log, number, deliveries, remainder }: StoredPartition,
): void {
  writer.uint8(PARTITION)
  writer.uint16(partition)
  writer.uint53(log)
  writer.uint53(number)
  writeLine(writer, deliveries, remainder)
}

function writeSession(writer: Writer, session: StoredSession): void {
  writer.uint8(SESSION)
  writer.string(session.clientId)
  writer.uint8(session.identity === null ? 0 : 1)
  if (session.identity !== null) writeIdentity(writer, session.identity)
  writer.uint32(session.expiryIntervalSeconds)
  writer.double(session.expiresAt ?? Number.NaN)
  writer.uint8(session.will === null ? 0 : 1)
  if (session.will !== null) {
    writeWill(writer, session.will)
    writer.double(session.willAt ?? Number.NaN)
  }
  writer.uint32(session.subscriptions.length)
  for (const subscription of session.subscriptions) {
    writeSubscription(writer, subscription)
    writer.string(subscription.where ?? '')
    writer.uint32(subscription.conflateMs ?? 0)
    writer.uint8(subscription.transactional === true ? 1 : 0)
  }
  writer.uint32(session.replays.length)
  for (const { filter, sequenceMax } of session.replays) {
    writer.string(filter)
    writer.uint53(sequenceMax)
  }
  writeLine(writer, session.deliveries, session.remainder)
  writer.uint32(session.incoming.length)
  for (const packetId of session.incoming) writer.uint16(packetId)
}

function readSession(reader: ByteReader): StoredSession {
  const clientId = reader.string()
  const identity = reader.uint8() === 0 ? null : readIdentity(reader, clientId)
  const expiryIntervalSeconds = reader.uint32()
  const expiresAt = numberOrNull(reader.double())
  const hasWill = reader.uint8() === 1
  return {
    clientId,
    identity,
    expiryIntervalSeconds,
    expiresAt,
    will: hasWill ? readWill(reader) : null,
    willAt: hasWill ? numberOrNull(reader.double()) : null,
    subscriptions: Array.from({ length: reader.uint32() }, () => ({
      ...readSubscription(reader),
      ...readWhere(reader),
      ...readConflation(reader),
      ...(reader.uint8() === 1 ? { transactional: true } : {}),
    })),
    replays: Array.from({ length: reader.uint32() }, () => ({
      filter: reader.string(),
      sequenceMax: reader.uint53(),
    })),
    ...readLine(reader),
    incoming: Array.from({ length: reader.uint32() }, () => reader.uint16()),
  }
}

function readGroup(reader: ByteReader): StoredGroup {
  return {
    shareName: reader.string(),
    topicFilter: reader.string(),
    ...readWhere(reader),
    ...readLine(reader),
  }
}

function readWhere(reader: ByteReader): { readonly where?: string } {
  const where = reader.string()
  return where === '' ? {} : { where }
}

function readConflation(reader: ByteReader): { readonly conflateMs?: number } {
  const conflateMs = reader.uint32()
  return conflateMs === 0 ? {} : { conflateMs }
}

function readHeld(reader: ByteReader): StoredHeld {
  return { message: readMessage(reader), due: reader.double(), key: reader.string() }
}

function readQueue(reader: ByteReader): StoredQueue {
  return { name: reader.string(), settings: reader.string(), ...readLine(reader) }
}

function writeLine(
  writer: Writer,
  deliveries: readonly StoredDelivery[],
  remainder: Remainder,
): void {
  writeDeliveries(writer, deliveries)
  writer.uint53(remainder.messages)
  writer.uint53(remainder.bytes)
}

function readLine(reader: ByteReader): {
  readonly deliveries: StoredDelivery[]
  readonly remainder: Remainder
} {
  const deliveries = readDeliveries(reader)
  return { deliveries, remainder: { messages: reader.uint53(), bytes: reader.uint53() } }
}

function writeDelivery(writer: Writer, delivery: StoredDelivery): void {
  const { message, qos, retain, identifiers, packetId, group, handOuts } = delivery
  writer.uint8(
    qos |
      (retain ? RETAIN : 0) |
      (message === null ? 0 : HAS_MESSAGE) |
      (group === null ? 0 : HAS_GROUP) |
      (handOuts === null ? 0 : HAS_HAND_OUTS),
  )
  writer.uint53(delivery.delivery)
  writer.uint16(packetId)
  writer.uint16(identifiers.length)
  for (const identifier of identifiers) writer.uint32(identifier)
  if (message !== null) writeMessage(writer, message)
  if (group !== null) writeOwner(writer, group)
  if (handOuts === null) return
  writer.uint16(handOuts.count)
  writer.string(handOuts.reason)
  writer.string(handOuts.queue)
}

function readDelivery(reader: ByteReader): StoredDelivery {
  const flags = reader.uint8()
  const delivery = reader.uint53()
  const packetId = reader.uint16()
  const identifiers = Array.from({ length: reader.uint16() }, () => reader.uint32())
  const message = (flags & HAS_MESSAGE) === 0 ? null : readMessage(reader)
  const owner = (flags & HAS_GROUP) === 0 ? null : readOwner(reader)
  return {
    delivery,
    message,
    qos: qosIn(flags),
    retain: (flags & RETAIN) !== 0,
    identifiers,
    packetId,
    group: owner === null ? null : asQueueOwner(owner),
    handOuts: (flags & HAS_HAND_OUTS) === 0 ? null : readHandOuts(reader),
  }
}

function readHandOuts(reader: ByteReader): HandOuts {
  return { count: reader.uint16(), reason: reader.name(), queue: reader.name() }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

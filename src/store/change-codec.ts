// A change as the bytes of the log. The format is part of the store's promise: a kind keeps its number and its
// fields for ever; what is new gets a new number.

import { strict as assert } from 'node:assert'
import { contentBytes } from '../message.ts'
import type { Writer } from '../packet/writer.ts'
import { isShareStrategyName } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { ByteReader } from './bytes.ts'
import type { Change, GroupOwner, Owner } from './change.ts'
import { qosIn, readMessage, readWill, writeMessage, writeWill } from './message-codec.ts'

/** A `sent` with the Subscription Identifiers of a member of a share group. */
export const SENT_WITH_IDENTIFIERS = 23

/** The first byte of each record. */
export const KIND = {
  'session-opened': 1,
  'session-resumed': 2,
  'session-left': 3,
  'session-ended': 4,
  'will-set': 5,
  'will-cleared': 6,
  'will-delayed': 7,
  subscribed: 8,
  unsubscribed: 9,
  'message-stored': 10,
  queued: 11,
  sent: 12,
  returned: 13,
  received: 14,
  settled: 15,
  'incoming-opened': 16,
  'incoming-released': 17,
  'retained-set': 18,
  'retained-cleared': 19,
  'group-ended': 20,
  'replay-begun': 21,
  replayed: 22,
} as const satisfies Readonly<Record<Change['kind'], number>>

type KindNumber = (typeof KIND)[Change['kind']]

const NO_IDENTIFIERS: readonly number[] = []

const OWNER_SESSION = 0
const OWNER_GROUP = 1

// The options of a subscription, and of something owed: QoS in the two lowest bits.
const RETAIN = 4
const NO_LOCAL = 8
const RETAIN_HANDLING_SHIFT = 4

export function writeChanges(writer: Writer, changes: readonly Change[]): void {
  for (const change of changes) writeChange(writer, change)
}

export function readChanges(reader: ByteReader, end: number): Change[] {
  const changes: Change[] = []
  while (reader.position < end) changes.push(readChange(reader))
  return changes
}

/** The four that each durable message makes come first, and their numbers are not looked up. */
export function writeChange(writer: Writer, change: Change): void {
  switch (change.kind) {
    case 'message-stored':
      writer.uint8(KIND['message-stored'])
      writeStored(writer, change)
      return
    case 'queued':
      writer.uint8(KIND.queued)
      writer.uint53(change.delivery)
      writer.uint53(change.sequence)
      writer.uint8(change.qos | (change.retain ? RETAIN : 0))
      writer.uint16(change.packetId)
      writeIdentifiers(writer, change.identifiers)
      writeOwner(writer, change.owner)
      return
    case 'sent':
      writer.uint8(change.identifiers.length === 0 ? KIND.sent : SENT_WITH_IDENTIFIERS)
      writer.uint53(change.delivery)
      writer.uint16(change.packetId)
      writer.uint8(change.qos | (change.retain ? RETAIN : 0))
      writeOwner(writer, change.owner)
      writer.string(isOwnersOwn(change) ? '' : change.clientId)
      if (change.identifiers.length > 0) writeIdentifiers(writer, change.identifiers)
      return
    case 'settled':
      writer.uint8(KIND.settled)
      writer.uint53(change.delivery)
      writeOwner(writer, change.owner)
      return
    default:
      writer.uint8(KIND[change.kind])
      writeRare(writer, change)
  }
}

function writeIdentifiers(writer: Writer, identifiers: readonly number[]): void {
  writer.uint16(identifiers.length)
  for (const identifier of identifiers) writer.uint32(identifier)
}

type RareChange = Exclude<Change, { kind: 'message-stored' | 'queued' | 'sent' | 'settled' }>

function writeRare(writer: Writer, change: RareChange): void {
  switch (change.kind) {
    case 'received':
      writer.uint53(change.delivery)
      writer.string(change.clientId)
      return
    case 'returned':
      writer.uint53(change.delivery)
      writer.string(change.clientId)
      writeOwner(writer, change.owner)
      return
    case 'group-ended':
      writeOwner(writer, change.owner)
      return
    case 'retained-set':
      writer.uint53(change.sequence)
      writer.string(change.topic)
      return
    case 'retained-cleared':
      writer.string(change.topic)
      return
    default:
      writeClientChange(writer, change)
  }
}

type ClientChange = Exclude<
  RareChange,
  { kind: `retained-${string}` | 'returned' | 'received' | 'group-ended' }
>

function writeClientChange(writer: Writer, change: ClientChange): void {
  writer.string(change.clientId)
  switch (change.kind) {
    case 'session-opened':
    case 'session-resumed':
      writer.uint32(change.expiryIntervalSeconds)
      return
    case 'session-left':
      writer.double(change.expiresAt)
      return
    case 'will-set':
      writeWill(writer, change.will)
      return
    case 'will-delayed':
      writer.double(change.at)
      return
    case 'subscribed':
      writeSubscription(writer, change.subscription)
      return
    case 'unsubscribed':
    case 'replayed':
      writer.string(change.filter)
      return
    case 'replay-begun':
      writer.string(change.filter)
      writer.uint53(change.sequenceMax)
      return
    case 'incoming-opened':
    case 'incoming-released':
      writer.uint16(change.packetId)
      return
    case 'session-ended':
    case 'will-cleared':
      return
  }
}

/** Its length goes before it, so that whoever looks for what is owed can pass over messages. */
function writeStored(writer: Writer, change: Extract<Change, { kind: 'message-stored' }>): void {
  const lengthAt = writer.length
  writer.uint32(0)
  writer.uint32(contentBytes(change.message))
  const start = writer.length
  writeMessage(writer, change.message)
  writer.patchUint32(lengthAt, writer.length - start)
}

export function readChange(reader: ByteReader): Change {
  const kind = reader.uint8() as KindNumber | typeof SENT_WITH_IDENTIFIERS
  switch (kind) {
    case KIND['message-stored']:
      reader.position += 8
      return { kind: 'message-stored', message: readMessage(reader) }
    case KIND.queued:
      return readOwed(reader)
    case KIND.sent:
    case SENT_WITH_IDENTIFIERS:
      return readSent(reader, kind)
    case KIND.settled:
      return { kind: 'settled', delivery: reader.uint53(), owner: readOwner(reader) }
    case KIND.received:
      return { kind: 'received', delivery: reader.uint53(), clientId: reader.string() }
    case KIND.returned:
      return {
        kind: 'returned',
        delivery: reader.uint53(),
        clientId: reader.string(),
        owner: groupIn(readOwner(reader)),
      }
    case KIND['group-ended']:
      return { kind: 'group-ended', owner: groupIn(readOwner(reader)) }
    case KIND['retained-set']:
      return { kind: 'retained-set', sequence: reader.uint53(), topic: reader.string() }
    case KIND['retained-cleared']:
      return { kind: 'retained-cleared', topic: reader.string() }
    default:
      return readClientChange(kind, reader)
  }
}

function readClientChange(kind: (typeof KIND)[ClientChange['kind']], reader: ByteReader): Change {
  const clientId = reader.string()
  switch (kind) {
    case KIND['session-opened']:
      return { kind: 'session-opened', clientId, expiryIntervalSeconds: reader.uint32() }
    case KIND['session-resumed']:
      return { kind: 'session-resumed', clientId, expiryIntervalSeconds: reader.uint32() }
    case KIND['session-left']:
      return { kind: 'session-left', clientId, expiresAt: reader.double() }
    case KIND['session-ended']:
      return { kind: 'session-ended', clientId }
    case KIND['will-set']:
      return { kind: 'will-set', clientId, will: readWill(reader) }
    case KIND['will-cleared']:
      return { kind: 'will-cleared', clientId }
    case KIND['will-delayed']:
      return { kind: 'will-delayed', clientId, at: reader.double() }
    case KIND.subscribed:
      return { kind: 'subscribed', clientId, subscription: readSubscription(reader) }
    case KIND.unsubscribed:
      return { kind: 'unsubscribed', clientId, filter: reader.string() }
    case KIND['replay-begun']: {
      const filter = reader.string()
      return { kind: 'replay-begun', clientId, filter, sequenceMax: reader.uint53() }
    }
    case KIND.replayed:
      return { kind: 'replayed', clientId, filter: reader.string() }
    case KIND['incoming-opened']:
      return { kind: 'incoming-opened', clientId, packetId: reader.uint16() }
    case KIND['incoming-released']:
      return { kind: 'incoming-released', clientId, packetId: reader.uint16() }
    default:
      throw new Error(`a change of the unknown kind ${String(kind)}: a newer version wrote it`)
  }
}

function readOwed(reader: ByteReader): Change {
  const delivery = reader.uint53()
  const sequence = reader.uint53()
  const options = reader.uint8()
  const packetId = reader.uint16()
  const identifiers = readIdentifiers(reader)
  const owner = readOwner(reader)
  const retain = (options & RETAIN) !== 0
  const qos = qosIn(options)
  return { kind: 'queued', delivery, owner, sequence, qos, retain, identifiers, packetId }
}

function readSent(reader: ByteReader, kind: number): Change {
  const delivery = reader.uint53()
  const packetId = reader.uint16()
  const options = reader.uint8()
  const owner = readOwner(reader)
  const clientId = readRecipient(reader, owner)
  const retain = (options & RETAIN) !== 0
  const qos = qosIn(options)
  const identifiers = kind === SENT_WITH_IDENTIFIERS ? readIdentifiers(reader) : NO_IDENTIFIERS
  return { kind: 'sent', delivery, owner, clientId, packetId, qos, retain, identifiers }
}

export function readIdentifiers(reader: ByteReader): readonly number[] {
  const count = reader.uint16()
  return count === 0 ? NO_IDENTIFIERS : Array.from({ length: count }, () => reader.uint32())
}

/** To whom it was sent. */
export function readRecipient(reader: ByteReader, owner: Owner): string {
  const named = reader.name()
  return named === '' && owner.kind === 'session' ? owner.clientId : named
}

/** It was sent to the client that it is owed to: the name need not stand there twice. */
function isOwnersOwn({ owner, clientId }: Extract<Change, { kind: 'sent' }>): boolean {
  return owner.kind === 'session' && owner.clientId === clientId
}

export function writeOwner(writer: Writer, owner: Owner): void {
  if (owner.kind === 'session') {
    writer.uint8(OWNER_SESSION)
    writer.string(owner.clientId)
  } else {
    writer.uint8(OWNER_GROUP)
    writer.string(owner.shareName)
    writer.string(owner.topicFilter)
  }
}

export function readOwner(reader: ByteReader): Owner {
  if (reader.uint8() === OWNER_SESSION) return { kind: 'session', clientId: reader.name() }
  return { kind: 'group', shareName: reader.name(), topicFilter: reader.name() }
}

export function writeSubscription(writer: Writer, subscription: Subscription): void {
  const { filter, topicFilter, shareName, qos, identifier } = subscription
  writer.string(filter)
  writer.string(topicFilter)
  writer.uint8(shareName === null ? 0 : 1)
  if (shareName !== null) writer.string(shareName)
  writer.uint8(
    qos |
      (subscription.retainAsPublished ? RETAIN : 0) |
      (subscription.noLocal ? NO_LOCAL : 0) |
      (subscription.retainHandling << RETAIN_HANDLING_SHIFT),
  )
  writer.uint32(identifier)
  writer.string(subscription.strategy ?? '')
  writer.uint16(subscription.weight ?? 0)
}

export function readSubscription(reader: ByteReader): Subscription {
  const filter = reader.string()
  const matched = reader.string()
  // The same text twice would be kept twice.
  const topicFilter = matched === filter ? filter : matched
  const shareName = reader.uint8() === 0 ? null : reader.string()
  const options = reader.uint8()
  const identifier = reader.uint32()
  const strategy = reader.string()
  const weight = reader.uint16()
  return {
    filter,
    topicFilter,
    shareName,
    qos: qosIn(options),
    noLocal: (options & NO_LOCAL) !== 0,
    retainAsPublished: (options & RETAIN) !== 0,
    retainHandling: qosIn(options >> RETAIN_HANDLING_SHIFT),
    identifier,
    ...(isShareStrategyName(strategy) && { strategy }),
    ...(weight !== 0 && { weight }),
  }
}

function groupIn(owner: Owner): GroupOwner {
  assert(owner.kind === 'group', 'only a group ends in this way')
  return owner
}

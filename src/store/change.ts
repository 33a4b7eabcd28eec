// Every durable change: one row a kind, with its number, its fields in the order in which they stand in the log, and
// what it does. The union `Change`, the bytes and the replay are made of these rows. A store persists changes; it
// answers no questions about topics.

import { contentBytes } from '../message.ts'
import {
  type FieldCodecs,
  type FieldsOf,
  identifiers,
  identity,
  message,
  milliseconds,
  NO_IDENTIFIERS,
  qosAndRetain,
  subscription,
  text,
  uint16,
  uint32,
  uint53,
  will,
} from './codec.ts'
import { type Ledger, optionsOf, type Place } from './ledger/ledger.ts'
import { owner, queueOwner } from './owner.ts'
import { recipient } from './recipient.ts'

/** Records of the same kind under a number of their own, without some of the fields: older ones, or shorter ones. */
interface ShortForm<Fields> {
  readonly number: number
  /** What the fields are that do not stand there. */
  readonly absent: Partial<Fields>
  /** Whether this form says all that there is to say. */
  suffices(fields: Fields): boolean
}

export interface ChangeKind<Codecs extends FieldCodecs> {
  /** For ever: a kind keeps its number and its fields. What is new gets a new number. */
  readonly number: number
  readonly fields: Codecs
  readonly shortForm: ShortForm<FieldsOf<Codecs>> | null
  /** A change of what is gone already does nothing. `place`: where the record lies. */
  apply(ledger: Ledger, fields: FieldsOf<Codecs>, place: Place): void
}

function changeKind<Codecs extends FieldCodecs>(
  number: number,
  fields: Codecs,
  apply: ChangeKind<Codecs>['apply'],
  shortForm: ShortForm<FieldsOf<Codecs>> | null = null,
): ChangeKind<Codecs> {
  return { number, fields, shortForm, apply }
}

export const CHANGE_KINDS = {
  /** A session that outlives its connection exists from here on, with nothing in it. */
  'session-opened': changeKind(
    1,
    { clientId: text, expiryIntervalSeconds: uint32 },
    (ledger, { clientId, expiryIntervalSeconds }) => {
      ledger.openSession(clientId, expiryIntervalSeconds)
    },
  ),
  /** The client came back, perhaps with another expiry. */
  'session-resumed': changeKind(
    2,
    { clientId: text, expiryIntervalSeconds: uint32 },
    (ledger, { clientId, expiryIntervalSeconds }) => {
      const session = ledger.sessions.get(clientId)
      if (session === undefined) return
      session.expiryIntervalSeconds = expiryIntervalSeconds
      session.expiresAt = null
    },
  ),
  /** Who the client is: of its session and its will, those of them that are there. Without it nobody knows. */
  identified: changeKind(24, { clientId: text, identity }, (ledger, { clientId, identity }) => {
    const session = ledger.sessions.get(clientId)
    if (session !== undefined) session.identity = identity
    const kept = ledger.wills.get(clientId)
    if (kept !== undefined) kept.identity = identity
  }),
  /** The client is away; the session ends at `expiresAt` milliseconds (Infinity: never). */
  'session-left': changeKind(
    3,
    { clientId: text, expiresAt: milliseconds },
    (ledger, { clientId, expiresAt }) => {
      const session = ledger.sessions.get(clientId)
      if (session !== undefined) session.expiresAt = expiresAt
    },
  ),
  /** The session and all that was queued for it are gone. */
  'session-ended': changeKind(4, { clientId: text }, (ledger, { clientId }) => {
    ledger.endSession(clientId)
  }),
  'will-set': changeKind(5, { clientId: text, will }, (ledger, { clientId, will }) => {
    const identity = ledger.sessions.get(clientId)?.identity ?? null
    ledger.wills.set(clientId, { will, at: null, identity })
  }),
  'will-cleared': changeKind(6, { clientId: text }, (ledger, { clientId }) => {
    ledger.wills.delete(clientId)
  }),
  /** The connection is gone: the will is due at this time. */
  'will-delayed': changeKind(7, { clientId: text, at: milliseconds }, (ledger, change) => {
    const kept = ledger.wills.get(change.clientId)
    if (kept !== undefined) kept.at = change.at
  }),
  subscribed: changeKind(8, { clientId: text, subscription }, (ledger, change) => {
    const { subscription } = change
    ledger.sessions.get(change.clientId)?.subscriptions.set(subscription.filter, subscription)
  }),
  unsubscribed: changeKind(9, { clientId: text, filter: text }, (ledger, { clientId, filter }) => {
    const session = ledger.sessions.get(clientId)
    session?.subscriptions.delete(filter)
    session?.replays.delete(filter)
  }),
  /** Stored once, before the changes of the same commit that refer to it by its sequence. */
  'message-stored': changeKind(10, { message }, (ledger, { message }, place) => {
    ledger.storeMessage(message.sequence, contentBytes(message), place.position, place.record)
  }),
  /** `packetId`: sent at once to the session that it is queued for, under this identifier; 0: it waits. */
  queued: changeKind(
    11,
    { delivery: uint53, sequence: uint53, ...qosAndRetain, packetId: uint16, identifiers, owner },
    (ledger, change) => {
      const { delivery, owner, sequence, identifiers, packetId } = change
      ledger.queue(delivery, owner, sequence, optionsOf(change), identifiers, packetId)
    },
  ),
  /**
   * Sent under this packet identifier, which a resend must bear as well [MQTT-4.4.0-1]. `owner` is where it waited;
   * from here on it lies with the client's session. One without a stored session leaves it with the owner.
   * From a share group, QoS, RETAIN and the identifiers are those of the subscription of the member that it was sent to.
   * What was queued for a session keeps the identifiers that it was queued with.
   */
  sent: changeKind(
    23,
    {
      delivery: uint53,
      packetId: uint16,
      ...qosAndRetain,
      owner,
      clientId: recipient,
      identifiers,
    },
    (ledger, change) => {
      const { delivery, owner, clientId, packetId, identifiers } = change
      ledger.send(delivery, owner, clientId, packetId, optionsOf(change), identifiers)
    },
    {
      number: 12,
      absent: { identifiers: NO_IDENTIFIERS },
      suffices: change => change.identifiers.length === 0,
    },
  ),
  /** A member of a share group left before it settled the delivery: it waits in the group again, as before it was sent. */
  returned: changeKind(
    13,
    { delivery: uint53, clientId: text, owner: queueOwner },
    (ledger, { delivery, clientId, owner }) => ledger.returnToQueue(delivery, clientId, owner),
  ),
  /** PUBREC came: from here on only PUBREL may be sent. */
  received: changeKind(14, { delivery: uint53, clientId: text }, (ledger, change) => {
    ledger.receive(change.delivery, change.clientId)
  }),
  /** `owner` is where the delivery lies at that moment. */
  settled: changeKind(15, { delivery: uint53, owner }, (ledger, { delivery, owner }) => {
    ledger.settle(delivery, owner)
  }),
  /** QoS 2 from a client: the packet identifier is in use until PUBREL. */
  'incoming-opened': changeKind(16, { clientId: text, packetId: uint16 }, (ledger, change) => {
    ledger.sessions.get(change.clientId)?.incoming.add(change.packetId)
  }),
  'incoming-released': changeKind(17, { clientId: text, packetId: uint16 }, (ledger, change) => {
    ledger.sessions.get(change.clientId)?.incoming.delete(change.packetId)
  }),
  'retained-set': changeKind(18, { sequence: uint53, topic: text }, (ledger, change) => {
    ledger.retain(change.topic, change.sequence)
  }),
  'retained-cleared': changeKind(19, { topic: text }, (ledger, { topic }) => {
    ledger.clearRetained(topic)
  }),
  /** The group has no member any more: all that waits there is gone. */
  'group-ended': changeKind(20, { owner: queueOwner }, (ledger, { owner }) => {
    ledger.endQueue(owner)
  }),
  /**
   * The retained messages that the subscription asked for, those with sequences up to `sequenceMax`, are not all sent
   * yet: they are still to be sent until `replayed`, and no longer than there is the subscription.
   */
  'replay-begun': changeKind(
    21,
    { clientId: text, filter: text, sequenceMax: uint53 },
    (ledger, { clientId, filter, sequenceMax }) => {
      const session = ledger.sessions.get(clientId)
      if (session?.subscriptions.has(filter) !== true) return
      session.replays.delete(filter)
      session.replays.set(filter, sequenceMax)
    },
  ),
  replayed: changeKind(22, { clientId: text, filter: text }, (ledger, { clientId, filter }) => {
    ledger.sessions.get(clientId)?.replays.delete(filter)
  }),
}

type ChangeKinds = typeof CHANGE_KINDS

export type ChangeOf<Kind extends keyof ChangeKinds> = {
  readonly [Name in 'kind' | keyof ChangeKinds[Kind]['fields']]: Name extends 'kind'
    ? Kind
    : FieldsOf<ChangeKinds[Kind]['fields']>[Name & keyof ChangeKinds[Kind]['fields']]
}

export type Change = { [Kind in keyof ChangeKinds]: ChangeOf<Kind> }[keyof ChangeKinds]

export type { GroupOwner, Owner, QueueOwner, SessionOwner } from './owner.ts'

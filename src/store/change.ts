// The durable changes: one row per kind, with its number, its fields in the order of the log, and its effect on the ledger. The
// union `Change`, the encoding and the replay are made from these rows. A store persists changes; it does not match topics.

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
import { decisionOutcome, droppedNumber } from './decision.ts'
import { optionsOf } from './ledger/delivery-options.ts'
import type { Ledger, Place } from './ledger/ledger.ts'
import { owner, queueOwner } from './owner.ts'
import { recipient } from './recipient.ts'

/** A short form of a kind: it has a number of its own and lacks some fields, to save bytes or because it is older. */
interface ShortForm<Fields> {
  readonly number: number
  /** The values of the missing fields. */
  readonly absent: Partial<Fields>
  /** Whether this form can express the change. */
  suffices(fields: Fields): boolean
}

export interface ChangeKind<Codecs extends FieldCodecs> {
  /** A kind keeps its number and its fields for ever. A new field needs a new number. */
  readonly number: number
  readonly fields: Codecs
  readonly shortForm: ShortForm<FieldsOf<Codecs>> | null
  /** Applies the change. A change of something that does not exist any more has no effect. `place`: where the record is in the log. */
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
  /** A new durable session, which is empty. */
  'session-opened': changeKind(
    1,
    { clientId: text, expiryIntervalSeconds: uint32 },
    (ledger, { clientId, expiryIntervalSeconds }) => {
      ledger.openSession(clientId, expiryIntervalSeconds)
    },
  ),
  /** The client has reconnected, perhaps with another expiry. */
  'session-resumed': changeKind(
    2,
    { clientId: text, expiryIntervalSeconds: uint32 },
    (ledger, { clientId, expiryIntervalSeconds }) => {
      const session = ledger.sessionToChange(clientId)
      if (session === undefined) return
      session.expiryIntervalSeconds = expiryIntervalSeconds
      session.expiresAt = null
    },
  ),
  /** The identity of the client, for its session and its will. */
  identified: changeKind(24, { clientId: text, identity }, (ledger, { clientId, identity }) => {
    const session = ledger.sessionToChange(clientId)
    if (session !== undefined) session.identity = identity
    const kept = ledger.willToChange(clientId)
    if (kept !== undefined) kept.identity = identity
  }),
  /** The client has disconnected. The session ends at `expiresAt` milliseconds (Infinity: never). */
  'session-left': changeKind(
    3,
    { clientId: text, expiresAt: milliseconds },
    (ledger, { clientId, expiresAt }) => {
      const session = ledger.sessionToChange(clientId)
      if (session !== undefined) session.expiresAt = expiresAt
    },
  ),
  /** The session has ended, with its queue. */
  'session-ended': changeKind(4, { clientId: text }, (ledger, { clientId }) => {
    ledger.endSession(clientId)
  }),
  'will-set': changeKind(5, { clientId: text, will }, (ledger, { clientId, will }) => {
    ledger.setWill(clientId, will, null)
  }),
  'will-cleared': changeKind(6, { clientId: text }, (ledger, { clientId }) => {
    ledger.clearWill(clientId)
  }),
  /** The connection was lost: the will is due at this time. */
  'will-delayed': changeKind(7, { clientId: text, at: milliseconds }, (ledger, change) => {
    const kept = ledger.willToChange(change.clientId)
    if (kept !== undefined) kept.at = change.at
  }),
  subscribed: changeKind(8, { clientId: text, subscription }, (ledger, change) => {
    const { subscription } = change
    ledger.sessionToChange(change.clientId)?.subscriptions.set(subscription.filter, subscription)
  }),
  /** The subscription in the record before wants only what the expression says. Without this record it wants all. */
  filtered: changeKind(
    42,
    { clientId: text, filter: text, where: text },
    (ledger, { clientId, filter, where }) => {
      const subscriptions = ledger.sessionToChange(clientId)?.subscriptions
      const subscription = subscriptions?.get(filter)
      if (subscription !== undefined) subscriptions?.set(filter, { ...subscription, where })
    },
  ),
  /** Of each topic the subscription in the record before gets at most one message in so many milliseconds. */
  conflated: changeKind(
    80,
    { clientId: text, filter: text, milliseconds: uint32 },
    (ledger, { clientId, filter, milliseconds: conflateMs }) => {
      const subscriptions = ledger.sessionToChange(clientId)?.subscriptions
      const subscription = subscriptions?.get(filter)
      if (subscription !== undefined) subscriptions?.set(filter, { ...subscription, conflateMs })
    },
  ),
  /** Only a transaction settles what the subscription in the record before consumes. */
  transactional: changeKind(
    60,
    { clientId: text, filter: text },
    (ledger, { clientId, filter }) => {
      const subscriptions = ledger.sessionToChange(clientId)?.subscriptions
      const subscription = subscriptions?.get(filter)
      if (subscription !== undefined) {
        subscriptions?.set(filter, { ...subscription, transactional: true })
      }
    },
  ),
  unsubscribed: changeKind(9, { clientId: text, filter: text }, (ledger, { clientId, filter }) => {
    const session = ledger.sessionToChange(clientId)
    session?.subscriptions.delete(filter)
    session?.replays.delete(filter)
  }),
  /** A message. It is stored once, before the changes of the same commit that refer to it by its sequence. */
  'message-stored': changeKind(10, { message }, (ledger, { message }, place) => {
    ledger.storeMessage(message.sequence, contentBytes(message), place.position, place.record)
  }),
  /** `packetId`: the identifier that it was sent with at once, to the session that it is queued for; 0 if it is queued. */
  queued: changeKind(
    11,
    { delivery: uint53, sequence: uint53, ...qosAndRetain, packetId: uint16, identifiers, owner },
    (ledger, change) => {
      const { delivery, owner, sequence, identifiers, packetId } = change
      ledger.queue(delivery, owner, sequence, optionsOf(change), identifiers, packetId)
    },
  ),
  /**
   * The delivery was sent with this packet identifier, which must be the same when it is sent again [MQTT-4.4.0-1]. `owner` is the
   * owner that it was queued for. Now it belongs to the client's session; if the client has no stored session it stays with the owner.
   * For a share group, QoS, RETAIN and identifiers are those of the member's subscription. A delivery that was queued for a session
   * keeps the identifiers that it was queued with.
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
  /** A member of a share group left before it settled the delivery, or a consumer gave it back. It is queued again, as before it was sent. */
  returned: changeKind(
    13,
    { delivery: uint53, clientId: text, owner: queueOwner },
    (ledger, { delivery, clientId, owner }) => ledger.returnToQueue(delivery, clientId, owner),
  ),
  /** PUBREC arrived: from now on only PUBREL may be sent. */
  received: changeKind(14, { delivery: uint53, clientId: text }, (ledger, change) => {
    ledger.receive(change.delivery, change.clientId)
  }),
  /** The delivery is settled. `owner` is its owner at that moment. */
  settled: changeKind(15, { delivery: uint53, owner }, (ledger, { delivery, owner }) => {
    ledger.settle(delivery, owner)
  }),
  /** A QoS 2 message arrived from a client: the packet identifier is in use until PUBREL. */
  'incoming-opened': changeKind(16, { clientId: text, packetId: uint16 }, (ledger, change) => {
    ledger.sessionToChange(change.clientId)?.incoming.add(change.packetId)
  }),
  'incoming-released': changeKind(17, { clientId: text, packetId: uint16 }, (ledger, change) => {
    ledger.sessionToChange(change.clientId)?.incoming.delete(change.packetId)
  }),
  'retained-set': changeKind(18, { sequence: uint53, topic: text }, (ledger, change) => {
    ledger.retain(change.topic, change.sequence)
  }),
  'retained-cleared': changeKind(19, { topic: text }, (ledger, { topic }) => {
    ledger.clearRetained(topic)
  }),
  /** The last member has left the group: its queue is discarded. */
  'group-ended': changeKind(20, { owner: queueOwner }, (ledger, { owner }) => {
    ledger.endQueue(owner)
  }),
  /**
   * A replay has begun: the subscription requested retained messages with sequences up to `sequenceMax`. They must be sent until
   * `replayed`, or until the subscription ends.
   */
  'replay-begun': changeKind(
    21,
    { clientId: text, filter: text, sequenceMax: uint53 },
    (ledger, { clientId, filter, sequenceMax }) => {
      const session = ledger.sessionToChange(clientId)
      if (session?.subscriptions.has(filter) !== true) return
      session.replays.delete(filter)
      session.replays.set(filter, sequenceMax)
    },
  ),
  /** A named queue with these settings, which are JSON: they are rarely read, and gain keys. It is made if there is none. */
  'queue-set': changeKind(25, { name: text, settings: text }, (ledger, { name, settings }) => {
    ledger.setQueue(name, settings)
  }),
  /** The queue is deleted, with all that waits. What is in flight is settled by changes of its own. */
  'queue-ended': changeKind(26, { name: text }, (ledger, { name }) => {
    ledger.endQueue({ kind: 'queue', name })
  }),
  /**
   * A waiting delivery of the queue `owner` waits at the end of the queue `to`, with a new number. `reason`: why it is a dead letter
   * there, or whom another partition has it for; empty if neither. `handOuts`: how often it was handed out, as far as it still counts.
   */
  moved: changeKind(
    27,
    {
      delivery: uint53,
      owner: queueOwner,
      to: queueOwner,
      moved: uint53,
      handOuts: uint16,
      reason: text,
    },
    (ledger, change) => ledger.move(change),
  ),
  /**
   * The message, which was stored in this commit, is kept until it is due, in milliseconds. `key`: its client's and its own, or empty. What
   * is published then is another message.
   */
  held: changeKind(
    40,
    { sequence: uint53, due: milliseconds, key: text },
    (ledger, { sequence, due, key }) => ledger.hold(sequence, due, key),
  ),
  /** The held message was published, or replaced, or cancelled. */
  released: changeKind(41, { sequence: uint53 }, (ledger, { sequence }) => {
    ledger.release(sequence)
  }),
  /**
   * What became of the transaction `name`.`number` of a client. `at`: when, in milliseconds. `dropped`: the number of which the decision is
   * not kept any more, or null.
   */
  decided: changeKind(
    52,
    {
      clientId: text,
      name: text,
      number: uint53,
      count: uint16,
      checksum: uint53,
      outcome: decisionOutcome,
      at: milliseconds,
      dropped: droppedNumber,
    },
    (ledger, { dropped, ...decision }) => ledger.decisions.set(decision, dropped),
    { number: 50, absent: { dropped: null }, suffices: ({ dropped }) => dropped === null },
  ),
  /** The decision is not kept any more. */
  'decision-dropped': changeKind(
    51,
    { clientId: text, name: text, number: uint53 },
    (ledger, { clientId, name, number }) => ledger.decisions.drop(clientId, name, number),
  ),
  /** A waiting delivery of the queue is out of it until it is settled or `unlocked`: a prepared transaction of the client will decide. */
  locked: changeKind(
    61,
    { delivery: uint53, owner: queueOwner, clientId: text, transaction: text },
    (ledger, change) => ledger.lock(change),
  ),
  unlocked: changeKind(62, { delivery: uint53, owner: queueOwner }, (ledger, { delivery }) => {
    ledger.unlock(delivery)
  }),
  /** The client has published a message with this `$message-id`, in milliseconds. It is of a message that was stored in this commit. */
  'message-identified': changeKind(
    63,
    { clientId: text, id: text, at: milliseconds },
    (ledger, { clientId, id, at }) => ledger.messageIds.add(clientId, id, at),
  ),
  'message-id-forgotten': changeKind(64, { clientId: text, id: text }, (ledger, { clientId, id }) =>
    ledger.messageIds.forget(clientId, id),
  ),
  /**
   * All messages of the partition's log up to this number are applied here. Of this partition itself, under the
   * number 65,535: the id of its log, and how often it has started.
   */
  'partition-reached': changeKind(
    90,
    { partition: uint16, log: uint53, number: uint53 },
    (ledger, { partition, log, number }) => ledger.partitions.set({ partition, log, number }),
  ),
  replayed: changeKind(22, { clientId: text, filter: text }, (ledger, { clientId, filter }) => {
    ledger.sessionToChange(clientId)?.replays.delete(filter)
  }),
}

type ChangeKinds = typeof CHANGE_KINDS

export type ChangeOf<Kind extends keyof ChangeKinds> = {
  readonly [Name in 'kind' | keyof ChangeKinds[Kind]['fields']]: Name extends 'kind'
    ? Kind
    : FieldsOf<ChangeKinds[Kind]['fields']>[Name & keyof ChangeKinds[Kind]['fields']]
}

export type Change = { [Kind in keyof ChangeKinds]: ChangeOf<Kind> }[keyof ChangeKinds]

export type {
  GroupOwner,
  NamedQueueOwner,
  Owner,
  PartitionOwner,
  QueueOwner,
  SessionOwner,
} from './owner.ts'

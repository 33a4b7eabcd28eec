// The tables, and what a row of each is. Names of clients, topics and filters may be 65,535 bytes long, which is more than a key of
// LMDB may be: a key has their hash, and the row the name.

import { createHash } from 'node:crypto'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { Identity, QoS, Subscription, Will } from 'pondhawk'
import type {
  Message,
  Owner,
  PartitionReach,
  QueueOwner,
  StoredDecision,
  StoredDelivery,
  StoredMessageId,
} from 'pondhawk/store-kit'

export interface SessionRow {
  readonly clientId: string
  readonly identity: Identity | null
  readonly expiryIntervalSeconds: number
  /** Null while the client is connected. */
  readonly expiresAt: number | null
}

export interface WillRow {
  readonly clientId: string
  readonly will: Will
  readonly at: number | null
  readonly identity: Identity | null
}

export interface DeliveryRow {
  readonly sequence: number
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[]
  /** As the share group or named queue queued it, whatever a member was sent. */
  readonly queuedQos: QoS
  readonly queuedRetain: boolean
  readonly group: QueueOwner | null
  readonly handOuts: StoredDelivery['handOuts']
  readonly packetId: number
  readonly isReceived: boolean
  /** QoS 2, sent to a member without a stored session: it goes to no other member. */
  readonly isBegun: boolean
  /** The key of the session, group or queue that has it. */
  readonly place: string
  /** Its place in the order of sending again; 0 while it waits. */
  readonly order: number
  /** The prepared transaction that has locked it. */
  readonly lock?: { readonly clientId: string; readonly transaction: string }
}

export interface ReplayRow {
  readonly filter: string
  readonly sequenceMax: number
  readonly order: number
}

/** A share group or a named queue. */
export interface QueueRow {
  readonly owner: QueueOwner
  readonly settings: string
}

/** A delayed message. */
export interface HeldRow {
  readonly due: number
  readonly key: string
}

/** The place of what is locked in a queue. */
export function lockedPlace(place: string): string {
  return `${place}-locked`
}

/** How many deliveries, retained topics and delays refer to a message, and its `contentBytes`. */
export interface ReferenceRow {
  readonly count: number
  readonly bytes: number
}

/** A key of two parts: the place, and a number or a hash. */
type InPlace = [string, number | string]

export interface Tables {
  readonly root: RootDatabase<number, string>
  readonly sessions: Database<SessionRow, string>
  readonly wills: Database<WillRow, string>
  readonly subscriptions: Database<Subscription, InPlace>
  readonly replays: Database<ReplayRow, InPlace>
  readonly incoming: Database<boolean, InPlace>
  /** The named queues, and the share groups that have had something queued. */
  readonly queues: Database<QueueRow, string>
  /** By sequence. */
  readonly messages: Database<Message, number>
  readonly references: Database<ReferenceRow, number>
  /** By topic: the sequence of the message. */
  readonly retained: Database<number, string>
  /** By sequence. */
  readonly held: Database<HeldRow, number>
  /** Client and name, hashed, and number. */
  readonly decisions: Database<StoredDecision, InPlace>
  /** Client and id, hashed. */
  readonly messageIds: Database<StoredMessageId, InPlace>
  /** How far each partition's log is applied. */
  readonly partitions: Database<PartitionReach, number>
  readonly deliveries: Database<DeliveryRow, number>
  /** Place and delivery: in the order of queueing. */
  readonly waiting: Database<boolean, InPlace>
  /** Place and order: the delivery. */
  readonly sent: Database<number, InPlace>
}

export function openTables(path: string): Tables {
  // A transaction is answered only when it is on the disk.
  const root = open<number, string>({ path, maxDbs: 24, overlappingSync: false })
  const table = <Row, Key extends string | number | InPlace>(name: string): Database<Row, Key> =>
    root.openDB<Row, Key>({ name })
  return {
    root,
    sessions: table('sessions'),
    wills: table('wills'),
    subscriptions: table('subscriptions'),
    replays: table('replays'),
    incoming: table('incoming'),
    queues: table('queues'),
    messages: table('messages'),
    references: table('references'),
    retained: table('retained'),
    held: table('held'),
    decisions: table('decisions'),
    messageIds: table('messageIds'),
    partitions: table('partitions'),
    deliveries: table('deliveries'),
    waiting: table('waiting'),
    sent: table('sent'),
  }
}

/** Returns the key of a name. */
export function keyOf(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}

export function sessionKey(clientId: string): string {
  return keyOf(`session/${clientId}`)
}

export function placeOf(owner: Owner): string {
  switch (owner.kind) {
    case 'session':
      return sessionKey(owner.clientId)
    case 'queue':
      return keyOf(`queue/${owner.name}`)
    case 'partition':
      return keyOf(`partition/${owner.partition}`)
    case 'group':
      // A share name contains no slash, and a filter no null character.
      return keyOf(`group/${owner.shareName}/${owner.topicFilter}\0${owner.where ?? ''}`)
  }
}

/** Returns the keys of a place that are above a number. LMDB sorts numbers before texts, and a hash has no tilde. */
export function within(place: string, above?: number): { start: InPlace; end: InPlace } {
  return { start: [place, above === undefined ? -1 : above + 1], end: [place, '~'] }
}

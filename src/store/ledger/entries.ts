// What the ledger has of sessions, queues, retained messages and wills.

import type { Identity } from '../../access/identity.ts'
import type { Will } from '../../packet/packet.ts'
import type { Subscription } from '../../routing/subscription.ts'
import type { QueueOwner } from '../owner.ts'
import type { HandOuts, PartitionReach, StoredMessageId } from '../store.ts'
import type { DecidedEntry } from './decision-table.ts'
import { DeliveryQueue } from './delivery-queue.ts'
import type { ImagedEntry } from './imaged-map.ts'
import type { LockedEntry } from './locked-table.ts'
import type { MessageRows } from './message-rows.ts'

/** Of a queue that changes refer to without having made it. */
export const NO_SETTINGS = '{}'

export interface SentEntry {
  readonly delivery: number
  readonly slot: number
  readonly options: number
  readonly packetId: number
  /** The queue that the delivery came from, or null if it was queued for the session itself. */
  readonly from: QueueOwner | null
  readonly isReceived: boolean
}

export interface SessionEntry extends ImagedEntry {
  readonly clientId: string
  /** Null if it was stored before identities existed. */
  identity: Identity | null
  expiryIntervalSeconds: number
  /** When the session expires, in milliseconds; null while the client is connected. */
  expiresAt: number | null
  readonly subscriptions: Map<string, Subscription>
  /** The replays that have not ended: the highest sequence by filter. */
  readonly replays: Map<string, number>
  readonly waiting: DeliveryQueue
  /** Sent deliveries, in the order of sending again. */
  readonly sent: Map<number, SentEntry>
  /** The packet identifiers of QoS 2 messages from the client that wait for PUBREL. */
  readonly incoming: Set<number>
}

/** What may be seen of a session: it is changed through `sessionToChange`. */
export interface SessionView extends Omit<
  Readonly<SessionEntry>,
  'subscriptions' | 'replays' | 'sent' | 'incoming'
> {
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly replays: ReadonlyMap<string, number>
  readonly sent: ReadonlyMap<number, SentEntry>
  readonly incoming: ReadonlySet<number>
}

/** The queue of an owner that is no session. */
export interface QueueEntry extends ImagedEntry {
  readonly owner: QueueOwner
  readonly waiting: DeliveryQueue
  /** Of a named queue: JSON. Null for a share group. */
  readonly settings: string | null
}

export interface RetainedEntry extends ImagedEntry {
  readonly slot: number
  readonly sequence: number
}

/** A delayed message. */
export interface HeldEntry extends ImagedEntry {
  readonly slot: number
  readonly due: number
  readonly key: string
}

export interface WillEntry extends ImagedEntry {
  readonly will: Will
  /** When the will is due, in milliseconds; null while the client is connected. */
  at: number | null
  identity: Identity | null
}

type EntriesOf<Key, Entry> = Iterable<readonly [Key, Entry]>

/** The state at one moment, while the ledger goes on changing. */
export interface HeldState {
  readonly lastSequence: number
  readonly lastDelivery: number
  readonly rows: MessageRows
  readonly sessions: EntriesOf<string, SessionView>
  readonly queues: EntriesOf<string, QueueEntry>
  readonly retained: EntriesOf<string, RetainedEntry>
  readonly wills: EntriesOf<string, Readonly<WillEntry>>
  /** By sequence. */
  readonly held: EntriesOf<number, HeldEntry>
  readonly handOuts: EntriesOf<number, HandOuts>
  /** By client and name. */
  readonly decisions: EntriesOf<string, DecidedEntry>
  readonly messageIds: Iterable<StoredMessageId>
  readonly locked: EntriesOf<number, LockedEntry>
  readonly partitions: Iterable<PartitionReach>
}

export function newSession(clientId: string, expiryIntervalSeconds: number): SessionEntry {
  return {
    clientId,
    identity: null,
    expiryIntervalSeconds,
    expiresAt: null,
    subscriptions: new Map(),
    replays: new Map(),
    waiting: new DeliveryQueue(),
    sent: new Map(),
    incoming: new Set(),
    image: 0,
  }
}

export function newSent(
  delivery: number,
  slot: number,
  options: number,
  packetId: number,
  from: QueueOwner | null,
): SentEntry {
  return { delivery, slot, options, packetId, from, isReceived: false }
}

export function copyOfSession(session: SessionEntry): SessionEntry {
  return {
    clientId: session.clientId,
    identity: session.identity,
    expiryIntervalSeconds: session.expiryIntervalSeconds,
    expiresAt: session.expiresAt,
    subscriptions: new Map(session.subscriptions),
    replays: new Map(session.replays),
    waiting: session.waiting.copy(),
    sent: new Map(session.sent),
    incoming: new Set(session.incoming),
    image: 0,
  }
}

export function copyOfQueue({ owner, waiting, settings }: QueueEntry): QueueEntry {
  return { owner, waiting: waiting.copy(), settings, image: 0 }
}

// The port to what survives a crash. Adapters pass the contract of `store-kit/rules.ts`.

import type { Identity } from '../access/identity.ts'
import type { Message } from '../message.ts'
import type { QoS, Will } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from './change.ts'
import type { Owner, QueueOwner } from './owner.ts'

export interface StoredDelivery {
  readonly delivery: number
  /** Null once PUBREC came: the message is not needed any more. */
  readonly message: Message | null
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[]
  /** 0 while it has not been sent. */
  readonly packetId: number
  /** The share group that the delivery came through, or null. */
  readonly group: QueueOwner | null
}

/** Deliveries of a long waiting line that stay in the store until they are asked for by `page`. */
export interface Remainder {
  readonly messages: number
  /** What `contentBytes` of each message adds up to, and `identifiersBytes` of each delivery. */
  readonly bytes: number
}

/** Retained messages that a subscription asked for and has not all been sent. */
export interface StoredReplay {
  readonly filter: string
  /** Those with higher sequences came as they were published. */
  readonly sequenceMax: number
}

export interface StoredSession {
  readonly clientId: string
  /** Whose session it is, or whose will; null when no version that knew of identities has seen it. */
  readonly identity: Identity | null
  readonly expiryIntervalSeconds: number
  /** Null when the broker stopped while the client was connected. */
  readonly expiresAt: number | null
  readonly will: Will | null
  /** Milliseconds at which the will is due; null while the client was connected. */
  readonly willAt: number | null
  readonly subscriptions: readonly Subscription[]
  /** In the order in which they were asked for. */
  readonly replays: readonly StoredReplay[]
  /** In the order in which they were queued; those sent before those that wait. */
  readonly deliveries: readonly StoredDelivery[]
  /** What waits behind `deliveries`. */
  readonly remainder: Remainder
  /** Packet identifiers of QoS 2 messages from the client that wait for PUBREL. */
  readonly incoming: readonly number[]
}

export interface StoredGroup {
  readonly shareName: string
  readonly topicFilter: string
  readonly deliveries: readonly StoredDelivery[]
  readonly remainder: Remainder
}

/** All that a broker must know to go on where the last one stopped. */
export interface Snapshot {
  readonly sessions: readonly StoredSession[]
  readonly groups: readonly StoredGroup[]
  readonly retained: readonly Message[]
  /** Highest numbers given so far; 0 when none was. */
  readonly lastSequence: number
  readonly lastDelivery: number
}

/**
 * What an acknowledgement means: `fsync`, it outlives a loss of power; `os`, a kill of the process;
 * `memory`, neither.
 */
export type Durability = 'fsync' | 'os' | 'memory'

export interface Store {
  readonly durability: Durability
  /**
   * There is no room for more messages: publishes that must be stored are refused, while changes that make
   * room go on. It becomes false by itself when there is room again.
   */
  readonly isFull: boolean
  /** Takes possession and tells what is there. Rejects with a sentence that names the cause. */
  open(): Promise<Snapshot>
  /** A change of the next commit. */
  record(change: Change): void
  /**
   * Makes all that was recorded since the last commit durable, in order and as one. Only one commit is outstanding
   * at a time; what is recorded meanwhile belongs to the next. `done` may be called before this returns. An error
   * is final: the process must stop.
   */
  commit(done: (error: Error | null) => void): void
  /**
   * Deliveries that wait for this owner with numbers above `after`, the oldest first: as many as make a page, all
   * of them committed. Fewer than wait, but none only when none waits. An error is final, as that of a commit.
   */
  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void
  close(): Promise<void>
}

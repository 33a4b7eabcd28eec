// The port to a store, which survives a crash. Adapters must pass the rules of `store-kit/rules.ts`.

import type { Identity } from '../access/identity.ts'
import type { Message } from '../message.ts'
import type { QoS, Will } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from './change.ts'
import type { Owner, QueueOwner } from './owner.ts'

export interface StoredDelivery {
  readonly delivery: number
  /** Null after PUBREC, when the message is not needed any more. */
  readonly message: Message | null
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[]
  /** 0 before it was sent. */
  readonly packetId: number
  /** The share group or named queue that the delivery came through, or null. */
  readonly group: QueueOwner | null
  /** Null unless it was handed out by a named queue, or is a dead letter. */
  readonly handOuts: HandOuts | null
}

/** The past of a delivery of a named queue. */
export interface HandOuts {
  /** How often it was handed out, at most `HAND_OUTS_MAX`. */
  readonly count: number
  /** Why it is a dead letter, or whom another partition has it for; empty if neither. */
  readonly reason: string
  /** The queue that a dead letter was in. */
  readonly queue: string
}

export const HAND_OUTS_MAX = 65_535

/** The deliveries of a long queue that stay in the store until `page` requests them. */
export interface Remainder {
  readonly messages: number
  /** The sum of `contentBytes` of all messages and `identifiersBytes` of all deliveries. */
  readonly bytes: number
}

/** A replay that has not ended. */
export interface StoredReplay {
  readonly filter: string
  /** Messages with higher sequences were delivered live. */
  readonly sequenceMax: number
}

export interface StoredSession {
  readonly clientId: string
  /** The identity of the session's or will's client; null if it was stored before identities existed. */
  readonly identity: Identity | null
  readonly expiryIntervalSeconds: number
  /** When the session expires; null if the broker stopped while the client was connected. */
  readonly expiresAt: number | null
  readonly will: Will | null
  /** When the will is due, in milliseconds; null if the client was connected. */
  readonly willAt: number | null
  readonly subscriptions: readonly Subscription[]
  /** In the order of their requests. */
  readonly replays: readonly StoredReplay[]
  /** Deliveries in the order of queueing; deliveries in flight come before queued ones. */
  readonly deliveries: readonly StoredDelivery[]
  /** The tail behind `deliveries`. */
  readonly remainder: Remainder
  /** The packet identifiers of QoS 2 messages from the client that wait for PUBREL. */
  readonly incoming: readonly number[]
}

export interface StoredGroup {
  readonly shareName: string
  readonly topicFilter: string
  readonly where?: string
  readonly deliveries: readonly StoredDelivery[]
  readonly remainder: Remainder
}

export interface StoredQueue {
  readonly name: string
  /** JSON. */
  readonly settings: string
  readonly deliveries: readonly StoredDelivery[]
  readonly remainder: Remainder
}

export interface StoredHeld {
  readonly message: Message
  /** When it is to be published, in milliseconds. */
  readonly due: number
  /** Its client's and its own; empty without one. */
  readonly key: string
}

/** `prepared`: it is stored with its messages, and not decided. */
export type DecisionOutcome = 'prepared' | 'committed' | 'aborted'

/** What became of the transaction `name`.`number` of a client. */
export interface StoredDecision {
  readonly clientId: string
  readonly name: string
  readonly number: number
  /** The PUBLISH packets of which it consists. */
  readonly count: number
  /** A checksum over their content. */
  readonly checksum: number
  readonly outcome: DecisionOutcome
  /** When, in milliseconds. */
  readonly at: number
}

/** A value of `$message-id`. */
export interface StoredMessageId {
  readonly clientId: string
  readonly id: string
  /** When it was published, in milliseconds. */
  readonly at: number
}

/** A delivery of a named queue that a prepared transaction has locked. */
export interface StoredLock {
  readonly delivery: StoredDelivery
  /** The client of the transaction, and its id. */
  readonly clientId: string
  readonly transaction: string
}

/** How far the log of a partition is applied here: up to this number. Of this partition itself, 65,535: how often it has started. */
export interface PartitionReach {
  readonly partition: number
  /** The id of the partition's log; 0 if nothing of it was applied. */
  readonly log: number
  readonly number: number
}

/** Another partition, with the messages that are owed to it. */
export interface StoredPartition extends PartitionReach {
  readonly deliveries: readonly StoredDelivery[]
  readonly remainder: Remainder
}

/** The state with which a broker continues where the last one stopped. */
export interface Snapshot {
  readonly sessions: readonly StoredSession[]
  readonly groups: readonly StoredGroup[]
  /** The named queues, also empty ones. */
  readonly queues: readonly StoredQueue[]
  readonly retained: readonly Message[]
  /** Delayed messages, in the order of their publication. */
  readonly held: readonly StoredHeld[]
  /** In any order. */
  readonly decisions: readonly StoredDecision[]
  /** In any order. */
  readonly messageIds: readonly StoredMessageId[]
  /** In any order. They are not among the deliveries of their queues. */
  readonly locked: readonly StoredLock[]
  /** In any order. Left out by a store that was written before there were any. */
  readonly partitions?: readonly StoredPartition[]
  /** The highest numbers used so far; 0 for none. */
  readonly lastSequence: number
  readonly lastDelivery: number
}

/**
 * What an acknowledged message survives: with `fsync` a loss of power, with `replicated` what happens to less than half of
 * several machines, with `os` a kill of the process, with `memory` none of that.
 */
export type Durability = 'fsync' | 'replicated' | 'os' | 'memory'

export interface Store {
  readonly durability: Durability
  /**
   * Whether there is no room for more messages. Then publishes that must be stored are refused, while changes that make
   * room continue. It becomes false by itself when there is room again.
   */
  readonly isFull: boolean
  /** Opens the store and returns its content. Rejects with an error whose sentence names the cause. */
  open(): Promise<Snapshot>
  /** Adds a change to the next commit. */
  record(change: Change): void
  /**
   * Makes all changes since the last commit durable, in order and atomically. There is at least one. Only one commit is outstanding at a time;
   * changes that are recorded meanwhile belong to the next one. `done` may be called before this returns. An error is final:
   * the process must stop.
   */
  commit(done: (error: Error | null) => void): void
  /**
   * Reads a page: committed deliveries queued for this owner with numbers above `after`, oldest first. A page may have fewer
   * deliveries than are queued, but it is empty only when none is queued. An error is final, as for a commit.
   */
  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void
  close(): Promise<void>
}

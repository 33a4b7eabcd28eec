// The other partitions, as the parts of a broker see them. A broker that is alone has none: its field is null.

import type { Message } from '../message.ts'
import type { RetainedElsewhere } from '../session/retained-replay.ts'
import type { DeliveryOrigin } from '../session/delivery.ts'
import type { Session } from '../session/session.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { CommitId } from '../store/journal.ts'
import type { Remainder, StoredDelivery } from '../store/store.ts'
import type { GroupName } from './share-overrides.ts'

/**
 * Where a retained message that is published here is kept: in this partition, in another one that must be given it, or in one that has it
 * from the publisher's partition.
 */
export type KeptWhere = 'here' | 'elsewhere' | 'there-already'

/** A share group that another partition keeps, as its members here see it. */
export interface GroupElsewhere extends DeliveryOrigin {
  readonly memberCount: number
  join(session: Session, subscription: Subscription): void
  leave(session: Session): void
  /** Restores a delivery that this client had not settled. */
  restoreInFlight(session: Session): void
  /** What members had whose sessions did not survive the start. */
  restore(deliveries: readonly StoredDelivery[], remainder: Remainder): void
}

/** A named queue that another partition keeps, as its consumers here see it. */
export interface QueueElsewhere {
  /** What it takes in; null as long as it does not exist. */
  readonly filters: readonly string[] | null
  join(session: Session, subscription: Subscription): void
  leave(session: Session): void
}

export interface Peers {
  /** Whether a message of another partition is being published. */
  readonly isApplying: boolean
  /** Whether all filters of the others are known. Before that nobody is admitted and nothing is due: a message might be owed to nobody. */
  readonly isComplete: boolean
  /** Calls back when the others have the filters that were subscribed so far, or have not answered for too long. */
  whenTold(answer: () => void): void
  keptWhere(topic: string): KeptWhere
  /** A message with RETAIN is published here, in this commit. It must be called before the message is delivered. */
  retained(message: Message, commitId: CommitId): void
  /**
   * Calls back when the partition of the topic keeps what was published with RETAIN so far, or has not answered for too long. Returns
   * false, and does not, if that is this partition.
   */
  whenKept(topic: string, answer: () => void): boolean
  /** Returns the share group if another partition keeps it; null if this one does. */
  groupElsewhere(name: GroupName): GroupElsewhere | null
  /** Returns the named queue if another partition keeps it, also if it does not exist; null if this one does. */
  queueElsewhere(name: string): QueueElsewhere | null
  /** Whether the names are short enough to cross. */
  isAddressable(name: GroupName, clientId: string): boolean
  /** Whether the partition of the topic has room for another retained message. */
  hasRoomToRetain(topic: string): boolean
  /** Whether the partition of the topic has not taken so much that it can be sent no more. */
  isFull(topic: string): boolean
  /** Returns the retained messages of the other partitions for a new subscription; null if none of them can match. */
  retainedElsewhere(topicFilter: string, sequenceMax: number): RetainedElsewhere | null
}

/** One subscription of the session to a queue has ended; it may have another to the same queue. */
export function leavesElsewhere(
  queue: QueueElsewhere,
  session: Session,
  name: string,
  filter: string,
): void {
  for (const other of session.subscriptions.values()) {
    if (other.queue !== name || other.filter === filter) continue
    queue.join(session, other)
    return
  }
  queue.leave(session)
}

// The other partitions, as the parts of a broker see them. A broker that is alone has none: its field is null.

import type { Message } from '../message.ts'
import type { RetainedElsewhere } from '../session/retained-replay.ts'
import type { CommitId } from '../store/journal.ts'

/**
 * Where a retained message that is published here is kept: in this partition, in another one that must be given it, or in one that has it
 * from the publisher's partition.
 */
export type KeptWhere = 'here' | 'elsewhere' | 'there-already'

export interface Peers {
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
  /** Whether the partition of the topic has room for another retained message. */
  hasRoomToRetain(topic: string): boolean
  /** Whether the partition of the topic has not taken so much that it can be sent no more. */
  isFull(topic: string): boolean
  /** Returns the retained messages of the other partitions for a new subscription; null if none of them can match. */
  retainedElsewhere(topicFilter: string, sequenceMax: number): RetainedElsewhere | null
}

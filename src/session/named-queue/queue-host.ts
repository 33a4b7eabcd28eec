// What a named queue needs of all queues.

import type { NamedQueue } from './named-queue.ts'

/** Why a message became a dead letter. */
export type DeathReason = 'expired' | 'refused' | 'deliveries' | 'overflow'

export interface QueueHost {
  /** Calls `due` at this time; Infinity for never. */
  wakeAt(queue: NamedQueue, at: number): void
  /** Returns the queue for the dead letters of this one, made if needed; null for none. */
  deadLettersOf(queue: NamedQueue): NamedQueue | null
  readonly random: () => number
}

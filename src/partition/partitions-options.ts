// What a partition is made with.

import type { Broker } from '../broker/broker.ts'
import type { CommitId } from '../store/journal.ts'

interface Flushed {
  flush(committed: CommitId): boolean
  proceed(): void
}

/** What surrounds the partition: its loop, and the way to the others. */
export interface PartitionHost {
  /** Opens a turn, if none is open. */
  begin(): void
  /** Calls `flush` at the end of a turn, and again after each commit while it returns true. */
  requestFlush(partitions: Flushed): void
  /** The frame may be lost, repeated or overtaken; it is never changed. */
  send(partition: number, frame: Buffer): void
  /** A frame that came is dropped: the sentence says why. */
  unreadable(sentence: string): void
  /** From now on clients may come. Is called once. */
  complete(): void
}

export interface PartitionsOptions {
  readonly broker: Broker
  /** The number of this partition, from 0, and how many there are. */
  readonly partition: number
  readonly count: number
  readonly host: PartitionHost
  /** Returns a random whole number of up to 37 bits, above 0, for the id of a new log. */
  readonly newLogId: () => number
  readonly lineBytesMax?: number
  /** The most retained messages that another partition is given at once. */
  readonly pageRowsMax?: number
  /** How long a SUBACK waits for the other partitions. */
  readonly toldWaitMs?: number
}

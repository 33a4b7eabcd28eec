// What the links of a partition share.

import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import type { Start } from './frame.ts'
import type { Origin, RetainedItem } from './item.ts'
import type { OwnFilters } from './own-filters.ts'
import type { PartitionGroups } from './partition-groups.ts'
import type { PartitionQueues } from './partition-queues.ts'
import type { PartitionStatistics } from './partition-statistics.ts'

export interface LinkContext {
  readonly broker: Broker
  readonly partition: number
  readonly statistics: PartitionStatistics
  readonly filters: OwnFilters
  /** The bytes that a line may hold before publishers are refused or wait. */
  readonly lineBytesMax: number
  /** This start of the partition. */
  readonly start: Start
  readonly isApplying: boolean
  readonly hasRoomForRetained: boolean
  /** The message in bytes, made once for all lines. */
  bytesOf(message: Message): Buffer
  send(partition: number, frame: Buffer): void
  requestFlush(): void
  /** Publishes a message of another partition here. */
  apply(message: Message, origin: Origin): void
  /** The partition has started: what it was asked, and what it has asked, is forgotten. */
  began(partition: number): void
  took(partition: number, item: RetainedItem): void
  readonly groups: PartitionGroups
  readonly queues: PartitionQueues
  /** Whether all others have told their filters and groups: before that a message might be for a group that is not there yet. */
  readonly takesMessages: boolean
  /** The line to the partition was full, and is not any more. */
  hasRoom(partition: number): void
  /** The link has something that it lacked: all filters, or all that it owes. */
  gained(): void
}

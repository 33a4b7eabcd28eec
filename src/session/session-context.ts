// The context that all sessions and share groups of a broker share: the time of the turn, the journal, the bounds, the counters.

import type { Permissions } from '../access/permissions.ts'
import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { GroupOwner, Owner } from '../store/change.ts'
import type { CommitId, Journal } from '../store/journal.ts'
import type { StoredDelivery } from '../store/store.ts'
import type { Conflating } from './conflation.ts'
import type { Delivery } from './delivery.ts'
import type { SendOutcome } from './link.ts'
import type { MemoryAccount } from './memory-account.ts'
import type { LockedDeliveries } from './named-queue/locked-deliveries.ts'

/** The reasons why a matching message did not reach a subscriber. Each has a counter. */
export type DropReason =
  | 'queue-full'
  | 'user-queues-full'
  | 'memory-full'
  | 'outbox-full'
  | 'rate-reached'
  | 'overload'
  | 'client-away'
  | 'message-expired'
  | 'packet-too-large'
  | 'session-ended'
  | 'group-ended'
  | 'queue-ended'
  | 'queue-purged'
  | 'replaced'
  | 'deliveries-used-up'
  | 'not-authorized'
  | 'will-refused'
  | 'no-right-to-receive'
  | 'author-lost-right'
  | 'no-packet-identifier'
  | 'dropped-by-hook'
  | 'duplicate'

/** Work that is divided among turns. */
export interface Postponed {
  /** Continues until it is done or `turnWorkLeft` is used up. In the second case it postpones itself again. */
  proceed(): void
}

/** Who follows deliveries of QoS 1 and 2. It has no methods while nobody does. */
interface DeliveryObserver {
  readonly sent?: ((clientId: string, message: Message, duplicate: boolean) => void) | undefined
  readonly acknowledged?: ((clientId: string, message: Message) => void) | undefined
  readonly memberDrained?: ((group: GroupOwner, clientId: string) => void) | undefined
  readonly deadLetter?: ((queue: string, reason: string) => void) | undefined
}

export interface SessionContext {
  readonly observer: DeliveryObserver
  /** The time of the turn in milliseconds. */
  readonly now: number
  readonly journal: Journal
  readonly limits: Limits
  /** The work that this turn may still do, in the units of `limits.turnWorkMax`. Code that does work subtracts it. */
  turnWorkLeft: number
  /** While a transaction is applied, the commit of it: all that it publishes waits for that, at QoS 0 too. Otherwise 0. */
  readonly transactionCommit: CommitId
  /** The commit of the newest transaction; 0 before the first. */
  readonly lastTransactionCommit: CommitId
  /** What prepared transactions have locked. */
  readonly locked: LockedDeliveries
  /** The memory that the whole broker keeps. */
  readonly memory: MemoryAccount
  /** Whether the store has no room for messages. */
  readonly storeIsFull: boolean
  /** Whether the message that is being published was acknowledged by another partition: it can be refused no more. */
  readonly isTakingOver: boolean
  /** Whether sessions that outlive their connections also survive the broker. */
  readonly storesSessions: boolean
  /** Returns the next number of a message. */
  nextSequence(): number
  /** Returns the next number of a delivery in the store. */
  nextDelivery(): number
  /** If a permission check fails, the client does not have the right. */
  mayReceive(permissions: Permissions, topic: string, clientId: string): boolean
  /** Null if publishers of retained messages are not asked about. */
  readonly authors: { mayStillPublish(message: Message): boolean } | null
  dropped(reason: DropReason, message: Message, clientId: string | null): void
  /** Counts drops of messages that are in the store and are not read again. */
  droppedInStore(reason: DropReason, messages: number): void
  /** Requests the next page of a queue, which comes in a later turn. */
  readonly pages: { want(reader: PageReader): void }
  /** Continues the work in the next turn. */
  readonly postponed: { add(work: Postponed): void }
  readonly conflating: Conflating
}

/** The reader of a long queue in the store. */
export interface PageReader {
  readonly owner: Owner
  /** The number of the newest delivery that was read or was always in memory. */
  readonly after: number
  paged(page: readonly StoredDelivery[]): void
}

/** Drops a queued delivery of `owner`: it is counted, and settled in the store. */
export function drop(
  context: SessionContext,
  reason: DropReason,
  delivery: Delivery,
  owner: Owner,
): void {
  delivery.reserved = 0
  if (delivery.stored !== 0) {
    context.journal.record({ kind: 'settled', delivery: delivery.stored, owner })
  }
  context.dropped(reason, delivery.message, owner.kind === 'session' ? owner.clientId : null)
}

/** Returns why a message that was not sent is lost. */
export function lossBy(outcome: Exclude<SendOutcome, 'sent'>): DropReason {
  return outcome === 'too-large' ? 'packet-too-large' : outcome
}

export function isExpired(message: Message, now: number): boolean {
  return message.expiresAt <= now
}

// What every session and share group of a broker shares: the time of the turn, the journal, the bounds, the counters.

import type { Permissions } from '../access/permissions.ts'
import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Owner } from '../store/change.ts'
import type { Journal } from '../store/journal.ts'
import type { StoredDelivery } from '../store/store.ts'
import type { Delivery } from './delivery.ts'
import type { MemoryAccount } from './memory-account.ts'

/** Why a message did not reach a subscriber although it matched. Each has its counter. */
export type DropReason =
  | 'queue-full'
  | 'memory-full'
  | 'outbox-full'
  | 'client-away'
  | 'message-expired'
  | 'packet-too-large'
  | 'session-ended'
  | 'group-ended'
  | 'not-authorized'
  | 'no-right-to-receive'
  | 'no-packet-identifier'

/** Work that is divided among turns. */
export interface Postponed {
  /** Goes on until it is done or `turnWorkLeft` is used up; then it postpones itself again. */
  proceed(): void
}

export interface SessionContext {
  /** Milliseconds; read once a turn. */
  readonly now: number
  readonly journal: Journal
  readonly limits: Limits
  /** Work that this turn may still do, weighed as `limits.turnWorkMax` says: whoever does some takes it off. */
  turnWorkLeft: number
  /** What the whole broker keeps. */
  readonly memory: MemoryAccount
  /** Sessions that outlive their connection are to survive the broker as well. */
  readonly storesSessions: boolean
  /** The next number for a delivery in the store. */
  nextDelivery(): number
  /** A right that cannot be answered is none. */
  mayReceive(permissions: Permissions, topic: string, clientId: string): boolean
  dropped(reason: DropReason, message: Message, clientId: string | null): void
  /** The same for messages that lie in the store and are not looked at again. */
  droppedInStore(reason: DropReason, messages: number): void
  /** Asked for the next page of a queue, which comes in a later turn. */
  readonly pages: { want(reader: PageReader): void }
  /** There is more to do than this turn may: it goes on in the next. */
  readonly postponed: { add(work: Postponed): void }
}

/** Whoever reads a long queue from the store, page by page. */
export interface PageReader {
  readonly owner: Owner
  /** The number of the newest delivery that was read or never left the memory. */
  readonly after: number
  paged(page: readonly StoredDelivery[]): void
}

/** Drops a delivery that waits with `owner`: it is counted, and settled in the store. */
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

export function isExpired(message: Message, now: number): boolean {
  return message.expiresAt <= now
}

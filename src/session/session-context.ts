// What every session and share group of a broker shares: the time of the turn, the journal, the bounds, the counters.

import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Journal } from '../store/journal.ts'
import type { Delivery } from './delivery.ts'

/** Why a message did not reach a subscriber although it matched. Each has its counter. */
export type DropReason =
  | 'queue-full'
  | 'outbox-full'
  | 'client-away'
  | 'message-expired'
  | 'packet-too-large'
  | 'session-ended'
  | 'group-ended'
  | 'not-authorized'
  | 'no-packet-identifier'

export interface SessionContext {
  /** Milliseconds; read once a turn. */
  readonly now: number
  readonly journal: Journal
  readonly limits: Limits
  /** The next number for a delivery in the store. */
  nextDelivery(): number
  dropped(reason: DropReason, message: Message, clientId: string | null): void
}

/** Forgets a delivery that will not be made: counted, and settled in the store. */
export function drop(
  context: SessionContext,
  reason: DropReason,
  delivery: Delivery,
  clientId: string | null,
): void {
  if (delivery.stored !== 0) context.journal.record({ kind: 'settled', delivery: delivery.stored })
  context.dropped(reason, delivery.message, clientId)
}

export function isExpired(message: Message, now: number): boolean {
  return message.expiresAt <= now
}

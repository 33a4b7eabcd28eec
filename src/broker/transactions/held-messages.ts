// The messages of named queues that transactional consumers hold: found by their delivery ids, settled or given back by a transaction.

import type { LockedDeliveries } from '../../session/named-queue/locked-deliveries.ts'
import type { Sessions } from '../sessions.ts'

/** A message that its consumer holds, or that a prepared transaction has locked. Once it is neither, nothing more can be done to it. */
export interface HeldMessage {
  readonly deliveryId: string
  /** The name of its queue. */
  readonly queue: string
  /** False when it was settled or given back, or the deadline has given it to somebody else. */
  readonly isHeld: boolean
  /** Settles it, in the commit that is recorded now. */
  settle(): void
  /** It comes again, to any consumer, after the retry delay of its queue. */
  giveBack(): void
  /** Only `settle` and `giveBack` end it now: no deadline, no disconnect, no restart of the broker. */
  lock(transaction: string): void
}

export class HeldMessages {
  readonly #sessions: Sessions
  readonly #locked: LockedDeliveries

  constructor(sessions: Sessions, locked: LockedDeliveries) {
    this.#sessions = sessions
    this.#locked = locked
  }

  /** Returns what the client holds under this id, or null: it never did, or does not any more. */
  find(clientId: string, deliveryId: string): HeldMessage | null {
    return this.#sessions.get(clientId)?.held.get(deliveryId) ?? null
  }

  /** Returns what was locked for a transaction, also before a restart. */
  lockedBy(clientId: string, transaction: string): readonly HeldMessage[] {
    return this.#locked.of(clientId, transaction)
  }
}

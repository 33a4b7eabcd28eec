// Records the changes of a share group's queue, and of its members' deliveries in flight.

import type { CommitId } from '../../store/journal.ts'
import { strict as assert } from 'node:assert'
import { WORK } from '../../limits.ts'
import type { Message } from '../../message.ts'
import type { GroupOwner } from '../../store/change.ts'
import { type Delivery, type DeliveryOrigin, newDelivery, NO_IDENTIFIERS } from '../delivery.ts'
import { recordQueued, recordSettled } from '../delivery-journal.ts'
import type { SessionContext } from '../session-context.ts'
import type { QueueTail } from '../waiting/queue-tail.ts'

export class GroupJournal {
  readonly #owner: GroupOwner
  readonly #context: SessionContext
  readonly #tail: QueueTail
  /** The messages that were queued when the first member with a durable session joined. */
  #toStore: readonly Delivery[] = []
  #stored = 0

  constructor(owner: GroupOwner, context: SessionContext, tail: QueueTail) {
    this.#owner = owner
    this.#context = context
    this.#tail = tail
  }

  /** Records a new delivery of the group. `isDurable`: whether its queue survives a crash. */
  accept(
    message: Message,
    commitId: CommitId,
    origin: DeliveryOrigin & { readonly isDurable: boolean },
  ): Delivery {
    const { qos, retain } = message
    const delivery = newDelivery(message, qos, retain, NO_IDENTIFIERS, origin, 0, commitId)
    if (qos === 0) return delivery
    delivery.reserved = this.#context.nextDelivery()
    if (origin.isDurable) this.#recordQueued(delivery)
    return delivery
  }

  /** Stores a delivery that was queued while the group was not durable, at its place in the order. */
  store(delivery: Delivery): void {
    const { journal } = this.#context
    assert(delivery.reserved !== 0, 'what waits unstored has a number')
    journal.record({ kind: 'message-stored', message: delivery.message })
    this.#recordQueued(delivery)
    delivery.commitId = journal.current
    // While a part of the queue is in the store only, every new delivery is stored at once.
    this.#tail.continuesBehind(delivery)
  }

  /** Records that a member gave the delivery back. */
  returned(delivery: Delivery, clientId: string): void {
    this.#tail.excludeFromPages(delivery)
    const { stored } = delivery
    const owner = this.#owner
    this.#context.journal.record({ kind: 'returned', delivery: stored, clientId, owner })
  }

  settled(delivery: Delivery): void {
    recordSettled(this.#context.journal, delivery, this.#owner)
  }

  /**
   * Stores the queued messages, a part in each turn, because a message may go to a member with a durable session, and its packet
   * identifier must survive a crash. A message that goes to such a member earlier is stored at that moment.
   */
  storesWaiting(waiting: readonly Delivery[]): void {
    this.#toStore = waiting
    this.#stored = 0
  }

  /** Returns false when this turn has no work left for the rest. */
  storeSome(): boolean {
    for (; this.#stored < this.#toStore.length; this.#stored++) {
      if (this.#context.turnWorkLeft <= 0) return false
      const delivery = this.#toStore[this.#stored]
      if (delivery === undefined || !isUnstored(delivery)) continue
      this.#context.turnWorkLeft -= WORK.groupStore
      this.store(delivery)
    }
    this.#toStore = []
    this.#stored = 0
    return true
  }

  #recordQueued(delivery: Delivery): void {
    delivery.stored = delivery.reserved
    recordQueued(this.#context.journal, delivery, this.#owner)
  }
}

/** Whether the delivery is queued and not stored. */
function isUnstored({ reserved, stored, packetId }: Delivery): boolean {
  return reserved !== 0 && stored === 0 && packetId === 0
}

/** Marks the delivery as not queued any more. */
export function leavesQueue(delivery: Delivery): void {
  delivery.reserved = 0
}

// What a share group records in the journal of its queue and of what its members have in flight.

import type { CommitId } from '../store/journal.ts'
import { strict as assert } from 'node:assert'
import { WORK } from '../limits.ts'
import type { Message } from '../message.ts'
import type { GroupOwner } from '../store/change.ts'
import { type Delivery, type DeliveryOrigin, newDelivery, NO_IDENTIFIERS } from './delivery.ts'
import { recordQueued, recordSettled } from './delivery-journal.ts'
import type { SessionContext } from './session-context.ts'
import type { QueueTail } from './queue-tail.ts'

export class GroupJournal {
  readonly #owner: GroupOwner
  readonly #context: SessionContext
  readonly #tail: QueueTail
  /** What waited when the first member joined that survives a crash. */
  #toStore: readonly Delivery[] = []
  #stored = 0

  constructor(owner: GroupOwner, context: SessionContext, tail: QueueTail) {
    this.#owner = owner
    this.#context = context
    this.#tail = tail
  }

  /** The message becomes the group's to deliver. `isDurable`: its queue is to survive a crash. */
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

  /** What was queued while the group was not durable is stored after all, at its place in the order. */
  store(delivery: Delivery): void {
    const { journal } = this.#context
    assert(delivery.reserved !== 0, 'what waits unstored has a number')
    journal.record({ kind: 'message-stored', message: delivery.message })
    this.#recordQueued(delivery)
    delivery.commitId = journal.current
    // While a part of the queue lies in the store, all that joins it is stored at once.
    this.#tail.followsOn(delivery)
  }

  /** A member gave it back. */
  returned(delivery: Delivery, clientId: string): void {
    this.#tail.passesBy(delivery)
    const { stored } = delivery
    const owner = this.#owner
    this.#context.journal.record({ kind: 'returned', delivery: stored, clientId, owner })
  }

  settled(delivery: Delivery): void {
    recordSettled(this.#context.journal, delivery, this.#owner)
  }

  /**
   * What waits is to be stored, a part of it in each turn: it may go to a member that survives a crash, and its packet
   * identifier must survive as well. What goes to such a member before its turn comes is stored at that moment.
   */
  storesWaiting(waiting: readonly Delivery[]): void {
    this.#toStore = waiting
    this.#stored = 0
  }

  /** False when there is more to store than this turn may. */
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

/** It waits still, and the store does not know. */
function isUnstored({ reserved, stored, packetId }: Delivery): boolean {
  return reserved !== 0 && stored === 0 && packetId === 0
}

/** It does not wait any longer. */
export function leavesQueue(delivery: Delivery): void {
  delivery.reserved = 0
}

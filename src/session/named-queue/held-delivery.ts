// A message that a transactional consumer holds until a transaction settles it.

import type { Delivery } from '../delivery.ts'
import type { ShareMember } from '../share-group/share-member.ts'
import type { HandOut } from './hand-outs.ts'

/** What consumers hold of the queue of the message. */
interface Holds {
  readonly name: string
  settle(held: HeldDelivery): void
  giveBack(held: HeldDelivery): void
  /** Its consumer has left. */
  return(held: HeldDelivery): void
  lock(held: HeldDelivery, transaction: string): void
}

export class HeldDelivery {
  readonly deliveryId: string
  readonly clientId: string
  /** As it was queued. */
  readonly delivery: Delivery
  readonly handOut: HandOut
  /** Null when it was locked before the broker started. */
  readonly member: ShareMember | null
  /** The transaction that has locked it; null for none. */
  transaction: string | null = null
  isHeld = true
  readonly #holds: Holds

  constructor(
    holds: Holds,
    deliveryId: string,
    clientId: string,
    delivery: Delivery,
    handOut: HandOut,
    member: ShareMember | null,
  ) {
    this.#holds = holds
    this.deliveryId = deliveryId
    this.clientId = clientId
    this.delivery = delivery
    this.handOut = handOut
    this.member = member
  }

  get queue(): string {
    return this.#holds.name
  }

  isOf(holds: Holds): boolean {
    return holds === this.#holds
  }

  settle(): void {
    if (this.isHeld) this.#holds.settle(this)
  }

  giveBack(): void {
    if (this.isHeld) this.#holds.giveBack(this)
  }

  /** The session of its consumer has ended. */
  return(): void {
    if (this.isHeld) this.#holds.return(this)
  }

  lock(transaction: string): void {
    if (this.isHeld && this.transaction === null) this.#holds.lock(this, transaction)
  }
}

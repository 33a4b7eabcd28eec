// A queue of deliveries in the order of publishing. Deliveries that a member of a share group gave back are in front.

import { type HeapEntry, MemberHeap } from '../../routing/member-heap.ts'
import type { Delivery } from '../delivery.ts'
import { isExpired } from '../session-context.ts'

/** The operations of a queue of deliveries. */
export interface DeliveryQueue {
  readonly length: number
  add(delivery: Delivery): void
  /** One came that is in the store only. Left out where nobody asks. */
  inStore?(delivery: Delivery): void
  /** Puts a delivery that was taken out back to its place. */
  putBack(delivery: Delivery): void
  /** The oldest delivery. */
  peek(): Delivery | undefined
  shift(): Delivery | undefined
  /** All deliveries except those that were given back, in no order. */
  all(): readonly Delivery[]
  /** Those, in no order. Left out where nobody asks. */
  givenBack?(): readonly Delivery[]
  /** Removes at most `max` deliveries that have expired by `now`, and returns when the next one expires. */
  expire(now: number, max: number): Expired
}

/** Does `expire` for several queues that are parts of one. `shortened` is called with each of which any have expired, and how many. */
export function expireParts<Part extends { readonly deliveries: DeliveryQueue }>(
  parts: Iterable<Part>,
  now: number,
  max: number,
  shortened: (part: Part, by: number) => void,
): Expired {
  const deliveries: Delivery[] = []
  let nextAt = Infinity
  for (const part of parts) {
    const expired = part.deliveries.expire(now, max - deliveries.length)
    for (const delivery of expired.deliveries) deliveries.push(delivery)
    nextAt = Math.min(nextAt, expired.nextAt)
    if (expired.deliveries.length > 0) shortened(part, expired.deliveries.length)
  }
  return { deliveries, nextAt }
}

export interface Expired {
  readonly deliveries: Delivery[]
  /** The time of the next expiry in milliseconds; in the past when there are more, Infinity when none expires. */
  readonly nextAt: number
}

interface Returned extends HeapEntry {
  readonly delivery: Delivery
}

export class FifoQueue implements DeliveryQueue {
  #fifo: (Delivery | undefined)[] = []
  #head = 0
  /** Made when it is first needed. */
  #returned: MemberHeap<Returned> | null = null
  #returnedCount = 0
  /** The place of a delivery that is put back. */
  readonly #rankOf: (delivery: Delivery) => number

  constructor(rankOf: (delivery: Delivery) => number = inOrderOfPublishing) {
    this.#rankOf = rankOf
  }

  get length(): number {
    return this.#fifo.length - this.#head + this.#returnedCount
  }

  add(delivery: Delivery): void {
    this.#fifo.push(delivery)
  }

  putBack(delivery: Delivery): void {
    this.#returned ??= new MemberHeap()
    const rank = this.#rankOf(delivery)
    // Deliveries from the store also have numbers in the order of publishing.
    this.#returned.insert({ delivery, rank, turn: delivery.stored, place: -1 })
    this.#returnedCount += 1
  }

  peek(): Delivery | undefined {
    const next = this.#fifo[this.#head]
    if (this.#returnedCount === 0) return next
    const returned = this.#returned?.first?.delivery
    if (next === undefined || returned === undefined) return returned ?? next
    return this.#rankOf(returned) <= this.#rankOf(next) ? returned : next
  }

  shift(): Delivery | undefined {
    const delivery = this.peek()
    if (delivery === undefined) return undefined
    const returned = this.#returnedCount === 0 ? null : (this.#returned?.first ?? null)
    if (returned !== null && returned.delivery === delivery) {
      this.#returned?.remove(returned)
      this.#returnedCount -= 1
      return delivery
    }
    this.#fifo[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#fifo.length) this.#reset()
    else if (this.#head >= 1_024 && this.#head * 2 >= this.#fifo.length) this.#compact()
    return delivery
  }

  all(): readonly Delivery[] {
    return this.#fifo.slice(this.#head).filter(delivery => delivery !== undefined)
  }

  givenBack(): readonly Delivery[] {
    return this.#returned?.all.map(({ delivery }) => delivery) ?? []
  }

  expire(now: number, max: number): Expired {
    const deliveries: Delivery[] = []
    const kept: Delivery[] = []
    let nextAt = this.#expireReturned(now, max, deliveries)
    for (let index = this.#head; index < this.#fifo.length; index++) {
      const delivery = this.#fifo[index]
      if (delivery === undefined) continue
      if (deliveries.length < max && isExpired(delivery.message, now)) deliveries.push(delivery)
      else {
        kept.push(delivery)
        if (delivery.message.expiresAt < nextAt) nextAt = delivery.message.expiresAt
      }
    }
    this.#fifo = kept
    this.#head = 0
    return { deliveries, nextAt }
  }

  /** The same for deliveries that were given back. Returns when the next of them expires. */
  #expireReturned(now: number, max: number, deliveries: Delivery[]): number {
    const returned = this.#returned
    this.#returned = null
    this.#returnedCount = 0
    let nextAt = Infinity
    for (let first = returned?.first; first; first = returned?.first) {
      returned?.remove(first)
      const { delivery } = first
      if (deliveries.length < max && isExpired(delivery.message, now)) deliveries.push(delivery)
      else {
        this.putBack(delivery)
        nextAt = Math.min(nextAt, delivery.message.expiresAt)
      }
    }
    return nextAt
  }

  #reset(): void {
    this.#fifo.length = 0
    this.#head = 0
  }

  #compact(): void {
    this.#fifo = this.#fifo.slice(this.#head)
    this.#head = 0
  }
}

function inOrderOfPublishing({ message }: Delivery): number {
  return message.sequence
}

/** The number of a delivery of a named queue, stored or not. Those that were moved there have older messages. */
export function numberOf({ stored, reserved }: Delivery): number {
  return stored === 0 ? reserved : stored
}

// A queue of deliveries on its way into another kind of queue, because the strategy of its share group has changed. The messages move
// one at a time, oldest first, so that a long queue moves in several turns. Nothing is handed out meanwhile.

import type { Delivery } from '../delivery.ts'
import type { DeliveryQueue, Expired } from './fifo-queue.ts'

export class MovingQueue implements DeliveryQueue {
  readonly to: DeliveryQueue
  readonly #from: DeliveryQueue

  constructor(from: DeliveryQueue, to: DeliveryQueue) {
    this.#from = from
    this.to = to
  }

  get length(): number {
    return this.#from.length + this.to.length
  }

  /** Moves the oldest delivery. Returns false when all have moved. */
  moveNext(): boolean {
    const delivery = this.#from.shift()
    if (delivery === undefined) return false
    this.to.add(delivery)
    return true
  }

  /** A new delivery follows those that have not moved yet. */
  add(delivery: Delivery): void {
    this.#from.add(delivery)
  }

  inStore(delivery: Delivery): void {
    this.to.inStore?.(delivery)
  }

  /** Its place may be among those that have moved. If it is not, later ones are added behind it all the same, and leave first. */
  putBack(delivery: Delivery): void {
    this.to.putBack(delivery)
  }

  peek(): Delivery | undefined {
    return this.#older()?.peek()
  }

  shift(): Delivery | undefined {
    return this.#older()?.shift()
  }

  all(): readonly Delivery[] {
    return [...this.to.all(), ...this.#from.all()]
  }

  givenBack(): readonly Delivery[] {
    return [this.to, this.#from].flatMap(queue => queue.givenBack?.() ?? [])
  }

  expire(now: number, max: number): Expired {
    const moved = this.to.expire(now, max)
    const others = this.#from.expire(now, max - moved.deliveries.length)
    return {
      deliveries: [...moved.deliveries, ...others.deliveries],
      nextAt: Math.min(moved.nextAt, others.nextAt),
    }
  }

  #older(): DeliveryQueue | undefined {
    const moved = this.to.peek()
    const other = this.#from.peek()
    if (moved === undefined || other === undefined)
      return moved === undefined ? this.#from : this.to
    return moved.message.sequence <= other.message.sequence ? this.to : this.#from
  }
}

// A queue of deliveries with bounds in messages and bytes. Deliveries beyond its bound of memory stay in the store only.

import type { Limits } from '../../limits.ts'
import { compactBytes } from '../../message.ts'
import type { Delivery } from '../delivery.ts'
import { FifoQueue, type DeliveryQueue } from './fifo-queue.ts'
import { MovingQueue } from './moving-queue.ts'
import { sizeOf, type QueueTail } from './queue-tail.ts'

/** A message behind this many others is likely to wait for long. */
const LONG_QUEUE_MIN = 128

/** A full queue searches for expired messages less often the longer it is: this many messages per millisecond. */
const SEARCHED_A_MS = 100
/** The most expired messages that one search removes. */
const EXPIRED_A_SEARCH = 1_024
/** A queue may exceed its bounds by this part while the store is searched for expired messages. */
const SEARCH_PART = 16

export type QueueBounds = Pick<Limits, 'queuedMessagesMax' | 'queuedBytesMax' | 'queueOverflow'>

// Wide on purpose: its figures are asked one by one, and it has a method for each way in and out.
export class MessageQueue {
  #deliveries: DeliveryQueue
  readonly #bounds: QueueBounds
  #bytes = 0
  #countQoS0 = 0
  /** No message in memory expires before this time, in milliseconds. */
  #expiresAt = Infinity
  #searchAt = 0
  /** The tail of the queue, which is in the store only. */
  readonly tail: QueueTail

  constructor(tail: QueueTail, bounds: QueueBounds, deliveries: DeliveryQueue = new FifoQueue()) {
    this.tail = tail
    this.#bounds = bounds
    this.#deliveries = deliveries
  }

  /** The number of messages in memory. */
  get length(): number {
    return this.#deliveries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The number of messages in memory and in the store. */
  get messages(): number {
    return this.length + this.tail.messages
  }

  get bytesInAll(): number {
    return this.#bytes + this.tail.bytes
  }

  /** Whether messages of QoS 0 wait. New ones must not overtake them [MQTT-4.6.0-5]. */
  get holdsQoS0(): boolean {
    return this.#countQoS0 > 0
  }

  /** Whether nothing waits, in memory or in the store. */
  get isEmpty(): boolean {
    return this.messages === 0
  }

  /** Adds a delivery at the end, in memory or in the store. */
  add(delivery: Delivery): void {
    if (this.tail.takes(delivery, this.length, this.#bytes)) {
      this.#deliveries.inStore?.(delivery)
      return
    }
    // A message in a short queue leaves it soon, so its bytes are not copied.
    if (this.length >= LONG_QUEUE_MIN && delivery.qos > 0) compactBytes(delivery.message)
    this.#count(delivery)
    this.#deliveries.add(delivery)
  }

  /** Adds deliveries from the store at the end, in memory. */
  restore(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#count(delivery)
      this.#deliveries.add(delivery)
    }
  }

  /** Puts deliveries that were taken out back to their places. */
  putBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#count(delivery)
      this.#deliveries.putBack(delivery)
    }
  }

  peek(): Delivery | undefined {
    return this.#deliveries.peek()
  }

  shift(): Delivery | undefined {
    const delivery = this.#deliveries.shift()
    if (delivery !== undefined) this.left(delivery)
    return delivery
  }

  /** Whether deliveries are on their way into another kind of queue. */
  get isMoving(): boolean {
    return this.#deliveries instanceof MovingQueue
  }

  /** Keeps the deliveries in another kind of queue from now on. The present ones move by `moveNext`. */
  moveTo(deliveries: DeliveryQueue): void {
    this.#deliveries =
      this.length === 0 ? deliveries : new MovingQueue(this.#deliveries, deliveries)
  }

  moveNext(): void {
    if (!(this.#deliveries instanceof MovingQueue)) return
    if (!this.#deliveries.moveNext()) this.#deliveries = this.#deliveries.to
  }

  /** All deliveries in memory except those that were put back, in no order. */
  all(): readonly Delivery[] {
    return this.#deliveries.all()
  }

  /** The others in memory, in no order. */
  givenBack(): readonly Delivery[] {
    return this.#deliveries.givenBack?.() ?? []
  }

  /** A keyed queue has removed the delivery. */
  left(delivery: Delivery): void {
    this.#bytes -= sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 -= 1
    this.tail.memory.releaseDelivery(delivery.message)
  }

  /** Removes expired messages, if there may be some and the last search was not just now. */
  takeExpired(now: number): readonly Delivery[] {
    this.tail.search(now)
    if (this.#expiresAt > now || this.#searchAt > now) return []
    const { deliveries, nextAt } = this.#deliveries.expire(now, EXPIRED_A_SEARCH)
    for (const delivery of deliveries) this.left(delivery)
    this.#expiresAt = nextAt
    // There may be more. They are searched for when there is no room again.
    const isPart = deliveries.length === EXPIRED_A_SEARCH
    this.#searchAt = isPart ? 0 : now + this.length / SEARCHED_A_MS
    return deliveries
  }

  /**
   * Removes the oldest messages until there is room. If they are in the store, the next page must be read first; until then the queue
   * exceeds its bounds.
   */
  takeOldest(size: number): readonly Delivery[] {
    const taken: Delivery[] = []
    const more = size === 0 ? 0 : 1
    while (!this.fits(size, more)) {
      const oldest = this.shift()
      if (oldest === undefined) {
        this.tail.want()
        break
      }
      taken.push(oldest)
    }
    return taken
  }

  /** Whether the bounds have room for this many more messages and bytes. */
  fits(size: number, more: number): boolean {
    const { queuedMessagesMax, queuedBytesMax } = this.#bounds
    return this.messages + more <= queuedMessagesMax && this.bytesInAll + size <= queuedBytesMax
  }

  /** Whether the store is being searched for expired messages. New messages are not dropped meanwhile for the room that those take. */
  fitsMeanwhile(size: number): boolean {
    if (!this.tail.isSearched) return false
    const { queuedMessagesMax, queuedBytesMax } = this.#bounds
    const messagesMax = queuedMessagesMax + Math.ceil(queuedMessagesMax / SEARCH_PART)
    const bytesMax = queuedBytesMax + queuedBytesMax / SEARCH_PART
    return this.messages < messagesMax && this.bytesInAll + size <= bytesMax
  }

  #count(delivery: Delivery): void {
    this.#bytes += sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 += 1
    if (delivery.message.expiresAt < this.#expiresAt) this.#expiresAt = delivery.message.expiresAt
    this.tail.memory.holdDelivery(delivery.message)
  }
}

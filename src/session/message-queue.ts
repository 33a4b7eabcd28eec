// Deliveries that wait, counted in messages and bytes against bounds. Those that memory has no place for are left to the
// store.

import type { Limits } from '../limits.ts'
import { compactBytes } from '../message.ts'
import type { Delivery } from './delivery.ts'
import { FifoQueue, type DeliveryQueue } from './fifo-queue.ts'
import { sizeOf, type QueueTail } from './queue-tail.ts'

/** A message that comes behind so many others stays for a while. */
const LONG_QUEUE_MIN = 128

/** A full queue looks for expired messages less often the longer it is: at so many messages a millisecond. */
const SEARCHED_A_MS = 100
/** Expired messages that one look takes out. */
const EXPIRED_A_SEARCH = 1_024
/** The part of its bounds that a queue may pass while expired messages are looked for in the store. */
const SEARCH_PART = 16

export type QueueBounds = Pick<Limits, 'queuedMessagesMax' | 'queuedBytesMax' | 'queueOverflow'>

export class MessageQueue {
  readonly #deliveries: DeliveryQueue
  readonly #bounds: QueueBounds
  #bytes = 0
  #countQoS0 = 0
  /** Milliseconds before which none of those in memory expires. */
  #expiresAt = Infinity
  #searchAt = 0
  /** What of it is left to the store. */
  readonly tail: QueueTail

  constructor(tail: QueueTail, bounds: QueueBounds, deliveries: DeliveryQueue = new FifoQueue()) {
    this.tail = tail
    this.#bounds = bounds
    this.#deliveries = deliveries
  }

  /** Those in memory. */
  get length(): number {
    return this.#deliveries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Those in the store as well. */
  get messages(): number {
    return this.length + this.tail.messages
  }

  get bytesInAll(): number {
    return this.#bytes + this.tail.bytes
  }

  /** Messages of QoS 0 wait: what comes now at QoS 0 must not overtake them [MQTT-4.6.0-5]. */
  get holdsQoS0(): boolean {
    return this.#countQoS0 > 0
  }

  /** Nothing waits, here or in the store. */
  get isEmpty(): boolean {
    return this.messages === 0
  }

  /** Puts it at the end, in memory or in the store. */
  add(delivery: Delivery): void {
    if (this.tail.takes(delivery, this.length, this.#bytes)) return
    // On its way through a short queue it need not have memory of its own.
    if (this.length >= LONG_QUEUE_MIN && delivery.qos > 0) compactBytes(delivery.message)
    this.#deliveries.add(delivery)
    this.#count(delivery)
  }

  /** Puts what the store kept to the end, in memory. */
  restore(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#deliveries.add(delivery)
      this.#count(delivery)
    }
  }

  /** Puts deliveries that were taken out already back to where they stood. */
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

  /** All in memory but those that were put back, in no order. */
  all(): readonly Delivery[] {
    return this.#deliveries.all()
  }

  /** One of the queues by key has given the delivery up. */
  left(delivery: Delivery): void {
    this.#bytes -= sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 -= 1
    this.tail.memory.releaseDelivery(delivery.message)
  }

  /** Takes out expired messages, if there may be some and it was not tried just now. */
  takeExpired(now: number): readonly Delivery[] {
    this.tail.search(now)
    if (this.#expiresAt > now || this.#searchAt > now) return []
    const { deliveries, nextAt } = this.#deliveries.expire(now, EXPIRED_A_SEARCH)
    for (const delivery of deliveries) this.left(delivery)
    this.#expiresAt = nextAt
    // There may be more: they are looked for as soon as there is no room again.
    const isPart = deliveries.length === EXPIRED_A_SEARCH
    this.#searchAt = isPart ? 0 : now + this.length / SEARCHED_A_MS
    return deliveries
  }

  /**
   * Takes the oldest out until there is room. Where they lie in the store the next page must come first: the bounds are
   * passed by that much.
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

  /** The bounds have room for so many more, and so many bytes. */
  fits(size: number, more: number): boolean {
    const { queuedMessagesMax, queuedBytesMax } = this.#bounds
    return this.messages + more <= queuedMessagesMax && this.bytesInAll + size <= queuedBytesMax
  }

  /** The store is asked for expired ones: what comes meanwhile is not to be lost for the room that they hold. */
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

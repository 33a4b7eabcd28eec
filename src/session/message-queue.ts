// A queue of deliveries, bounded in messages and bytes. What does not fit into memory is left to the store.

import type { QueueOverflow } from '../limits.ts'
import { settleBytes } from '../message.ts'
import type { Delivery } from './delivery.ts'
import { FifoQueue, type DeliveryQueue } from './fifo-queue.ts'
import { sizeOf, type QueueTail } from './queue-tail.ts'

/** A message that comes behind so many others stays for a while. */
const LONG_QUEUE_MIN = 128

export interface QueueBounds {
  readonly messagesMax: number
  readonly bytesMax: number
  readonly overflow: QueueOverflow
}

const NONE: readonly never[] = []

/** A full queue looks for expired messages less often the longer it is: at so many messages a millisecond. */
const SEARCHED_A_MS = 100
/** Expired messages that one look takes out. */
const EXPIRED_A_SEARCH = 1_024
/** The part of its bounds that a queue may pass while expired messages are looked for in the store. */
const SEARCH_PART = 16

export class MessageQueue {
  readonly #waiting: DeliveryQueue
  #bytes = 0
  #countQoS0 = 0
  /** Milliseconds before which none of those in memory expires. */
  #expiresAt = Infinity
  #searchAt = 0
  /** Why the latest push pushed something out. */
  lostTo: 'queue-full' | 'memory-full' = 'queue-full'
  /** What of it is left to the store. */
  readonly tail: QueueTail

  constructor(tail: QueueTail, waiting: DeliveryQueue = new FifoQueue()) {
    this.tail = tail
    this.#waiting = waiting
  }

  /** Those in memory. */
  get length(): number {
    return this.#waiting.length
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

  /** Puts it at the end and returns what the bounds push out: what has expired, then older ones, or itself. */
  push(delivery: Delivery, bounds: QueueBounds, now: number): readonly Delivery[] {
    const size = sizeOf(delivery)
    const fits = this.#fits(size, 1, bounds)
    // What is stored can be left there.
    if (fits && (delivery.stored !== 0 || this.tail.memory.hasRoom)) {
      this.#append(delivery)
      return NONE
    }
    const pushedOut = this.#expired(now)
    const fitsNow = this.#fits(size, 1, bounds) || this.#fitsMeanwhile(size, bounds)
    if (fitsNow && (delivery.stored !== 0 || this.tail.memory.hasRoom)) this.#append(delivery)
    else if (fitsNow) this.#pushInto(delivery, bounds, pushedOut)
    else this.#pushThrough(delivery, bounds, pushedOut)
    return pushedOut
  }

  /** There is no memory for more: it takes the place of an older one, or is lost itself. */
  #pushInto(delivery: Delivery, bounds: QueueBounds, pushedOut: Delivery[]): void {
    this.lostTo = 'memory-full'
    this.tail.memory.refusals += 1
    const oldest = bounds.overflow === 'drop-oldest' ? this.shift() : undefined
    pushedOut.push(oldest ?? delivery)
    if (oldest !== undefined) this.#append(delivery)
  }

  /** The bounds are reached: older ones make room for it, or it is lost itself. */
  #pushThrough(delivery: Delivery, bounds: QueueBounds, pushedOut: Delivery[]): void {
    this.lostTo = 'queue-full'
    const { overflow, bytesMax, messagesMax } = bounds
    if (overflow === 'drop-newest' || sizeOf(delivery) > bytesMax || messagesMax < 1) {
      pushedOut.push(delivery)
      return
    }
    this.#makeRoom(sizeOf(delivery), bounds, pushedOut)
    this.#append(delivery)
  }

  /** A page from the store: goes to the end. Returns what the bounds push out meanwhile. */
  paged(deliveries: readonly Delivery[], bounds: QueueBounds): readonly Delivery[] {
    this.restore(deliveries)
    if (bounds.overflow === 'drop-newest') return NONE
    const pushedOut: Delivery[] = []
    this.#makeRoom(0, bounds, pushedOut)
    return pushedOut
  }

  /** Puts what the store kept to the end, bounds or not. */
  restore(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#waiting.add(delivery)
      this.#count(delivery)
    }
  }

  /** Puts deliveries that were taken out already back to where they stood, bounds or not. */
  putBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#count(delivery)
      this.#waiting.putBack(delivery)
    }
  }

  peek(): Delivery | undefined {
    return this.#waiting.peek()
  }

  shift(): Delivery | undefined {
    const delivery = this.#waiting.shift()
    if (delivery !== undefined) this.left(delivery)
    return delivery
  }

  /** All in memory but those that were put back, in no order. */
  all(): readonly Delivery[] {
    return this.#waiting.all()
  }

  /** One of the queues by key has given the delivery up. */
  left(delivery: Delivery): void {
    this.#bytes -= sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 -= 1
    this.tail.memory.releaseDelivery(delivery.message)
  }

  /** Takes out expired messages, if there may be some and it was not tried just now. */
  #expired(now: number): Delivery[] {
    this.tail.search(now)
    if (this.#expiresAt > now || this.#searchAt > now) return []
    const { deliveries, nextAt } = this.#waiting.expire(now, EXPIRED_A_SEARCH)
    for (const delivery of deliveries) this.left(delivery)
    this.#expiresAt = nextAt
    // There may be more: they are looked for as soon as there is no room again.
    const isPart = deliveries.length === EXPIRED_A_SEARCH
    this.#searchAt = isPart ? 0 : now + this.length / SEARCHED_A_MS
    return deliveries
  }

  /** Drops the oldest. Where they lie in the store the next page must come first: the bounds are passed by that much. */
  #makeRoom(size: number, bounds: QueueBounds, pushedOut: Delivery[]): void {
    const more = size === 0 ? 0 : 1
    while (!this.#fits(size, more, bounds)) {
      const oldest = this.shift()
      if (oldest === undefined) {
        this.tail.want()
        break
      }
      pushedOut.push(oldest)
    }
  }

  #fits(size: number, more: number, bounds: QueueBounds): boolean {
    return this.messages + more <= bounds.messagesMax && this.bytesInAll + size <= bounds.bytesMax
  }

  /** The store is asked for expired ones: what comes meanwhile is not to be lost for the room that they hold. */
  #fitsMeanwhile(size: number, { messagesMax, bytesMax }: QueueBounds): boolean {
    if (!this.tail.isSearched) return false
    const isFew = this.messages < messagesMax + Math.ceil(messagesMax / SEARCH_PART)
    return isFew && this.bytesInAll + size <= bytesMax + bytesMax / SEARCH_PART
  }

  #append(delivery: Delivery): void {
    if (this.tail.takes(delivery, this.length, this.#bytes)) return
    // On its way through a short queue it need not have memory of its own.
    if (this.length >= LONG_QUEUE_MIN && delivery.qos > 0) settleBytes(delivery.message)
    this.#waiting.add(delivery)
    this.#count(delivery)
  }

  #count(delivery: Delivery): void {
    this.#bytes += sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 += 1
    if (delivery.message.expiresAt < this.#expiresAt) this.#expiresAt = delivery.message.expiresAt
    this.tail.memory.holdDelivery(delivery.message)
  }
}

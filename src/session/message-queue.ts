// A waiting line of deliveries, bounded in messages and bytes. What does not fit into memory is left to the store.

import type { QueueOverflow } from '../limits.ts'
import { settleBytes } from '../message.ts'
import type { Delivery } from './delivery.ts'
import { sizeOf, type StoredRest } from './stored-rest.ts'

/** A message that comes behind so many others stays for a while. */
const LONG_LINE_MIN = 128

export interface QueueBounds {
  readonly messagesMax: number
  readonly bytesMax: number
  readonly overflow: QueueOverflow
}

export class MessageQueue {
  #line: (Delivery | undefined)[] = []
  #head = 0
  #bytes = 0
  #countQoS0 = 0
  /** Why the latest push pushed something out. */
  lostTo: 'queue-full' | 'memory-full' = 'queue-full'
  /** What of it is left to the store. */
  readonly rest: StoredRest

  constructor(rest: StoredRest) {
    this.rest = rest
  }

  /** Those in memory. */
  get length(): number {
    return this.#line.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Those in the store as well. */
  get messages(): number {
    return this.length + this.rest.messages
  }

  get bytesInAll(): number {
    return this.#bytes + this.rest.bytes
  }

  /** Messages of QoS 0 wait: what comes now at QoS 0 must not overtake them [MQTT-4.6.0-5]. */
  get holdsQoS0(): boolean {
    return this.#countQoS0 > 0
  }

  /** Nothing waits, here or in the store. */
  get isEmpty(): boolean {
    return this.messages === 0
  }

  /** Puts it at the end and returns what the bounds push out: older ones, or itself. */
  push(delivery: Delivery, bounds: QueueBounds): readonly Delivery[] {
    const size = sizeOf(delivery)
    const fits = this.#fits(size, 1, bounds)
    // What is stored can be left there.
    if (fits && (delivery.stored !== 0 || this.rest.kept.hasRoom)) {
      this.#append(delivery)
      return []
    }
    if (fits) return this.#pushInto(delivery, bounds)
    this.lostTo = 'queue-full'
    if (bounds.overflow === 'drop-newest' || size > bounds.bytesMax || bounds.messagesMax < 1) {
      return [delivery]
    }
    const pushedOut = this.#makeRoom(size, bounds)
    this.#append(delivery)
    return pushedOut
  }

  /** There is no memory for more: it takes the place of an older one, or is lost itself. */
  #pushInto(delivery: Delivery, bounds: QueueBounds): readonly Delivery[] {
    this.lostTo = 'memory-full'
    this.rest.kept.refusals += 1
    const oldest = bounds.overflow === 'drop-oldest' ? this.shift() : undefined
    if (oldest === undefined) return [delivery]
    this.#append(delivery)
    return [oldest]
  }

  /** A page from the store: goes to the end. Returns what the bounds push out meanwhile. */
  paged(deliveries: readonly Delivery[], bounds: QueueBounds): readonly Delivery[] {
    for (const delivery of deliveries) {
      this.#line.push(delivery)
      this.#count(delivery)
    }
    return bounds.overflow === 'drop-newest' ? [] : this.#makeRoom(0, bounds)
  }

  /** Puts deliveries that were taken out already back to the front, in their order, bounds or not. */
  putBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#count(delivery)
    this.#line = [...deliveries, ...this.#line.slice(this.#head)]
    this.#head = 0
  }

  peek(): Delivery | undefined {
    return this.#line[this.#head]
  }

  shift(): Delivery | undefined {
    const delivery = this.#line[this.#head]
    if (delivery === undefined) return undefined
    this.#line[this.#head] = undefined
    this.#head += 1
    this.#uncount(delivery)
    if (this.#head === this.#line.length) this.#reset()
    else if (this.#head >= 1_024 && this.#head * 2 >= this.#line.length) this.#compact()
    return delivery
  }

  /** Takes out everything, oldest first. */
  drain(): readonly Delivery[] {
    const rest = this.#line.filter(delivery => delivery !== undefined)
    for (const delivery of rest) this.#uncount(delivery)
    this.#reset()
    return rest
  }

  /** Drops the oldest. Where they lie in the store the next page must come first: the bounds are passed by that much. */
  #makeRoom(size: number, bounds: QueueBounds): Delivery[] {
    const pushedOut: Delivery[] = []
    const more = size === 0 ? 0 : 1
    while (!this.#fits(size, more, bounds)) {
      const oldest = this.shift()
      if (oldest === undefined) {
        this.rest.want()
        break
      }
      pushedOut.push(oldest)
    }
    return pushedOut
  }

  #fits(size: number, more: number, bounds: QueueBounds): boolean {
    return this.messages + more <= bounds.messagesMax && this.bytesInAll + size <= bounds.bytesMax
  }

  #append(delivery: Delivery): void {
    if (this.rest.takes(delivery, this.length, this.#bytes)) return
    // On its way through a short line it need not have memory of its own.
    if (this.length >= LONG_LINE_MIN && delivery.qos > 0) settleBytes(delivery.message)
    this.#line.push(delivery)
    this.#count(delivery)
  }

  #count(delivery: Delivery): void {
    this.#bytes += sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 += 1
    const { kept } = this.rest
    kept.holdDelivery(delivery.message)
  }

  #uncount(delivery: Delivery): void {
    this.#bytes -= sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 -= 1
    const { kept } = this.rest
    kept.releaseDelivery(delivery.message)
  }

  #reset(): void {
    this.#line.length = 0
    this.#head = 0
  }

  #compact(): void {
    this.#line = this.#line.slice(this.#head)
    this.#head = 0
  }
}

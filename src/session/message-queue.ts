// A waiting line of deliveries, bounded in messages and bytes. What does not fit into memory is left to the store.

import type { QueueOverflow } from '../limits.ts'
import type { Delivery } from './delivery.ts'
import { sizeOf, type StoredRest } from './stored-rest.ts'

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
    if (this.#fits(size, 1, bounds)) {
      this.#append(delivery)
      return []
    }
    if (bounds.overflow === 'drop-newest' || size > bounds.bytesMax || bounds.messagesMax < 1) {
      return [delivery]
    }
    const pushedOut = this.#makeRoom(size, bounds)
    this.#append(delivery)
    return pushedOut
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
    this.#bytes -= sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 -= 1
    if (this.#head === this.#line.length) this.#reset()
    else if (this.#head >= 1_024 && this.#head * 2 >= this.#line.length) this.#compact()
    return delivery
  }

  /** Takes out everything, oldest first. */
  drain(): readonly Delivery[] {
    const rest = this.#line.filter(delivery => delivery !== undefined)
    this.#reset()
    this.#bytes = 0
    this.#countQoS0 = 0
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
    this.#line.push(delivery)
    this.#count(delivery)
  }

  #count(delivery: Delivery): void {
    this.#bytes += sizeOf(delivery)
    if (delivery.qos === 0) this.#countQoS0 += 1
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

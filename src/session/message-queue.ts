// A waiting line of deliveries, bounded in messages and bytes.

import type { QueueOverflow } from '../limits.ts'
import type { Delivery } from './delivery.ts'

export interface QueueBounds {
  readonly messagesMax: number
  readonly bytesMax: number
  readonly overflow: QueueOverflow
}

/** What one waiting delivery is counted as besides its payload and topic. */
const DELIVERY_OVERHEAD_BYTES = 64

export class MessageQueue {
  #line: (Delivery | undefined)[] = []
  #head = 0
  #bytes = 0

  get length(): number {
    return this.#line.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Puts it at the end and returns what the bounds push out: older ones, or itself. */
  push(delivery: Delivery, bounds: QueueBounds): readonly Delivery[] {
    const size = sizeOf(delivery)
    if (this.#fits(size, bounds)) {
      this.#append(delivery, size)
      return []
    }
    if (bounds.overflow === 'drop-newest' || size > bounds.bytesMax || bounds.messagesMax < 1) {
      return [delivery]
    }
    const pushedOut: Delivery[] = []
    while (!this.#fits(size, bounds)) {
      const oldest = this.shift()
      if (oldest === undefined) break
      pushedOut.push(oldest)
    }
    this.#append(delivery, size)
    return pushedOut
  }

  /** Puts deliveries that were taken out already back to the front, in their order, bounds or not. */
  putBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#bytes += sizeOf(delivery)
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
    if (this.#head === this.#line.length) this.#reset()
    else if (this.#head >= 1_024 && this.#head * 2 >= this.#line.length) this.#compact()
    return delivery
  }

  /** Takes out everything, oldest first. */
  drain(): readonly Delivery[] {
    const rest = this.#line.filter(delivery => delivery !== undefined)
    this.#reset()
    this.#bytes = 0
    return rest
  }

  #fits(size: number, bounds: QueueBounds): boolean {
    return this.length < bounds.messagesMax && this.#bytes + size <= bounds.bytesMax
  }

  #append(delivery: Delivery, size: number): void {
    this.#line.push(delivery)
    this.#bytes += size
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

function sizeOf(delivery: Delivery): number {
  return delivery.message.payload.length + delivery.message.topic.length + DELIVERY_OVERHEAD_BYTES
}

// Delayed messages in the order in which they are due, and of those that are due at once in the order of their publication: a binary
// heap. Each entry knows its index, so that it can be removed without a search.

import type { Message } from '../message.ts'

export interface DelayedMessage {
  readonly message: Message
  /** In milliseconds. */
  readonly due: number
  /** The client id and its key; null without one. */
  readonly key: string | null
  /** Only the heap changes it. */
  index: number
}

export class DelayedHeap {
  readonly #heap: DelayedMessage[] = []

  get first(): DelayedMessage | null {
    return this.#heap[0] ?? null
  }

  add(held: DelayedMessage): void {
    this.#put(held, this.#heap.length)
    this.#rise(held)
  }

  remove(held: DelayedMessage): void {
    const last = this.#heap.pop()
    if (last === undefined || last === held) return
    this.#put(last, held.index)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(held: DelayedMessage): void {
    while (held.index > 0) {
      const above = this.#heap[(held.index - 1) >> 1]
      if (above === undefined || isBefore(above, held)) return
      this.#swap(above, held)
    }
  }

  #sink(held: DelayedMessage): void {
    for (;;) {
      const left = this.#heap[2 * held.index + 1]
      const right = this.#heap[2 * held.index + 2]
      let least = held
      if (left !== undefined && isBefore(left, least)) least = left
      if (right !== undefined && isBefore(right, least)) least = right
      if (least === held) return
      this.#swap(least, held)
    }
  }

  #swap(one: DelayedMessage, other: DelayedMessage): void {
    const { index } = one
    this.#put(one, other.index)
    this.#put(other, index)
  }

  #put(held: DelayedMessage, index: number): void {
    this.#heap[index] = held
    held.index = index
  }
}

function isBefore(one: DelayedMessage, other: DelayedMessage): boolean {
  return (
    one.due < other.due || (one.due === other.due && one.message.sequence < other.message.sequence)
  )
}

// Where the retained messages of this partition were published. What is of an earlier start is of unknown origin.

import type { Message } from '../message.ts'
import type { Origin } from './item.ts'

export class Origins {
  readonly #partition: number
  readonly #elsewhere = new WeakMap<Message, Origin>()
  /** The number of the newest message of earlier starts. */
  earlier = 0

  constructor(partition: number) {
    this.#partition = partition
  }

  set(message: Message, origin: Origin): void {
    this.#elsewhere.set(message, origin)
  }

  of(message: Message): Origin {
    const known = this.#elsewhere.get(message)
    if (known !== undefined) return known
    const { sequence } = message
    return { partition: this.#partition, sequence: sequence > this.earlier ? sequence : 0 }
  }
}

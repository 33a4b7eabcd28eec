// Sends each message at its time, from one publisher after the other. It never sleeps, because a timer of a millisecond
// would send messages in small batches instead of one by one.

import { microsecondsNow } from './clock.ts'
import type { Publisher } from './publisher.ts'

export class Pacer {
  readonly #publishers: readonly Publisher[]
  readonly #interval: number
  #next = 0
  #dueAt = 0
  #isRunning = false
  /** Messages that could not be sent at their time because the window was full. */
  skipped = 0

  constructor(publishers: readonly Publisher[], perSecond: number) {
    this.#publishers = publishers
    this.#interval = 1_000 / perSecond
  }

  start(): void {
    this.#isRunning = true
    this.#dueAt = performance.now()
    this.#turn()
  }

  stop(): void {
    this.#isRunning = false
  }

  #turn(): void {
    if (!this.#isRunning) return
    const now = performance.now()
    while (this.#dueAt <= now) {
      const publisher = this.#publishers[this.#next % this.#publishers.length]
      this.#next += 1
      this.#dueAt += this.#interval
      if (publisher?.sendOne(microsecondsNow()) === false) this.skipped += 1
    }
    setImmediate(() => this.#turn())
  }
}

// Searches through everything, in slices, so that clients are served meanwhile.

import { later } from './problem.ts'

const SLICE_MS = 2
const AT_ONCE_MAX = 2
const WAITING_MAX = 16
/** Reading the clock costs more than a step. */
const STEPS_BETWEEN_LOOKS = 16

/** The time that one search may use up before others get theirs. */
export class Slice {
  #steps = 0
  #since = performance.now()

  /** Whether the search must call `next` before its next step. */
  get isOver(): boolean {
    this.#steps += 1
    if (this.#steps % STEPS_BETWEEN_LOOKS !== 0) return false
    return performance.now() - this.#since >= SLICE_MS
  }

  async next(): Promise<void> {
    await new Promise(settle => setImmediate(settle))
    this.#since = performance.now()
  }
}

export class Scans {
  /** How often too many searches waited. */
  refused = 0
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** Throws Problem if too many wait already. */
  async run<Result>(search: (slice: Slice) => Promise<Result>): Promise<Result> {
    if (this.#running >= AT_ONCE_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        this.refused += 1
        throw later(503, `${WAITING_MAX} searches wait already: ask again`, 1)
      }
      await new Promise<void>(settle => this.#waiting.push(settle))
    } else this.#running += 1
    try {
      return await search(new Slice())
    } finally {
      const next = this.#waiting.shift()
      // The place goes over to the next one.
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}

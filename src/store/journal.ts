// The durable facts of the running turn, and how far earlier ones have got.

import type { Change } from './change.ts'

/**
 * A promise is the number of a journal entry's group: what was said because of a fact may leave
 * when `committed` has reached it. 0 promises nothing.
 */
export class Journal {
  #changes: Change[] = []
  #current = 1
  #committed = 0

  record(change: Change): void {
    this.#changes.push(change)
  }

  /** The promise that facts recorded now belong to. */
  get current(): number {
    return this.#current
  }

  /** The promise of the newest fact recorded so far. */
  get latest(): number {
    return this.#changes.length > 0 ? this.#current : this.#current - 1
  }

  get committed(): number {
    return this.#committed
  }

  /** How many facts the running turn has recorded. */
  get length(): number {
    return this.#changes.length
  }

  /** Closes the group: hands its facts over and begins the next. Called by the turn only. */
  take(): readonly Change[] {
    const changes = this.#changes
    this.#changes = []
    this.#current += 1
    return changes
  }

  /** Every group up to this one is durable. */
  reached(promise: number): void {
    this.#committed = promise
  }
}

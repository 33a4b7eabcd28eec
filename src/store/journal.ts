// The durable facts of the running turn, and how far earlier ones have got.

import type { Change } from './change.ts'
import type { Store } from './store.ts'

/**
 * A promise is the number of a commit: what was said because of a fact may leave when `committed` has reached it.
 * 0 promises nothing.
 */
export class Journal {
  readonly #store: Pick<Store, 'record'>
  /** What the store has thrown instead of taking a fact. Nothing recorded since can ever be promised. */
  failure: Error | null = null
  #length = 0
  #current = 1
  #committed = 0

  constructor(store: Pick<Store, 'record'>) {
    this.#store = store
  }

  /** The store takes it at once, so that the fact need not be kept as an object until its commit. */
  record(change: Change): void {
    this.#length += 1
    try {
      this.#store.record(change)
    } catch (error) {
      // Whoever records is in the middle of a change: the turn ends what cannot go on.
      this.failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  /** The promise that facts recorded now belong to. */
  get current(): number {
    return this.#current
  }

  /** The promise of the newest fact recorded so far. */
  get latest(): number {
    return this.#length > 0 ? this.#current : this.#current - 1
  }

  get committed(): number {
    return this.#committed
  }

  /** How many facts wait for their commit to begin. */
  get length(): number {
    return this.#length
  }

  /** What was recorded so far is one commit, which begins now. Returns its promise. Called by the turn only. */
  close(): number {
    this.#length = 0
    this.#current += 1
    return this.#current - 1
  }

  /** Every commit up to this one is durable. */
  reached(promise: number): void {
    this.#committed = promise
  }
}

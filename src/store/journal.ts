// The durable changes of the running turn, and how far earlier ones have got.

import type { Change } from './change.ts'
import type { Store } from './store.ts'

/**
 * The number of a commit, counted from 1. Bytes that tell somebody of a change may leave once `Journal.committed` has
 * reached the commit of that change; 0 waits for nothing.
 */
export type CommitId = number

export class Journal {
  readonly #store: Pick<Store, 'record'>
  /** What the store has thrown instead of taking a change. Nothing recorded since can ever be acknowledged. */
  failure: Error | null = null
  /** How many changes wait for their commit to begin. A field, because it is read before and after every packet. */
  length = 0
  #current = 1
  #committed = 0

  constructor(store: Pick<Store, 'record'>) {
    this.#store = store
  }

  /** The store takes it at once, so that the change need not be kept as an object until its commit. */
  record(change: Change): void {
    this.length += 1
    try {
      this.#store.record(change)
    } catch (error) {
      // Whoever records is in the middle of a change: the turn ends what cannot go on.
      this.failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  /** The commit that changes recorded now belong to. */
  get current(): CommitId {
    return this.#current
  }

  /** The commit of the newest change recorded so far. */
  get latest(): CommitId {
    return this.length > 0 ? this.#current : this.#current - 1
  }

  get committed(): CommitId {
    return this.#committed
  }

  /** What was recorded so far is one commit, which begins now. Returns its number. Called by the turn only. */
  close(): CommitId {
    this.length = 0
    this.#current += 1
    return this.#current - 1
  }

  /** Every commit up to this one is durable. */
  reached(commitId: CommitId): void {
    this.#committed = commitId
  }
}

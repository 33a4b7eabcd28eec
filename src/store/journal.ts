// The journal: records the durable changes of the running turn, and knows which commits are done.

import { compactBytes } from '../message.ts'
import { errorOf } from '../thrown.ts'
import type { Change } from './change.ts'
import type { Store } from './store.ts'

/**
 * The number of a commit, counted from 1. A packet that depends on a change may be sent when `Journal.committed` has
 * reached the commit of that change. 0 means that there is nothing to wait for.
 */
export type CommitId = number

export class Journal {
  readonly #store: Pick<Store, 'record'>
  /** The error that the store threw for a change. Changes recorded since then can never be acknowledged. */
  failure: Error | null = null
  /** How many changes wait for their commit to begin. It is a field because it is read before and after every packet. */
  length = 0
  /** Whether anything waits for the commit of the recorded changes. Nothing waits for a settlement [D9]. */
  isAwaited = false
  #current = 1
  #committed = 0

  constructor(store: Pick<Store, 'record'>) {
    this.#store = store
  }

  /** Records a change. Our stores encode it at once; others may keep the object until the commit, so a message gets its own bytes. */
  record(change: Change): void {
    this.length += 1
    if (change.kind !== 'settled') this.isAwaited = true
    if (change.kind === 'message-stored') compactBytes(change.message)
    try {
      this.#store.record(change)
    } catch (error) {
      // The caller is in the middle of a change, so the error is kept, and the turn handles it.
      this.failure ??= errorOf(error)
    }
  }

  /** The commit of changes that are recorded now. Whoever asks for it waits for it. */
  get current(): CommitId {
    this.isAwaited = true
    return this.#current
  }

  /** The commit of the newest change recorded so far. */
  get latest(): CommitId {
    return this.length > 0 ? this.current : this.#current - 1
  }

  get committed(): CommitId {
    return this.#committed
  }

  /** Begins a commit of all recorded changes and returns its number. Only the turn calls it. */
  close(): CommitId {
    this.length = 0
    this.isAwaited = false
    this.#current += 1
    return this.#current - 1
  }

  /** Every commit up to this one is durable. */
  reached(commitId: CommitId): void {
    this.#committed = commitId
  }
}

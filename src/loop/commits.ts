// Commits of what the turns record: one at a time. What is recorded meanwhile is the next one.

import type { CommitId, Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'

interface CommitsOptions {
  readonly journal: Journal
  readonly store: Pick<Store, 'commit'>
  /** Nothing of the broker's state may be used any more: a commit that ends is not looked at. */
  readonly hasFailed: () => boolean
  /** A commit is durable, and the next one has begun if there was anything to commit. */
  readonly committed: () => void
  readonly failed: (error: Error) => void
}

export class Commits {
  readonly #options: CommitsOptions
  #isCommitting = false
  readonly #waiting: (() => void)[] = []
  /** Commits that were begun: what tests count. */
  count = 0

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  /** Begins a commit of all that was recorded, unless one is under way: then it follows that one. */
  begin(): void {
    const { journal, store, failed } = this.#options
    if (journal.failure !== null) {
      failed(journal.failure)
      return
    }
    if (this.#isCommitting || journal.length === 0) return
    const commitId = journal.close()
    this.#isCommitting = true
    this.count += 1
    try {
      store.commit(error => this.#ended(error, commitId))
    } catch (error) {
      failed(errorIn(error))
    }
  }

  /** Resolves when all that was recorded is committed. */
  whenCommitted(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  get #isIdle(): boolean {
    return !this.#isCommitting && this.#options.journal.length === 0
  }

  #ended(error: Error | null, commitId: CommitId): void {
    const { journal, hasFailed, committed, failed } = this.#options
    if (hasFailed()) return
    if (error !== null) {
      failed(error)
      return
    }
    this.#isCommitting = false
    journal.reached(commitId)
    this.begin()
    committed()
    if (!this.#isIdle) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export function errorIn(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

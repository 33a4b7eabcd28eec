// Commits of the changes that turns record. One commit is outstanding at a time; changes recorded meanwhile go into the next one.

import type { CommitId, Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { errorOf } from '../thrown.ts'
import type { TurnWatch } from './turn.ts'

interface CommitsOptions {
  readonly journal: Journal
  readonly store: Pick<Store, 'commit'>
  /** The time of the turn. */
  readonly now: () => number
  /** How long settlements may wait for a commit together with other changes, in milliseconds. */
  readonly settlementsWaitMs: number
  /** Whether something that is not sent waits for the commit. */
  readonly isUrgent: () => boolean
  /** The broker has stopped because of a fault: the result of a commit is ignored. */
  readonly hasFailed: () => boolean
  readonly watch: Pick<TurnWatch, 'commitBegan' | 'commitEnded'> | null
  /** A commit is durable. The next one has begun, if there was something to commit. */
  readonly committed: () => void
  readonly failed: (error: Error) => void
}

export class Commits {
  readonly #options: CommitsOptions
  #isCommitting = false
  readonly #waiting: (() => void)[] = []
  /** When the first change of the outstanding commit was recorded, and the first change after it; Infinity for none. */
  #outstandingSince = Infinity
  #recordedSince = Infinity
  /** The number of commits that were begun. Tests count it. */
  count = 0

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  /** Begins a commit of all recorded changes. If one is outstanding, the next one begins when it is done. */
  begin(): void {
    const { journal, store, failed } = this.#options
    if (journal.failure !== null) {
      failed(journal.failure)
      return
    }
    if (journal.length === 0) return
    if (this.#recordedSince === Infinity) this.#recordedSince = this.#options.now()
    if (this.#isCommitting || this.#mayWait()) return
    this.#outstandingSince = this.#recordedSince
    this.#recordedSince = Infinity
    const commitId = journal.close()
    this.#isCommitting = true
    this.count += 1
    this.#options.watch?.commitBegan()
    try {
      store.commit(error => this.#ended(error, commitId))
    } catch (error) {
      failed(errorOf(error))
    }
  }

  /** When settlements that wait for other changes are committed without them; Infinity if none wait. */
  get dueAt(): number {
    if (this.#isCommitting) return Infinity
    return this.#recordedSince + this.#options.settlementsWaitMs
  }

  /** Nothing waits for the commit, and the next change that is awaited may take the settlements with it. */
  #mayWait(): boolean {
    const { journal, now, isUrgent } = this.#options
    if (journal.isAwaited || this.#waiting.length > 0 || now() >= this.dueAt) return false
    return !isUrgent()
  }

  /** When the oldest change that is not committed was recorded; Infinity for none. */
  get oldestSince(): number {
    return Math.min(this.#outstandingSince, this.#recordedSince)
  }

  /** Resolves when all recorded changes are committed. */
  whenCommitted(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.begin()
    })
  }

  #isIdle(): boolean {
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
    this.#options.watch?.commitEnded()
    this.#outstandingSince = Infinity
    journal.reached(commitId)
    this.begin()
    committed()
    if (!this.#isIdle()) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

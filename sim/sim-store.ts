// A store whose work takes virtual time. Turns continue while a commit is outstanding, as with the thread of the file store.

import type { Change, Owner } from '../src/store/change.ts'
import type { Durability, Snapshot, Store, StoredDelivery } from '../src/store/store.ts'
import type { Random } from './random.ts'
import type { EventQueue } from './event-queue.ts'
import type { StoreCore } from './store-core.ts'

export interface SimStoreOptions {
  readonly core: StoreCore
  readonly durability: Durability
  readonly events: EventQueue
  readonly random: Random
  /** The longest time that the disk takes for a commit, and that the answer takes. */
  readonly commitMs: number
  /** Runs work of the process. A throw ends the process. It is not called after the process has ended. */
  readonly runs: (work: () => void) => void
  readonly isAlive: () => boolean
  /** Whether the broker acknowledges before its commit. Tests of the oracle set it. */
  readonly answersTooEarly?: boolean
  readonly observers: readonly CommitObserver[]
}

/** Is told what the store has been given and what it has stored. */
export interface CommitObserver {
  commits(changes: readonly Change[]): void
  committed(): void
}

type Job = () => void

export class SimStore implements Store {
  readonly durability: Durability
  readonly #options: SimStoreOptions
  readonly #jobs: Job[] = []
  #recorded: Change[] = []
  #isBusy = false
  #isWorkDue = false

  constructor(options: SimStoreOptions) {
    this.durability = options.durability
    this.#options = options
  }

  get isFull(): boolean {
    return this.#options.core.isFull
  }

  /** Whether all commits that were handed over are done. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#jobs.length === 0
  }

  open(): Promise<Snapshot> {
    return Promise.resolve(this.openNow())
  }

  openNow(): Snapshot {
    const snapshot = this.#options.core.open()
    this.#isWorkDue = true
    this.#next()
    return snapshot
  }

  record(change: Change): void {
    this.#recorded.push(change)
  }

  commit(done: (error: Error | null) => void): void {
    const changes = this.#recorded
    this.#recorded = []
    const { core, answersTooEarly, observers } = this.#options
    if (answersTooEarly === true) done(null)
    this.#ask(() => {
      this.#isWorkDue = true
      for (const observer of observers) observer.commits(changes)
      const error = attempt(() => core.commit(changes))
      if (error === null) for (const observer of observers) observer.committed()
      if (answersTooEarly !== true) this.#answer(() => done(error))
    })
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    this.#ask(() => {
      let deliveries: readonly StoredDelivery[] = []
      const error = attempt(() => {
        deliveries = this.#options.core.page(owner, after)
      })
      this.#answer(() => done(error, deliveries))
    })
  }

  close(): Promise<void> {
    this.closeNow()
    return Promise.resolve()
  }

  closeNow(): void {
    this.#options.core.close()
  }

  #ask(job: Job): void {
    this.#jobs.push(job)
    this.#next()
  }

  /** The worker does one task at a time. It does background work when it has no other task. */
  #next(): void {
    if (this.#isBusy) return
    const job = this.#jobs.shift() ?? (this.#isWorkDue ? (): void => this.#work() : null)
    if (job === null) return
    this.#isBusy = true
    this.#later(() => {
      job()
      this.#isBusy = false
      this.#next()
    })
  }

  #work(): void {
    this.#isWorkDue = this.#options.core.work()
  }

  #answer(answer: () => void): void {
    this.#later(answer)
  }

  #later(happen: () => void): void {
    const { events, random, commitMs, isAlive, runs } = this.#options
    events.after(random.below(commitMs + 1), () => {
      if (isAlive()) runs(happen)
    })
  }
}

/** Returns the error of a disk that failed. A power cut is not such an error: it ends the process. */
function attempt(work: () => void): Error | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error
    throw error
  }
}

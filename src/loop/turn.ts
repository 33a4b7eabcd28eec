// The rhythm of the broker: apply what has arrived, commit what must survive, and only then speak.
// Whatever one iteration of the event loop brings is one turn.

import type { Broker } from '../broker/broker.ts'
import type { CommitId, Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'

/** A socket with something to say. */
export interface Flushable {
  /** Sends what may leave now that `committed` is reached. True while something must wait for a later commit. */
  flush(committed: number): boolean
  /** Goes on with what did not fit into its share of an earlier turn. */
  proceed(): void
}

export interface TurnOptions {
  readonly broker: Broker
  readonly journal: Journal
  readonly store: Store
  /** Milliseconds since 1970, never going back. */
  readonly now: () => number
  /** Calls back when all that this iteration of the event loop brings has been applied: `setImmediate`. */
  readonly schedule: (end: () => void) => void
  /** Called at the end of each turn, with the time at which the broker wants to be woken. */
  readonly wakeAt: (time: number) => void
  /** After the last word of a turn. */
  readonly ended: () => void
  /** Flushables that are flushed at the end of one turn. */
  readonly flushesMax?: number
  /** A commit failed. Nothing that was said has become untrue; the process must stop [D1 to D8]. */
  readonly commitFailed: (error: Error) => void
  /** The broker's state may be wrong: a change of it has thrown. By default it is thrown on. */
  readonly stateFailed?: (error: Error) => void
}

/**
 * Sockets that are written to at the end of one turn. The others follow in the next, behind all that has arrived
 * meanwhile: so the event loop is not away for as long as a thousand calls of the system take.
 */
const FLUSHES_MAX = 256

export class Turn {
  readonly #options: TurnOptions
  readonly #flushesMax: number
  readonly #end = (): void => this.end()
  #isOpen = false
  #hasStopped = false
  #hasFailed = false
  /** In the order in which they asked to be flushed. */
  readonly #flushables = new Set<Flushable>()
  /** What they have to say waits for a commit. */
  readonly #waiting = new Set<Flushable>()
  #postponed: Flushable[] = []
  #isCommitting = false
  readonly #waitingForCommit: (() => void)[] = []
  /** Turns that ended so far, and commits that were made: what tests count. */
  turns = 0
  commits = 0

  constructor(options: TurnOptions) {
    this.#options = options
    this.#flushesMax = options.flushesMax ?? FLUSHES_MAX
  }

  /** To be called before anything is told to the broker: the turn is open until its end is called back. */
  begin(): void {
    if (this.#isOpen || this.#hasStopped || this.#hasFailed) return
    this.#isOpen = true
    const { broker, now, schedule } = this.#options
    try {
      broker.storeIsFull = this.#storeIsFull
      broker.tick(now())
    } catch (error) {
      this.stateFailed(error)
    }
    schedule(this.#end)
  }

  get #storeIsFull(): boolean {
    try {
      return this.#options.store.isFull
    } catch (error) {
      this.#fail(errorIn(error))
      return true
    }
  }

  /** Nothing is said any more, nor need anything be heard. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** After it nothing is said any more: what was acknowledged stays true, and the store brings the state back. */
  stateFailed(error: unknown): void {
    const { stateFailed } = this.#options
    const isFirst = !this.#hasFailed
    this.#hasFailed = true
    if (stateFailed === undefined) throw error
    if (isFirst) stateFailed(errorIn(error))
  }

  /** The flushable wants to be flushed at the end of this turn, or of one soon after. */
  requestFlush(flushable: Flushable): void {
    this.begin()
    this.#flushables.add(flushable)
  }

  /** The flushable's share of this turn is used up: it goes on in the next. */
  postpone(flushable: Flushable): void {
    this.#postponed.push(flushable)
  }

  /** Resolves when all that was recorded is committed: nothing that was said waits any more. */
  whenCommitted(): Promise<void> {
    if (!this.#isCommitting && this.#options.journal.length === 0) return Promise.resolve()
    return new Promise(resolve => this.#waitingForCommit.push(resolve))
  }

  /** There is no later turn: nobody is there to be spoken to, and the store closes. */
  stop(): void {
    this.#hasStopped = true
  }

  end(): void {
    if (this.#hasFailed || this.#hasStopped) return
    if (this.#options.broker.changing !== 0) {
      this.stateFailed(new Error('a change of the broker was begun and not finished'))
      return
    }
    this.#isOpen = false
    this.turns += 1
    this.#commit()
    this.#fetchPages()
    this.#speak()
    this.#options.ended()
    this.#options.wakeAt(this.#options.broker.deadlines.next)
    this.#resumePostponed()
    if (this.#flushables.size > 0) this.begin()
  }

  /** One commit is outstanding at a time: what is recorded meanwhile is the next one. */
  #commit(): void {
    const { journal, store } = this.#options
    if (journal.failure !== null) {
      this.#fail(journal.failure)
      return
    }
    if (this.#isCommitting || journal.length === 0) return
    const commitId = journal.close()
    this.#isCommitting = true
    this.commits += 1
    try {
      store.commit(error => this.#committed(error, commitId))
    } catch (error) {
      this.#fail(errorIn(error))
    }
  }

  #committed(error: Error | null, commitId: CommitId): void {
    if (this.#hasFailed) return
    if (error !== null) {
      this.#fail(error)
      return
    }
    this.#isCommitting = false
    this.#options.journal.reached(commitId)
    this.#commit()
    this.#fetchPages()
    for (const flushable of this.#waiting) this.requestFlush(flushable)
    this.#waiting.clear()
    if (this.#isCommitting || this.#options.journal.length > 0) return
    for (const resolve of this.#waitingForCommit.splice(0)) resolve()
  }

  /** Pages of long waiting lines. All that was recorded before a page was wanted must be with the store first. */
  #fetchPages(): void {
    const { broker, store, journal } = this.#options
    if (journal.length > 0) return
    for (const reader of broker.takePagesWanted()) {
      try {
        store.page(reader.owner, reader.after, (error, deliveries) => {
          if (error === null) this.#apply(() => reader.paged(deliveries))
          else this.#fail(error)
        })
      } catch (error) {
        if (this.#hasFailed) throw error
        this.#fail(errorIn(error))
      }
    }
  }

  #apply(change: () => void): void {
    if (this.#hasFailed) return
    this.begin()
    try {
      change()
    } catch (error) {
      this.stateFailed(error)
    }
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.commitFailed(error)
  }

  #speak(): void {
    const { committed } = this.#options.journal
    let left = this.#flushesMax
    for (const flushable of this.#flushables) {
      if (left === 0) return
      left -= 1
      this.#flushables.delete(flushable)
      if (flushable.flush(committed)) this.#waiting.add(flushable)
      else this.#waiting.delete(flushable)
    }
  }

  #resumePostponed(): void {
    const { broker } = this.#options
    if (this.#postponed.length === 0 && broker.postponed.isEmpty) return
    const postponed = this.#postponed
    this.#postponed = []
    this.begin()
    broker.postponed.proceed()
    for (const [index, flushable] of postponed.entries()) {
      if (broker.turnWorkLeft <= 0) {
        // They have waited already: before those that have had a part of this turn.
        this.#postponed = [...postponed.slice(index), ...this.#postponed]
        return
      }
      flushable.proceed()
    }
  }
}

function errorIn(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

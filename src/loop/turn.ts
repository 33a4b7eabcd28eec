// A turn of the broker: apply what has arrived, commit what must survive, and only then send what waits to be sent.
// Whatever one iteration of the event loop brings is one turn.

import type { Broker } from '../broker/broker.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { Commits, errorIn } from './commits.ts'

/** A socket with bytes to send, or whoever else waits for the end of a turn. */
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
  /** Called when all that may be sent in a turn is sent. */
  readonly ended: () => void
  /** Flushables that are flushed at the end of one turn. */
  readonly flushesMax?: number
  /** A commit failed. Nothing that was sent has become untrue; the process must stop [D1 to D8]. */
  readonly commitFailed: (error: Error) => void
  /** The broker's state may be wrong: a change of it has thrown. By default it is thrown on. */
  readonly stateFailed?: (error: Error) => void
}

/**
 * Sockets that are written to at the end of one turn. The others follow in the next, behind all that has arrived
 * meanwhile: so the event loop is not away for as long as a thousand calls of the system take.
 */
const FLUSHES_MAX = 256

/** `stopped`: the broker closes. `failed`: a commit failed, or the state of the broker may be wrong. */
type State = 'between' | 'open' | 'stopped' | 'failed'

export class Turn {
  readonly #options: TurnOptions
  readonly #flushesMax: number
  readonly #commits: Commits
  readonly #end = (): void => this.end()
  #state: State = 'between'
  /** In the order in which they asked to be flushed. */
  readonly #flushables = new Set<Flushable>()
  /** What they have to send waits for a commit. */
  readonly #waiting = new Set<Flushable>()
  #postponed = new Set<Flushable>()
  /** Turns that ended so far: what tests count. */
  turns = 0

  constructor(options: TurnOptions) {
    this.#options = options
    this.#flushesMax = options.flushesMax ?? FLUSHES_MAX
    this.#commits = new Commits({
      journal: options.journal,
      store: options.store,
      hasFailed: () => this.hasFailed,
      committed: () => this.#committed(),
      failed: error => this.#fail(error),
    })
  }

  get commits(): number {
    return this.#commits.count
  }

  /** To be called before anything of the broker is called: the turn is open until its end is called back. */
  begin(): void {
    if (this.#state !== 'between') return
    this.#state = 'open'
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

  /** Nothing is sent any more, and nothing need be read. */
  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** After it nothing is sent any more: what was acknowledged stays true, and the store brings the state back. */
  stateFailed(error: unknown): void {
    const { stateFailed } = this.#options
    const isFirst = !this.hasFailed
    this.#state = 'failed'
    if (stateFailed === undefined) throw error
    if (isFirst) stateFailed(errorIn(error))
  }

  /** The flushable wants to be flushed at the end of this turn, or of one soon after. */
  requestFlush(flushable: Flushable): void {
    this.begin()
    this.#flushables.add(flushable)
  }

  /** The flushable's share of this turn is used up: it goes on in the next. May be called often. */
  postpone(flushable: Flushable): void {
    this.#postponed.add(flushable)
  }

  /** Resolves when all that was recorded is committed: nothing waits for a commit any more. */
  whenCommitted(): Promise<void> {
    return this.#commits.whenCommitted()
  }

  /** There is no later turn: no socket is left, and the store closes. */
  stop(): void {
    if (!this.hasFailed) this.#state = 'stopped'
  }

  end(): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return
    if (this.#options.broker.changing !== 0) {
      this.stateFailed(new Error('a change of the broker was begun and not finished'))
      return
    }
    this.#state = 'between'
    this.turns += 1
    this.#commits.begin()
    this.#fetchPages()
    this.#flush()
    this.#options.ended()
    this.#options.wakeAt(this.#options.broker.deadlines.next)
    this.#resumePostponed()
    if (this.#flushables.size > 0) this.begin()
  }

  #committed(): void {
    this.#fetchPages()
    for (const flushable of this.#waiting) this.requestFlush(flushable)
    this.#waiting.clear()
  }

  /** Pages of long queues. All that was recorded before a page was wanted must be with the store first. */
  #fetchPages(): void {
    const { broker, store, journal } = this.#options
    if (journal.length > 0) return
    for (const reader of broker.pages.takeWanted()) {
      try {
        store.page(reader.owner, reader.after, (error, deliveries) => {
          if (error === null) this.#apply(() => reader.paged(deliveries))
          else this.#fail(error)
        })
      } catch (error) {
        if (this.hasFailed) throw error
        this.#fail(errorIn(error))
      }
    }
  }

  #apply(change: () => void): void {
    if (this.hasFailed) return
    this.begin()
    try {
      change()
    } catch (error) {
      this.stateFailed(error)
    }
  }

  #fail(error: Error): void {
    if (this.hasFailed) return
    this.#state = 'failed'
    this.#options.commitFailed(error)
  }

  #flush(): void {
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
    const postponed = this.#postponed
    if (postponed.size === 0 && broker.postponed.isEmpty) return
    this.#postponed = new Set()
    this.begin()
    broker.postponed.proceed()
    for (const flushable of postponed) {
      if (broker.turnWorkLeft <= 0) {
        // They have waited already: before those that have had a part of this turn.
        for (const later of this.#postponed) postponed.add(later)
        this.#postponed = postponed
        return
      }
      postponed.delete(flushable)
      this.#postponed.delete(flushable)
      flushable.proceed()
    }
  }
}

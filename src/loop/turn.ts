// A turn of the broker: it applies all packets that have arrived, commits the changes, and then sends. All packets that arrive
// in one iteration of the event loop belong to one turn.

import type { Broker } from '../broker/broker.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { errorOf } from '../thrown.ts'
import { Commits } from './commits.ts'

/** A socket with bytes to send, or another object that acts at the end of a turn. */
export interface Flushable {
  /** Sends everything that waits for a commit up to `committed`. Returns true if bytes remain that wait for a later commit. */
  flush(committed: number): boolean
  /** Continues work that exceeded its share of an earlier turn. */
  proceed(): void
}

/** Is told of the steps of each turn, to measure how long they take. */
export interface TurnWatch {
  /** `changes`: the durable changes that are recorded and not in a commit. */
  turnBegan(changes: number): void
  /** All packets are applied; nothing of this turn is committed or written yet. `messagesSent`: since the start. */
  turnApplied(changes: number, messagesSent: number): void
  turnFlushed(): void
  commitBegan(): void
  commitEnded(): void
}

export interface TurnOptions {
  readonly broker: Broker
  readonly journal: Journal
  readonly store: Store
  /** Returns milliseconds since 1970, from a clock that never goes back. */
  readonly now: () => number
  /** Calls back at the end of this iteration of the event loop: `setImmediate`. */
  readonly schedule: (end: () => void) => void
  /** Is called at the end of each turn, with the time of the broker's next deadline. */
  readonly wakeAt: (time: number) => void
  /** Left out or null: nothing is measured. */
  readonly watch?: TurnWatch | null
  /** How long settlements may wait for a commit together with other changes, in milliseconds (10). */
  readonly settlementsWaitMs?: number
  /** Is called when everything that may be sent in a turn was sent. */
  readonly ended: () => void
  /** The most flushables that are flushed at the end of one turn. */
  readonly flushesMax?: number
  /** A commit failed, and the process must stop. Every acknowledgement that was sent is still true [D1 to D8]. */
  readonly commitFailed: (error: Error) => void
  /** A change of the broker's state has thrown, so the state may be wrong. By default the error is thrown again. */
  readonly stateFailed?: (error: Error) => void
}

/**
 * The most sockets that are written to at the end of one turn. The others follow in the next turn, after packets that arrived
 * meanwhile. So a thousand system calls do not block the event loop at once.
 */
const FLUSHES_MAX = 256

/** Long enough to find company in steady traffic. What a crash takes is delivered again with DUP. */
const SETTLEMENTS_WAIT_MS = 10

/** `stopped`: the broker closes. `failed`: a commit failed, or the state of the broker may be wrong. */
type State = 'between' | 'open' | 'stopped' | 'failed'

export class Turn {
  readonly #options: TurnOptions
  readonly #flushesMax: number
  readonly #commits: Commits
  readonly #watch: TurnWatch | null
  readonly #end = (): void => this.end()
  #state: State = 'between'
  /** The flushables in the order of their requests. */
  readonly #flushables = new Set<Flushable>()
  /** The flushables whose bytes wait for a commit. */
  readonly #waiting = new Set<Flushable>()
  #postponed = new Set<Flushable>()
  /** The number of turns that have ended. Tests count it. */
  turns = 0

  constructor(options: TurnOptions) {
    this.#options = options
    this.#flushesMax = options.flushesMax ?? FLUSHES_MAX
    this.#watch = options.watch ?? null
    this.#commits = new Commits({
      journal: options.journal,
      store: options.store,
      now: () => options.broker.now,
      settlementsWaitMs: options.settlementsWaitMs ?? SETTLEMENTS_WAIT_MS,
      isUrgent: () => options.broker.pages.areWanted,
      hasFailed: () => this.hasFailed,
      watch: this.#watch,
      committed: () => this.#committed(),
      failed: error => this.#fail(error),
    })
  }

  get commits(): number {
    return this.#commits.count
  }

  /** When the oldest change that is not committed was recorded; Infinity for none. */
  get uncommittedSince(): number {
    return this.#commits.oldestSince
  }

  /** Opens a turn, if none is open. Must be called before any call of the broker. The turn is open until its scheduled end. */
  begin(): void {
    if (this.#state !== 'between') return
    this.#state = 'open'
    const { broker, journal, now, schedule } = this.#options
    this.#watch?.turnBegan(journal.length)
    try {
      broker.storeIsFull = broker.overload.isDiskFull || this.#storeIsFull()
      broker.tick(now())
    } catch (error) {
      this.stateFailed(error)
    }
    schedule(this.#end)
  }

  #storeIsFull(): boolean {
    try {
      return this.#options.store.isFull
    } catch (error) {
      this.#fail(errorOf(error))
      return true
    }
  }

  /** Stops the turns: nothing is sent any more, and nothing needs to be read. */
  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** Stops after a fault: nothing is sent any more. Acknowledgements stay true, and the next start restores the state from the store. */
  stateFailed(error: unknown): void {
    const { stateFailed } = this.#options
    const isFirst = !this.hasFailed
    this.#state = 'failed'
    if (stateFailed === undefined) throw error
    if (isFirst) stateFailed(errorOf(error))
  }

  /** Flushes the flushable at the end of this turn, or of a turn soon after. */
  requestFlush(flushable: Flushable): void {
    this.begin()
    this.#flushables.add(flushable)
  }

  /** The flushable has used up its share of this turn: it continues in the next one. It may be called repeatedly. */
  postpone(flushable: Flushable): void {
    this.#postponed.add(flushable)
  }

  /** Resolves when all recorded changes are committed. */
  whenCommitted(): Promise<void> {
    return this.#commits.whenCommitted()
  }

  /** Ends the last turn: no socket is left, and the store closes. */
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
    const { broker, journal } = this.#options
    this.#watch?.turnApplied(journal.length, broker.statistics.messagesSent)
    this.#commits.begin()
    this.#fetchPages()
    this.#flush()
    this.#watch?.turnFlushed()
    this.#options.ended()
    this.#wake()
    this.#resumePostponed()
    if (this.#flushables.size > 0) this.begin()
  }

  #wake(): void {
    const { wakeAt, broker } = this.#options
    const next = broker.mustWaitForPeers ? Infinity : broker.deadlines.next
    wakeAt(Math.min(next, this.#commits.dueAt))
  }

  #committed(): void {
    this.#fetchPages()
    for (const flushable of this.#waiting) this.requestFlush(flushable)
    this.#waiting.clear()
    // Settlements may wait, and no turn may follow.
    this.#wake()
  }

  /** Requests pages of long queues. The store must have all changes that were recorded before the request. */
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
        this.#fail(errorOf(error))
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
        // Sockets that got no part of this turn come before those that did.
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

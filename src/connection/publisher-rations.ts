// Divides a budget among the publishers while the broker is overloaded: those that cost more than their fair share wait. It is called
// at the end of each window in which the level is above 0.

import type { Overload } from '../broker/overload.ts'
import type { Connection } from './connection.ts'
import { fairShare } from './fair-share.ts'
import { isHeld, releaseOverloaded } from './held-publishes.ts'
import type { Spending } from './spending.ts'

/** The budget of the first window at level 2, as a part of what all publishers spent before. */
const FIRST_PART = 1 / 2
/** The budget of each further window, as a part of the one before … */
const NEXT_PART = 0.95
/** … down to this part of what they spent before, so that no publisher stands still. */
const LEAST_PART = 0.1
/**
 * So much is always left for a window: two thousand small messages to one receiver, a small part of what most machines can do. Otherwise a disk that has
 * had little room for days, and publishers that were quiet when that began, would leave nothing.
 */
const BUDGET_MIN = 1_048_576
/** For how many windows a publisher keeps what it did not spend. */
const SAVED_WINDOWS = 1
/** The most windows for which one expensive message makes its publisher wait. */
const DEBT_WINDOWS = 20

export class PublisherRations {
  /** What all publishers together may spend in a window; null below level 2, and until it is known what they spent. */
  #budget: number | null = null
  #budgetMin = 0
  /** Whether a window before this one has been seen, so that it is known what was spent since. */
  #isCounting = false

  divide(connections: Iterable<Connection>, overload: Overload): void {
    // All publishers wait, so there is nothing to count.
    if (overload.pausesAll) return
    const publishers = publishersAmong(connections)
    const total = this.#count(publishers, overload)
    if (overload.pausesSome && this.#isCounting) this.#ration(publishers, total)
    else this.#free(publishers)
    this.#isCounting = overload.level > 0
  }

  /** Returns what all of them spend in a window. */
  #count(publishers: readonly Publisher[], { level }: Overload): number {
    let total = 0
    for (const { spending } of publishers) {
      const { spent, spentBefore } = spending
      spending.spentBefore = spent
      const since = spent - spentBefore
      const average = spending.recent === 0 ? since : (spending.recent + since) / 2
      spending.recent = this.#isCounting && level > 0 ? average : 0
      total += spending.recent
    }
    return total
  }

  #ration(publishers: readonly Publisher[], total: number): void {
    if (this.#budget === null) {
      this.#budget = Math.max(BUDGET_MIN, total * FIRST_PART)
      this.#budgetMin = Math.max(BUDGET_MIN, total * LEAST_PART)
    } else {
      this.#budget = Math.max(this.#budgetMin, this.#budget * NEXT_PART)
    }
    const share = fairShare(wantsOf(publishers), this.#budget)
    for (const { connection, spending } of publishers) {
      const { spent, allowance } = spending
      const kept = Math.min(allowance, spent + SAVED_WINDOWS * share)
      spending.allowance = share + Math.max(kept, spent - DEBT_WINDOWS * share)
      if (!spending.isOverdrawn) releaseOverloaded(connection)
    }
  }

  #free(publishers: readonly Publisher[]): void {
    this.#budget = null
    for (const { connection, spending } of publishers) {
      spending.allowance = Infinity
      releaseOverloaded(connection)
    }
  }
}

interface Publisher {
  readonly connection: Connection
  readonly spending: Spending
}

/** Returns those who have published on their connection. */
function publishersAmong(connections: Iterable<Connection>): readonly Publisher[] {
  const publishers: Publisher[] = []
  for (const connection of connections) {
    const { state } = connection
    if (state.kind !== 'connected') continue
    const { spending } = state.client
    if (spending !== null) publishers.push({ connection, spending })
    // It published for the first time while all publishers wait.
    else releaseOverloaded(connection)
  }
  return publishers
}

/** Returns what each publisher wants to spend. Of one that waits it is not known: Infinity. */
function wantsOf(publishers: readonly Publisher[]): number[] {
  const wants: number[] = []
  for (const { connection, spending } of publishers) {
    if (isHeld(connection)) wants.push(Infinity)
    else if (spending.recent > 0) wants.push(spending.recent)
  }
  return wants
}

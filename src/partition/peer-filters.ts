// The filters of one other partition, as it has told them: its targets here have them as subscriptions.

import type { Router } from '../routing/router.ts'
import { wholeSubscription } from '../routing/subscription.ts'
import type { Target } from '../session/target.ts'
import type { Wanted } from './own-filters.ts'

export class PeerFilters {
  /** Whether it has told all that it had at its start, or at that of this partition. */
  isComplete = false
  readonly #router: Router<Target>
  readonly #targets: Readonly<Record<Wanted, Target>>
  readonly #all = new Map<string, Wanted>()
  /** Those that it has told since; null when it has told all. */
  #toldAnew: Set<string> | null = null

  constructor(router: Router<Target>, targets: Readonly<Record<Wanted, Target>>) {
    this.#router = router
    this.#targets = targets
  }

  /** It will tell all of them anew. Those that it had stay until then. */
  begin(): void {
    this.#toldAnew = new Set()
  }

  told(filter: string, wanted: Wanted | null): void {
    this.#toldAnew?.add(filter)
    this.#set(filter, wanted)
  }

  toldAll(): void {
    for (const filter of [...this.#all.keys()]) {
      if (this.#toldAnew?.has(filter) === false) this.#set(filter, null)
    }
    this.#toldAnew = null
    this.isComplete = true
  }

  #set(filter: string, wanted: Wanted | null): void {
    const before = this.#all.get(filter) ?? null
    if (wanted === before) return
    if (wanted === null) this.#all.delete(filter)
    else {
      this.#all.set(filter, wanted)
      this.#router.subscribe(this.#targets[wanted], wholeSubscription(filter))
    }
    if (before !== null) this.#router.unsubscribe(this.#targets[before], filter)
  }
}

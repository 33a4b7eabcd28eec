// The filters of this partition's own clients, counted. The others are told of each once, and again when it begins or ends to be
// wanted durably.

import type { QoS } from '../packet/packet.ts'
import type { RouterWatch } from '../routing/router.ts'
import { NamedQueue } from '../session/named-queue/named-queue.ts'
import type { Target } from '../session/target.ts'

interface Wishes {
  all: number
  /** Those of durable sessions, above QoS 0. */
  durable: number
}

export type Wanted = 'durably' | 'transiently'

export class OwnFilters implements RouterWatch<Target> {
  readonly #wishes = new Map<string, Wishes>()
  readonly #told = new Map<string, Wanted>()
  /** Those that may be wanted in another way than the others were told. */
  readonly #changed = new Set<string>()
  readonly #hasChanged: () => void

  /** `hasChanged` is called with each change. */
  constructor(hasChanged: () => void) {
    this.#hasChanged = hasChanged
  }

  /** What the others were told, by filter. */
  get told(): ReadonlyMap<string, Wanted> {
    return this.#told
  }

  /** What is neither one client nor a named queue is of this partition alone, and so are topics of the broker. */
  subscriptionChanged(
    target: Target,
    topicFilter: string,
    before: QoS | null,
    now: QoS | null,
  ): void {
    const isOfClient = target.clientId !== null && !topicFilter.startsWith('$')
    if (!isOfClient && !(target instanceof NamedQueue)) return
    const wishes = this.#wishes.get(topicFilter) ?? { all: 0, durable: 0 }
    wishes.all += (now === null ? 0 : 1) - (before === null ? 0 : 1)
    if (target.isDurable) {
      wishes.durable += ((now ?? 0) === 0 ? 0 : 1) - ((before ?? 0) === 0 ? 0 : 1)
    }
    if (wishes.all === 0) this.#wishes.delete(topicFilter)
    else this.#wishes.set(topicFilter, wishes)
    this.#changed.add(topicFilter)
    this.#hasChanged()
  }

  /**
   * Calls back for each filter that is wanted in another way than the others were told, as they are told now. What changed and changed
   * back within a turn is not told: in between a message might be owed to nobody.
   */
  tell(say: (filter: string, wanted: Wanted | null) => void): void {
    for (const filter of this.#changed) {
      const wishes = this.#wishes.get(filter)
      const wanted = wishes === undefined ? null : wishes.durable > 0 ? 'durably' : 'transiently'
      if (wanted === (this.#told.get(filter) ?? null)) continue
      if (wanted === null) this.#told.delete(filter)
      else this.#told.set(filter, wanted)
      say(filter, wanted)
    }
    this.#changed.clear()
  }
}

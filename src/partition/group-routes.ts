// Which share groups of other partitions there are: what matches one is owed to the partition that keeps it.

import type { GroupName } from '../broker/share-overrides.ts'
import type { Router } from '../routing/router.ts'
import { wholeSubscription } from '../routing/subscription.ts'
import type { Target } from '../session/target.ts'

interface Known {
  readonly name: GroupName
  /** The partitions of its members. */
  readonly tellers: Set<number>
}

interface RoutesContext {
  readonly router: Router<Target>
  /** The way to the partition that keeps the group; null if this one does. */
  targetFor(name: GroupName): Target | null
}

export class GroupRoutes {
  readonly #context: RoutesContext
  readonly #known = new Map<string, Known>()
  /** How many groups a target has for one filter. */
  readonly #counts = new Map<Target, Map<string, number>>()
  /** By partition that has started: the groups that it has told of since. */
  readonly #toldAnew = new Map<number, Set<string>>()

  constructor(context: RoutesContext) {
    this.#context = context
  }

  told(partition: number, key: string, name: GroupName, isThere: boolean): void {
    this.#toldAnew.get(partition)?.add(key)
    const target = this.#context.targetFor(name)
    if (target === null) return
    const known = this.#known.get(key)
    if (isThere) {
      if (known !== undefined) known.tellers.add(partition)
      else {
        this.#known.set(key, { name, tellers: new Set([partition]) })
        this.#count(target, name.topicFilter, 1)
      }
    } else if (known?.tellers.delete(partition) === true && known.tellers.size === 0) {
      this.#known.delete(key)
      this.#count(target, name.topicFilter, -1)
    }
  }

  /** The partition will tell all of them anew. Those that it had stay until then. */
  begin(partition: number): void {
    this.#toldAnew.set(partition, new Set())
  }

  toldAll(partition: number): void {
    const anew = this.#toldAnew.get(partition)
    this.#toldAnew.delete(partition)
    if (anew === undefined) return
    for (const [key, { name, tellers }] of [...this.#known]) {
      if (tellers.has(partition) && !anew.has(key)) this.told(partition, key, name, false)
    }
  }

  #count(target: Target, topicFilter: string, by: 1 | -1): void {
    const filters = this.#counts.get(target) ?? new Map<string, number>()
    this.#counts.set(target, filters)
    const before = filters.get(topicFilter) ?? 0
    const { router } = this.#context
    if (before === 0) router.subscribe(target, wholeSubscription(topicFilter))
    if (before + by > 0) filters.set(topicFilter, before + by)
    else {
      filters.delete(topicFilter)
      router.unsubscribe(target, topicFilter)
    }
  }
}

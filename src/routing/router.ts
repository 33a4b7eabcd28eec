// Finds the targets of a topic. Overlapping subscriptions of one target are merged into one match. The router does not
// know what a target is: a session, a share group, or a subscriber within this process.

import type { QoS } from '../packet/packet.ts'
import { FilterShapes } from './filter-shapes.ts'
import { FilterTree } from './filter-tree.ts'
import { RouteCache } from './route-cache.ts'
import { ChurnMap } from './churn-map.ts'
import type { Expression } from './expression/expression.ts'
import type { Facts } from './expression/facts.ts'
import type { RoutedSubscription } from './subscription.ts'

const CACHED_TOPICS_MAX = 4096
/** Up to this many matches are merged by comparing each with each other, which is faster than a Map. */
const COMPARED_MAX = 16
const NO_IDENTIFIERS: readonly number[] = []

/** A match gets all messages if any of its subscriptions does. */
export const SOME_CONFLATED = -1

/** The options with which one target gets a message. A returned match and its list never change. */
export interface Match<Target> {
  readonly target: Target
  /** The highest QoS of the overlapping subscriptions [MQTT-3.3.4-2]. */
  readonly qos: QoS
  /** Whether any of them has Retain As Published. */
  readonly retainAsPublished: boolean
  /** Whether any of them has No Local. For the publisher itself use `withoutNoLocal`. */
  readonly noLocal: boolean
  /** The least of its subscriptions, if all are conflated; 0 if none is, and `SOME_CONFLATED` if only some are. */
  readonly conflateMs: number
  /** The identifiers of all subscriptions that have one, in ascending order [MQTT-3.3.4-3], [MQTT-3.3.4-4]. */
  readonly identifiers: readonly number[]
  /** The expression of the only one; `several` if any of several has one; null if none has. Use `wantedOf`. */
  readonly filter: Expression | 'several' | null
  readonly subscriptions: readonly RoutedSubscription[]
}

/** Is told of each change of a subscription, with its QoS before and after it; null for none. */
export interface RouterWatch<Target> {
  subscriptionChanged(
    target: Target,
    topicFilter: string,
    before: QoS | null,
    now: QoS | null,
  ): void
}

export class Router<Target> {
  readonly #byFilter = new FilterTree<FilterTargets<Target>>()
  readonly #cache: RouteCache<readonly Match<Target>[]>
  readonly shapes: FilterShapes
  readonly #searched: (steps: number) => void
  #subscriptionCount = 0
  /** The number of subscriptions that have an expression. While there is none, nobody asks `isFiltered`. */
  filteredCount = 0
  /** The results in which any match is filtered. */
  readonly #filtered = new WeakSet<readonly Match<Target>[]>()
  /** The number of subscriptions that were merged because several filters matched. */
  #merged = 0
  /** How often the filters were searched because the cache had no valid result. Tests count it. */
  searches = 0
  /** Null while nobody counts the filters. */
  watch: RouterWatch<Target> | null = null

  /** `searched` is called with the steps of each search, so that they count as work of the publisher. */
  constructor(
    cachedTopicsMax = CACHED_TOPICS_MAX,
    searched: (steps: number) => void = () => {},
    shapes = new FilterShapes(),
  ) {
    this.#searched = searched
    this.shapes = shapes
    this.#cache = new RouteCache(cachedTopicsMax)
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount
  }

  /** Whether `match` has returned these with any match that is filtered. */
  isFiltered(matches: readonly Match<Target>[]): boolean {
    return this.#filtered.has(matches)
  }

  /** The cost of all searches so far: visited nodes and filters, and merged subscriptions. */
  get steps(): number {
    return this.#byFilter.steps + this.#merged
  }

  /**
   * Returns true when the subscription is new, and false when it replaces the target's subscription with the same topic filter.
   * New shapes of the filter are counted for the client `clientId`, or for no client if it is null.
   */
  subscribe(
    target: Target,
    subscription: RoutedSubscription,
    clientId: string | null = null,
  ): boolean {
    const filter = subscription.topicFilter
    const targets = this.#byFilter.get(filter)
    if (targets === null) this.shapes.add(filter, clientId)
    this.#cache.invalidate(filter)
    const isNew = targets === null || !targets.has(target)
    const before = this.watch === null ? null : (targets?.qosOf(target) ?? null)
    if (targets?.isFiltered(target) === true) this.filteredCount--
    if (subscription.expression !== undefined) this.filteredCount++
    if (targets instanceof ManyTargets) {
      targets.set(target, subscription)
    } else if (targets === null || targets.target === target) {
      this.#byFilter.add(new OneTarget(target, subscription)) // [MQTT-3.8.4-3]
    } else {
      const several = new ManyTargets<Target>(filter)
      several.set(targets.target, targets.subscription)
      several.set(target, subscription)
      this.#byFilter.add(several)
    }
    if (isNew) this.#subscriptionCount++
    this.watch?.subscriptionChanged(target, filter, before, subscription.qos)
    return isNew
  }

  /** `filter` is the subscription's `topicFilter`. Returns false when the target has no such subscription. */
  unsubscribe(target: Target, filter: string): boolean {
    const targets = this.#byFilter.get(filter)
    if (targets === null || !targets.has(target)) return false
    if (targets.isFiltered(target)) this.filteredCount--
    this.watch?.subscriptionChanged(target, filter, targets.qosOf(target), null)
    this.#cache.invalidate(filter)
    this.#subscriptionCount--
    if (targets instanceof ManyTargets) {
      targets.delete(target)
      const last = targets.lastTarget()
      if (last !== null) this.#byFilter.add(last)
    } else {
      this.#byFilter.remove(filter)
      this.shapes.remove(filter)
    }
    return true
  }

  match(topic: string): readonly Match<Target>[] {
    const cached = this.#cache.get(topic)
    return cached ?? this.#search(topic)
  }

  #search(topic: string): readonly Match<Target>[] {
    const before = this.steps
    this.searches += 1
    const found = this.#byFilter.match(topic)
    const matches = mergeTargets(found)
    if (found.length > 1) {
      for (const targets of found) this.#merged += targets.matches().length
    }
    if (this.filteredCount > 0 && matches.some(match => match.filter !== null)) {
      this.#filtered.add(matches)
    }
    this.#cache.set(topic, matches)
    this.#searched(this.steps - before)
    return matches
  }
}

/** Returns the match for the client that published the message itself; null when all its subscriptions have No Local. */
export function withoutNoLocal<Target>(match: Match<Target>): Match<Target> | null {
  if (!match.noLocal) return match
  return restOf(match, ({ noLocal }) => !noLocal) // [MQTT-3.8.3-3]
}

/** Returns the match of those of its subscriptions that want the message; null if none does. */
export function wantedOf<Target>(match: Match<Target>, facts: Facts): Match<Target> | null {
  const { filter } = match
  if (filter === null) return match
  // Most have one subscription. What it says is here, because another look at memory would take longer than the question.
  if (filter !== 'several') return filter.wants(facts) ? match : null
  return restOf(match, subscription => wants(subscription, facts))
}

function wants({ expression }: RoutedSubscription, facts: Facts): boolean {
  return expression === undefined || expression.wants(facts)
}

function restOf<Target>(
  match: Match<Target>,
  stays: (subscription: RoutedSubscription) => boolean,
): Match<Target> | null {
  let rest: Match<Target> | null = null
  for (const subscription of match.subscriptions) {
    if (!stays(subscription)) continue
    const single = matchOf(match.target, subscription)
    rest = rest === null ? single : overlapOf(rest, single)
  }
  if (rest instanceof Overlap) rest.complete()
  return rest
}

type FilterTargets<Target> = OneTarget<Target> | ManyTargets<Target>

/** A filter with one target. Most filters have only one, so this object is small. */
class OneTarget<Target> {
  readonly path: string
  readonly target: Target
  readonly subscription: RoutedSubscription
  /** Made when a topic first matches, because most filters match rarely. */
  #list: readonly Match<Target>[] | null = null

  constructor(target: Target, subscription: RoutedSubscription) {
    this.path = subscription.topicFilter
    this.target = target
    this.subscription = subscription
  }

  has(target: Target): boolean {
    return this.target === target
  }

  qosOf(target: Target): QoS | null {
    return this.target === target ? this.subscription.qos : null
  }

  isFiltered(target: Target): boolean {
    return this.target === target && this.subscription.expression !== undefined
  }

  matches(): readonly Match<Target>[] {
    this.#list ??= [matchOf(this.target, this.subscription)]
    return this.#list
  }
}

/** Two or more targets of a filter. */
class ManyTargets<Target> {
  readonly path: string
  readonly #matches = new ChurnMap<Target, Match<Target>>()
  /** The matches, shared by the results for all topics that only this filter matches. A change makes a new list. */
  #list: readonly Match<Target>[] | null = null

  constructor(filter: string) {
    this.path = filter
  }

  has(target: Target): boolean {
    return this.#matches.has(target)
  }

  qosOf(target: Target): QoS | null {
    return this.#matches.get(target)?.qos ?? null
  }

  isFiltered(target: Target): boolean {
    const match = this.#matches.get(target)
    return match !== null && match.filter !== null
  }

  set(target: Target, subscription: RoutedSubscription): void {
    this.#matches.set(target, matchOf(target, subscription))
    this.#list = null
  }

  delete(target: Target): void {
    this.#matches.delete(target)
    this.#list = null
  }

  /** Returns the only target; null while there are several. */
  lastTarget(): OneTarget<Target> | null {
    if (this.#matches.size !== 1) return null
    const [match] = this.matches()
    const subscription = match?.subscriptions[0]
    if (match === undefined || subscription === undefined) return null
    return new OneTarget(match.target, subscription)
  }

  matches(): readonly Match<Target>[] {
    if (this.#list !== null) return this.#list
    const list: Match<Target>[] = []
    for (const match of this.#matches.values()) if (match !== null) list.push(match)
    this.#list = list
    return list
  }
}

function matchOf<Target>(target: Target, subscription: RoutedSubscription): Match<Target> {
  // What each delivery reads comes first, so that it lies together.
  return {
    target,
    qos: subscription.qos,
    retainAsPublished: subscription.retainAsPublished,
    noLocal: subscription.noLocal,
    conflateMs: subscription.conflateMs ?? 0,
    identifiers: subscription.identifier === 0 ? NO_IDENTIFIERS : [subscription.identifier],
    filter: subscription.expression ?? null,
    subscriptions: [subscription],
  }
}

function mergeTargets<Target>(found: readonly FilterTargets<Target>[]): readonly Match<Target>[] {
  const [only, another] = found
  if (only === undefined) return []
  if (another === undefined) return only.matches()
  const matches: Match<Target>[] = []
  for (const targets of found) {
    for (const match of targets.matches()) matches.push(match)
  }
  const merged = matches.length > COMPARED_MAX ? mergeMany(matches) : mergeFew(matches)
  for (const match of merged) if (match instanceof Overlap) match.complete()
  return merged
}

function mergeFew<Target>(matches: readonly Match<Target>[]): readonly Match<Target>[] {
  const merged: Match<Target>[] = []
  for (const match of matches) {
    let index = 0
    while (index < merged.length && merged[index]?.target !== match.target) index++
    const earlier = merged[index]
    merged[index] = earlier === undefined ? match : overlapOf(earlier, match)
  }
  return merged
}

function mergeMany<Target>(matches: readonly Match<Target>[]): readonly Match<Target>[] {
  const byTarget = new Map<Target, Match<Target>>()
  for (const match of matches) {
    const earlier = byTarget.get(match.target)
    if (earlier === undefined) byTarget.set(match.target, match)
    else if (earlier instanceof Overlap) earlier.add(match)
    else byTarget.set(match.target, overlapOf(earlier, match))
  }
  return [...byTarget.values()]
}

function overlapOf<Target>(earlier: Match<Target>, match: Match<Target>): Overlap<Target> {
  const overlap = earlier instanceof Overlap ? earlier : new Overlap<Target>(earlier)
  overlap.add(match)
  return overlap
}

/** The match of a target with several matching subscriptions, while it is being merged. */
class Overlap<Target> implements Match<Target> {
  readonly target: Target
  qos: QoS
  retainAsPublished: boolean
  noLocal: boolean
  filter: Match<Target>['filter']
  conflateMs: number
  readonly identifiers: number[]
  readonly subscriptions: RoutedSubscription[]

  constructor(first: Match<Target>) {
    this.target = first.target
    this.qos = first.qos
    this.retainAsPublished = first.retainAsPublished
    this.noLocal = first.noLocal
    this.filter = first.filter === null ? null : 'several'
    this.conflateMs = first.conflateMs
    this.identifiers = [...first.identifiers]
    this.subscriptions = [...first.subscriptions]
  }

  add(match: Match<Target>): void {
    if (match.qos > this.qos) this.qos = match.qos
    if (match.retainAsPublished) this.retainAsPublished = true
    if (match.noLocal) this.noLocal = true
    if (match.filter !== null) this.filter = 'several'
    if (match.conflateMs !== this.conflateMs) {
      const areAll = match.conflateMs > 0 && this.conflateMs > 0
      this.conflateMs = areAll ? Math.min(match.conflateMs, this.conflateMs) : SOME_CONFLATED
    }
    // Equal identifiers are kept: each subscription contributes one (5.0, section 3.3.4).
    for (const identifier of match.identifiers) this.identifiers.push(identifier)
    for (const subscription of match.subscriptions) this.subscriptions.push(subscription)
  }

  complete(): void {
    this.identifiers.sort((first, second) => first - second)
  }
}

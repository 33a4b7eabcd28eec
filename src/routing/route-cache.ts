// A cache of recent match results by topic. It has bounds on topics and results, and never returns a result
// that a later change of the subscriptions has made wrong.

import { hasWildcard, levelEnd } from './topic.ts'

/** The number of change counters. If two prefixes share a counter, some results are discarded without need. */
const COUNTERS = 1024
/** The counters distinguish filters by at most this many levels before the first wildcard. More levels would slow each look-up. */
const LEVELS_MAX = 3
/** The most matches in all cached results together. The result for one topic may have 100,000 matches. */
const RESULT_ITEMS_MAX = 131_072
/** The most characters in all cached topics together. One topic may have 65,535. */
const TOPIC_CHARACTERS_MAX = 1_048_576
/** While cached results are rarely used, only one in this many results is cached: enough to notice when that changes. */
const SAMPLE = 8

interface Route<Result> {
  readonly result: Result
  /** The sum of the counters when the result was made. Counters only grow, so an equal sum means no change.
   *  Below 0 when the filter that equals the topic has changed. */
  stamp: number
  readonly counters: readonly number[]
  /** The total number of changes when the stamp was last compared. */
  checkedAt: number
}

export class RouteCache<Result extends { readonly length: number }> {
  readonly #topicsMax: number
  readonly #changes = new Float64Array(COUNTERS)
  /** The total number of changes. While it is unchanged, all counters are unchanged. */
  #changesInAll = 0
  /** Two generations approximate least recently used: a result that is not used for a whole generation is discarded. */
  #recent = new Map<string, Route<Result>>()
  #older = new Map<string, Route<Result>>()
  #recentItems = 0
  #recentCharacters = 0
  #hits = 0
  #misses = 0
  #keepsEvery = 1

  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax
  }

  get(topic: string): Result | null {
    const recent = this.#recent.get(topic)
    const route = recent ?? this.#older.get(topic)
    if (route === undefined) return null
    if (route.checkedAt !== this.#changesInAll && !this.#isCurrent(route)) return null
    this.#hits++
    if (recent === undefined) this.#store(topic, route)
    return route.result
  }

  set(topic: string, result: Result): void {
    if (this.#topicsMax === 0 || result.length > RESULT_ITEMS_MAX / 2) return
    // With a million devices that publish in turn, cached results would cost time and never be used.
    if (++this.#misses % this.#keepsEvery !== 0) return
    const counters = countersOfTopic(topic)
    const stamp = this.#stamp(counters)
    this.#store(topic, { result, stamp, counters, checkedAt: this.#changesInAll })
  }

  /** A subscription with this filter was added, removed or changed. */
  invalidate(filter: string): void {
    this.#changesInAll += 1
    if (hasWildcard(filter)) {
      const counter = counterOfFilter(filter)
      this.#changes[counter] = (this.#changes[counter] ?? 0) + 1
    } else {
      const route = this.#recent.get(filter) ?? this.#older.get(filter)
      if (route !== undefined) route.stamp = -1
    }
  }

  #store(topic: string, route: Route<Result>): void {
    const isFull =
      this.#recent.size >= this.#topicsMax / 2 ||
      this.#recentItems + route.result.length > RESULT_ITEMS_MAX / 2 ||
      this.#recentCharacters + topic.length > TOPIC_CHARACTERS_MAX / 2
    if (isFull) this.#turnGeneration()
    this.#recent.set(topic, route)
    this.#recentItems += route.result.length
    this.#recentCharacters += topic.length
  }

  #turnGeneration(): void {
    this.#keepsEvery = this.#hits < this.#recent.size ? SAMPLE : 1
    this.#hits = 0
    this.#older = this.#recent
    this.#recent = new Map()
    this.#recentItems = 0
    this.#recentCharacters = 0
  }

  #isCurrent(route: Route<Result>): boolean {
    if (this.#stamp(route.counters) !== route.stamp) return false
    route.checkedAt = this.#changesInAll
    return true
  }

  #stamp(counters: readonly number[]): number {
    let sum = 0
    for (const counter of counters) sum += this.#changes[counter] ?? 0
    return sum
  }
}

/** Adds up the counter of filters that begin with a wildcard, and one counter for each prefix of the topic. */
function countersOfTopic(topic: string): number[] {
  const counters = [0]
  let hash = HASH_SEED
  let end = -1
  while (counters.length <= LEVELS_MAX && end < topic.length) {
    const start = end + 1
    end = levelEnd(topic, start)
    hash = hashOn(hash, topic, start, end)
    counters.push(counterOf(hash))
  }
  return counters
}

/** Returns the counter of the filter's levels before the first wildcard, which every matching topic begins with. */
function counterOfFilter(filter: string): number {
  let counter = 0
  let hash = HASH_SEED
  let end = -1
  for (let level = 0; level < LEVELS_MAX; level++) {
    const start = end + 1
    const code = filter.charAt(start)
    if (code === '+' || code === '#') break
    end = levelEnd(filter, start)
    hash = hashOn(hash, filter, start, end)
    counter = counterOf(hash)
  }
  return counter
}

// FNV-1a over UTF-16 units.
const HASH_SEED = 0x811c9dc5
const HASH_PRIME = 0x01000193

function hashOn(hash: number, text: string, start: number, end: number): number {
  let result = hash
  for (let index = start; index < end; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), HASH_PRIME)
  }
  return Math.imul(result ^ 0x2f, HASH_PRIME)
}

/** Never returns 0, which is the counter of filters that begin with a wildcard. */
function counterOf(hash: number): number {
  return 1 + (((hash ^ (hash >>> 15)) >>> 0) % (COUNTERS - 1))
}

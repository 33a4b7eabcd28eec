// The queries of this partition for retained messages that others keep.

import type { RetainedItem, Origin, RetainedAsked, RetainedPage, UpTo, Watermark } from './item.ts'
import { LiveRetained } from './live-retained.ts'
import type { PartitionStatistics } from './partition-statistics.ts'
import { type QueryContext, RetainedQuery } from './retained-query.ts'

/** The partition that asks. */
interface Asker {
  readonly partition: number
  readonly statistics: PartitionStatistics
  readonly broker: { readonly lastSequence: number; nextSequence(): number }
  readonly others: readonly number[]
  say(partition: number, item: RetainedItem): void
  requestFlush(): void
}

/** How many may be open at others. More wait. */
const OPEN_MAX = 1_000
/** The topics with messages that were published while queries were open. Beyond that all queries begin again. */
const LIVE_TOPICS_MAX = 10_000

/** How many requests may have no answer, because a partition is away. What begins then is asked for together, later. */
const REQUESTS_MAX = 4

/** All partitions are asked for their watermarks, once for all queries that begin in a turn. */
interface WatermarkRequest {
  readonly queries: readonly RetainedQuery[]
  readonly missing: Set<number>
  readonly upTo: Map<number, number>
}

// Wide on purpose: what its queries use, and what answers them.
export class RetainedQueries implements QueryContext {
  readonly #asker: Asker
  readonly live: LiveRetained
  /** Those that have not ended. */
  readonly #all = new Set<RetainedQuery>()
  /** Those for which the watermarks are still to be asked. */
  #begun = new Set<RetainedQuery>()
  readonly #requests = new Map<number, WatermarkRequest>()
  readonly #open = new Map<number, RetainedQuery>()
  readonly #queue = new Set<RetainedQuery>()
  #lastRequest = 0
  #lastQuery = 0

  constructor(asker: Asker, liveTopicsMax = LIVE_TOPICS_MAX) {
    this.#asker = asker
    this.live = new LiveRetained(liveTopicsMax)
  }

  begin(filter: string, since: number, partitions: readonly number[]): RetainedQuery {
    const query = new RetainedQuery(filter, since, partitions, this)
    this.#all.add(query)
    this.#begins(query)
    return query
  }

  /** A message with RETAIN was published here. */
  published(topic: string, origin: Origin, at: number): void {
    if (this.#all.size === 0 || this.live.add(topic, origin, at)) return
    // After new watermarks whatever was published until now has reached the partition that keeps it.
    this.live.clear()
    for (const query of this.#all) {
      this.#asker.statistics.queriesRepeated += 1
      query.upTo = null
      this.#begins(query)
      query.repeats()
    }
  }

  /** At the end of a turn: asks for the watermarks behind the filters. */
  flush(): void {
    if (this.#begun.size === 0 || this.#requests.size >= REQUESTS_MAX) return
    const queries = [...this.#begun]
    this.#begun = new Set()
    const request = (this.#lastRequest += 1)
    const { others } = this.#asker
    this.#requests.set(request, { queries, missing: new Set(others), upTo: new Map() })
    for (const other of others) this.#asker.say(other, { kind: 'watermark-asked', request })
  }

  watermark(partition: number, { request, sequence }: Watermark): void {
    const asked = this.#requests.get(request)
    if (asked?.missing.delete(partition) !== true) return
    asked.upTo.set(partition, sequence)
    if (asked.missing.size > 0) return
    this.#requests.delete(request)
    if (this.#begun.size > 0) this.#asker.requestFlush()
    for (const query of asked.queries) if (this.#all.has(query)) query.watermarked(asked.upTo)
  }

  page(partition: number, page: RetainedPage): void {
    const query = this.#open.get(page.query)
    if (query?.partition === partition) query.took(page)
  }

  /** The partition has started: it has forgotten what it was asked. */
  began(partition: number): void {
    for (const [request, { missing }] of this.#requests) {
      if (missing.has(partition)) this.#asker.say(partition, { kind: 'watermark-asked', request })
    }
    for (const query of [...this.#open.values()]) {
      if (query.partition !== partition) continue
      this.#forget(query)
      query.repeats()
    }
  }

  // What queries use.

  nextSequence(): number {
    return this.#asker.broker.nextSequence()
  }

  open(query: RetainedQuery, partition: number): void {
    if (this.#open.size >= OPEN_MAX) {
      this.#asker.statistics.queriesQueued += 1
      this.#queue.add(query)
      return
    }
    query.number = this.#lastQuery += 1
    this.#open.set(query.number, query)
    this.#asker.say(partition, this.#question(query))
  }

  #question({ number, filter, upTo }: RetainedQuery): RetainedAsked {
    // The partition has applied all of this one when it reads the question.
    const all: UpTo = new Map(upTo ?? []).set(
      this.#asker.partition,
      this.#asker.broker.lastSequence,
    )
    return { kind: 'retained-asked', query: number, filter, upTo: all }
  }

  more({ number: query }: RetainedQuery, partition: number): void {
    this.#asker.say(partition, { kind: 'retained-more', query })
  }

  close(query: RetainedQuery): void {
    this.#queue.delete(query)
    const { number, partition } = query
    if (number === 0) return
    this.#forget(query)
    if (partition !== null) {
      this.#asker.say(partition, { kind: 'retained-ended', query: number })
    }
    for (const next of this.#queue) {
      if (this.#open.size >= OPEN_MAX) return
      this.#queue.delete(next)
      if (next.partition !== null) this.open(next, next.partition)
    }
  }

  ended(query: RetainedQuery): void {
    this.#all.delete(query)
    this.#begun.delete(query)
    if (this.#all.size === 0) this.live.clear()
  }

  #begins(query: RetainedQuery): void {
    this.#begun.add(query)
    this.#asker.requestFlush()
  }

  #forget(query: RetainedQuery): void {
    this.#open.delete(query.number)
    query.number = 0
  }
}

// Which topics there are, how busy, and who publishes: from a sample of at most 200 messages a second, and from retained messages.
// While a second's share is used up, nothing listens, so that further messages cost nothing.

import type { Broker } from '../broker/broker.ts'
import type { Observer } from '../broker/observer.ts'
import type { Message } from '../message.ts'
import { levelEnd } from '../routing/topic.ts'
import { rateOf, TopicTree } from './topic-tree.ts'

interface TopicRow {
  /** A topic, or levels above topics. */
  readonly topic: string
  readonly isRetained: boolean
  /** The retained messages below it; null where there are too many to count. */
  readonly retainedBelow: number | null
  /** Messages a second to it and below. */
  readonly messagesRate: number
  readonly lastAt: number | null
  readonly lastPublisher: string | null
  readonly hasChildren: boolean
}

interface TopicsOptions {
  readonly broker: Broker
  /** Returns the time of day in milliseconds. */
  readonly now: () => number
  /** Calls back after so many milliseconds. */
  readonly after: (milliseconds: number, act: () => void) => void
}

const SAMPLES_A_SECOND = 200
const REST_MS = 100
const SECOND_MS = 1_000
/** The most steps among retained messages for one question. */
const RETAINED_STEPS_MAX = 20_000
const RETAINED_STEPS = 256

export class Topics {
  readonly tree = new TopicTree()
  /** One message in so many is seen. */
  sampledOneIn = 1
  readonly #options: TopicsOptions
  readonly #sampler: Observer = { published: message => this.#sees(message) }
  /** The messages that it may see now, as of `#refilledAt`. */
  #left = SAMPLES_A_SECOND
  #refilledAt: number
  #second: { start: number; seen: number; received: number }

  constructor(options: TopicsOptions) {
    this.#options = options
    const received = options.broker.statistics.messagesReceived
    this.#refilledAt = options.now()
    this.#second = { start: this.#refilledAt, seen: 0, received }
    options.broker.faults.observers.add(this.#sampler)
  }

  /** The topics and levels directly below, in the order of their names; null is the top. */
  below(under: string | null): readonly TopicRow[] {
    const { topics, rowOf } = this.listing(under)
    return topics.toSorted().map(rowOf)
  }

  /** The same without an order, and with rows that are made only for those that are shown. */
  listing(under: string | null) {
    const node = this.tree.find(under)
    const { byLevel, isWhole } = this.#retainedBelow(under)
    const start = under === null ? '' : `${under}/`
    const levels = new Set([...(node?.children?.keys() ?? []), ...byLevel.keys()])
    return {
      topics: Array.from(levels, level => start + level),
      rowOf: (topic: string) =>
        this.#row(topic, byLevel.get(topic.slice(start.length)) ?? 0, isWhole),
    }
  }

  of(topic: string): TopicRow {
    const { count, isWhole } = this.#retainedBelow(topic)
    return this.#row(topic, count, isWhole)
  }

  #row(topic: string, below: number, isWhole: boolean): TopicRow {
    const node = this.tree.find(topic)
    const isRetained = this.#options.broker.retained.get(topic) !== undefined
    const rate = node === null ? 0 : rateOf(node, this.#options.now())
    return {
      topic,
      isRetained,
      retainedBelow: isWhole ? below : null,
      messagesRate: Math.round(rate * 100) / 100,
      lastAt: node === null || node.lastAt === 0 ? null : node.lastAt,
      lastPublisher: node?.lastPublisher ?? null,
      hasChildren: node?.children != null || below > 0,
    }
  }

  /** Counts the retained messages below each level that is directly below `under`, without those of the level itself. */
  #retainedBelow(under: string | null) {
    const byLevel = new Map<string, number>()
    let count = 0
    const start = under === null ? 0 : under.length + 1
    const filter = under === null ? '#' : `${under}/#`
    const source = this.#options.broker.retained.matching(filter, Infinity)
    while (source.steps < RETAINED_STEPS_MAX) {
      const message = source.next(RETAINED_STEPS)
      if (message === 'later') continue
      if (message === null) return { byLevel, count, isWhole: true }
      // `a/#` matches `a` too.
      if (message.topic === under) continue
      const end = levelEnd(message.topic, start)
      const level = message.topic.slice(start, end)
      byLevel.set(level, (byLevel.get(level) ?? 0) + (end < message.topic.length ? 1 : 0))
      count += 1
    }
    return { byLevel, count, isWhole: false }
  }

  #sees(message: Message): void {
    const { broker, now } = this.#options
    if (broker.retained.isAnnounced(message)) return
    const at = now()
    const elapsed = at - this.#second.start
    if (elapsed >= SECOND_MS) {
      const { messagesReceived } = broker.statistics
      const received = messagesReceived - this.#second.received
      this.sampledOneIn = Math.max(1, received / Math.max(1, this.#second.seen))
      this.#second = { start: at, seen: 0, received: messagesReceived }
    }
    this.#second.seen += 1
    this.tree.add(message.topic, message.publisher, this.sampledOneIn, at)
    const refill = ((at - this.#refilledAt) * SAMPLES_A_SECOND) / SECOND_MS
    this.#left = Math.min(SAMPLES_A_SECOND, this.#left + refill) - 1
    this.#refilledAt = at
    if (this.#left < 1) this.#rests()
  }

  /** Listens no more for a while, in which its share grows again. */
  #rests(): void {
    const { broker, after } = this.#options
    broker.faults.observers.remove(this.#sampler)
    after(REST_MS, () => broker.faults.observers.add(this.#sampler))
  }
}

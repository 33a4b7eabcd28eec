// What is published with RETAIN while queries for retained messages are open: it was delivered to their clients already.

import type { Origin } from './item.ts'

/** The newest message of one origin to one topic. */
interface Live {
  readonly partition: number
  readonly sequence: number
  /** Its number here. */
  readonly at: number
}

export class LiveRetained {
  readonly #byTopic = new Map<string, readonly Live[]>()
  readonly #topicsMax: number

  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax
  }

  /** Returns false if that would be too many topics. */
  add(topic: string, { partition, sequence }: Origin, at: number): boolean {
    const known = this.#byTopic.get(topic)
    if (known === undefined && this.#byTopic.size >= this.#topicsMax) return false
    const others = (known ?? []).filter(each => each.partition !== partition)
    this.#byTopic.set(topic, [...others, { partition, sequence, at }])
    return true
  }

  /**
   * Whether a client that has had all messages since `since` got the retained message already, or a newer one. `appliedOf` tells how far
   * the partition that had it retained had applied each partition then.
   */
  supersedes(
    topic: string,
    origin: Origin,
    since: number,
    appliedOf: (partition: number) => number,
  ): boolean {
    const live = this.#byTopic.get(topic)
    if (live === undefined) return false
    return live.some(({ partition, sequence, at }) => {
      if (at <= since) return false
      const isSameOrigin = partition === origin.partition && origin.sequence > 0
      return isSameOrigin ? sequence >= origin.sequence : sequence > appliedOf(partition)
    })
  }

  clear(): void {
    this.#byTopic.clear()
  }
}

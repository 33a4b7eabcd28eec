// Which messages a bridge carries, which way, and how their topics are called on either side.

import type { QoS, SubscriptionRequest } from '../packet/packet.ts'
import { topicMatches } from '../routing/topic.ts'

export interface BridgeTopic {
  /** Behind the prefix of either side. Empty: the prefixes themselves are the two topics. */
  readonly filter: string
  readonly direction: 'out' | 'in' | 'both'
  readonly qos: QoS
  readonly localPrefix: string
  readonly remotePrefix: string
}

type Side = 'localPrefix' | 'remotePrefix'

export class BridgeTopics {
  readonly #out: readonly BridgeTopic[]
  readonly #in: readonly BridgeTopic[]
  /** The most bytes by which a topic may be longer on the other side than here. */
  readonly growthBytes: number

  constructor(topics: readonly BridgeTopic[]) {
    this.#out = topics.filter(({ direction }) => direction !== 'in')
    this.#in = topics.filter(({ direction }) => direction !== 'out')
    this.growthBytes = this.#out.reduce((most, { localPrefix, remotePrefix }) => {
      const growth = Buffer.byteLength(remotePrefix) - Buffer.byteLength(localPrefix)
      return Math.max(most, growth)
    }, 0)
  }

  /** What is subscribed to here. `qosMax` is what the other broker takes. */
  outgoing(qosMax: QoS): readonly SubscriptionRequest[] {
    return requests(this.#out, 'localPrefix', qosMax)
  }

  /** What is subscribed to at the other broker. */
  get incoming(): readonly SubscriptionRequest[] {
    return requests(this.#in, 'remotePrefix', 2)
  }

  /** Filters of the other broker that a bridge once had the other way round. */
  get notIncoming(): readonly string[] {
    const wanted = new Set(this.incoming.map(({ filter }) => filter))
    const own = requests(this.#out, 'remotePrefix', 2).map(({ filter }) => filter)
    return own.filter(filter => !wanted.has(filter))
  }

  /** Returns the topic at the other broker, by the first entry that matches; null if none does. */
  toRemote(topic: string): string | null {
    return renamed(topic, this.#out, 'localPrefix', 'remotePrefix')
  }

  toLocal(topic: string): string | null {
    return renamed(topic, this.#in, 'remotePrefix', 'localPrefix')
  }
}

/**
 * A message that the bridge has brought is not sent back (no local). RETAIN goes through as it is, and the set of retained messages
 * comes with a new subscription only: the session has what was published since.
 */
function requests(
  topics: readonly BridgeTopic[],
  side: Side,
  qosMax: QoS,
): readonly SubscriptionRequest[] {
  const byFilter = new Map<string, QoS>()
  for (const topic of topics) {
    const filter = topic[side] + topic.filter
    const qos = Math.min(topic.qos, qosMax) as QoS
    byFilter.set(filter, Math.max(qos, byFilter.get(filter) ?? 0) as QoS)
  }
  return [...byFilter].map(([filter, qos]) => ({
    filter,
    qos,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 1,
  }))
}

function renamed(
  topic: string,
  entries: readonly BridgeTopic[],
  from: Side,
  to: Side,
): string | null {
  for (const entry of entries) {
    if (topicMatches(entry[from] + entry.filter, topic)) {
      return entry[to] + topic.slice(entry[from].length)
    }
  }
  return null
}

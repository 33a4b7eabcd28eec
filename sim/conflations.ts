// Conflated subscriptions of a world. One world in five has some; what is random of them comes from a stream of its own.

import type { Message } from '../src/message.ts'
import { NO_PROPERTIES, type Properties, type SubscriptionRequest } from '../src/packet/packet.ts'
import { topicMatches } from '../src/routing/topic.ts'
import { expressionIn, type Expression } from './expressions.ts'
import { idIn, type Publication, type Request, type SessionRecord, wants } from './history.ts'
import { Random } from './random.ts'
import { calmTermsOf } from './random-requests.ts'
import { SimClient } from './sim-client.ts'
import type { World } from './world.ts'

/** One world in this many has conflated subscriptions. */
const WORLDS = 5
const CONFLATE = '$conflate-ms'
const STREAM = 0x63_6f_6e_66
const INTERVALS = [50, 700, 5_000] as const
const CONNECT_MS = 10_000
/** Longer than any interval, also where a client gets few messages a second. */
const QUIET_MS = 30_000
const BURST = 3

/** What a SUBSCRIBE says beyond MQTT's options. */
export interface OwnOptions {
  readonly where: Expression | null
  /** 0 for all messages. */
  readonly conflateMs: number
}

export function ownOptionsIn(properties: Properties): OwnOptions {
  const said = properties.userProperties?.find(([name]) => name === CONFLATE)?.[1]
  return { where: expressionIn(properties), conflateMs: Number(said ?? 0) }
}

/** Returns null for a world without conflated subscriptions. */
export function conflationsOf(seed: number): Conflations | null {
  const random = new Random(seed ^ STREAM)
  return random.chance(WORLDS) ? new Conflations(random) : null
}

export class Conflations {
  readonly #random: Random
  /** When the running broker sent the last message of each topic, by session. */
  #lastMs = new Map<SessionRecord, Map<string, number>>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Returns the properties, in some cases with an interval. */
  forSubscribe(asked: readonly SubscriptionRequest[], properties: Properties): Properties {
    if (asked.some(({ filter }) => filter.startsWith('$'))) return properties
    if (this.#random.chance(5)) return properties
    const others = properties.userProperties ?? []
    const own = [CONFLATE, `${this.#random.of(INTERVALS)}`] as const
    return { ...properties, userProperties: [...others, own] }
  }

  /** The broker has sent a message: never more than one of a topic in an interval. */
  sent(clientId: string, { topic, retain, payload }: Message, world: World): void {
    const { clients, history, events, settings } = world
    const record = clients.find(each => each.clientId === clientId)?.session.record ?? null
    // What was retained comes to a new subscription whatever came before.
    if (record === null || retain) return
    const least = leastOf(matchingOf(record, topic))
    const times = this.#lastMs.get(record) ?? new Map<string, number>()
    this.#lastMs.set(record, times)
    const passed = events.now - (times.get(topic) ?? -Infinity)
    times.set(topic, events.now)
    // A turn has the time of its beginning.
    if (passed + settings.turnMs >= least) return
    const what = `${clientId} was sent ${idIn(payload)} on ${topic}`
    history.violation('conflation', `${what} ${passed} ms after another one, not ${least} ms`)
  }

  /** The process of the broker has ended, and with it what it knew of the last messages. */
  died(): void {
    this.#lastMs = new Map()
  }

  /** In the calm at the end: of a burst after a pause the first message comes at once, and the last always comes. */
  judge(world: World): void {
    const { settings, random, events } = world
    const publisher = new SimClient('burst', 5, world)
    publisher.connects(calmTermsOf(publisher, random, settings, events.now))
    world.passes(CONNECT_MS)
    for (const topic of new Set(settings.topics)) {
      const request = { topic, qos: 1, retain: false, bytes: 1, usesAlias: false } as const
      const before = world.history.publications.size
      publisher.connection?.inOneChunk(() => {
        for (let count = 0; count < BURST; count++) {
          publisher.publishes({ ...request, properties: NO_PROPERTIES })
        }
      })
      world.passes(QUIET_MS)
      const burst = [...world.history.publications.values()].slice(before)
      for (const { isConnected, session } of world.clients) {
        if (isConnected && session.record !== null) this.#judgeBurst(world, session.record, burst)
      }
    }
  }

  #judgeBurst({ history, settings }: World, record: SessionRecord, burst: Publication[]): void {
    const { topic } = burst[0] ?? { topic: '' }
    const all = matchingOf(record, topic)
    const sure = all.filter(each => each.grantedAt !== null && each.endedAt === null)
    if (sure.length === 0 || leastOf(all) === 0) return
    const wanted = burst.filter(
      each => each.acceptedAt !== null && !each.isRefused && sure.some(one => wants(one, each)),
    )
    const [first, last] = [wanted.at(0), wanted.at(-1)]
    const who = `${record.clientId} (session ${record.number})`
    if (last !== undefined && !record.received.has(last)) {
      history.violation('conflation', `${who} never received ${last.id}, the last on ${topic}`)
    }
    const { limits } = settings
    const isRated =
      limits.outgoingMessagesPerSecondMax > 0 || limits.outgoingMessagesPerSecondPerUserMax > 0
    if (!isRated && first !== undefined && !record.received.has(first)) {
      history.violation('conflation', `${who} never received ${first.id}, the first on ${topic}`)
    }
  }
}

function matchingOf({ requests }: SessionRecord, topic: string): readonly Request[] {
  return requests.filter(each => !each.isRefused && topicMatches(each.topicFilter, topic))
}

/** Returns the least interval; 0 where any request gets all, or there is none. */
function leastOf(requests: readonly Request[]): number {
  return requests.length === 0 ? 0 : Math.min(...requests.map(({ conflateMs }) => conflateMs))
}

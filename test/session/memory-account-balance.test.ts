// The account of what clients keep over everything that they may do, in any order: what was counted is let go of
// exactly once, over replays, share groups, long SUBSCRIBEs, full memory, and restarts of the broker.

import { test } from 'tap'
import { NO_PROPERTIES, type Properties, type QoS } from '../../src/packet/packet.ts'
import { SHARE_STRATEGY_NAMES } from '../../src/routing/share-strategy.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient, PondClientOptions } from '../pond-client.ts'
import { NOTHING_KEPT } from './nothing-kept.ts'

const TOPICS = ['a/1', 'a/2', 'a/b/3', 'c/4', `long/${'l'.repeat(3_000)}`, 'will', 'late']
const FILTERS = ['a/1', 'a/#', '+/4', '#', 'long/#', '$share/g/a/#', '$share/h/#', '$share/g/+/4']
const NAMES = ['ann', 'bob', 'cid', 'dot', 'eve']

/** Clients that do this and that, each run of a seed the same. */
class Doings {
  pond: Pond
  readonly #options: PondOptions
  readonly #store = new MemoryStore(4)
  readonly #clients = new Map<string, PondClient>()
  #state: number

  constructor(seed: number, options: PondOptions) {
    this.#state = seed * 2_654_435_761 + 1
    this.#options = { ...options, store: this.#store }
    this.pond = new Pond(this.#options)
  }

  /** A number from 0 up to `end`. */
  #below(end: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((this.#state / 0x8000_0000) * end)
  }

  #of<Each>(list: readonly Each[]): Each {
    return list[this.#below(list.length)] as Each
  }

  #maybe<Some extends object>(some: Some): Some | Record<never, never> {
    return this.#below(2) === 0 ? some : {}
  }

  async restarts(): Promise<void> {
    this.#clients.clear()
    await this.#store.close()
    const snapshot = await this.#store.open()
    this.pond = new Pond({ ...this.#options, snapshot, now: this.pond.now })
  }

  step(): void {
    const name = this.#of(NAMES)
    const client = this.#clients.get(name)
    if (client === undefined || client.isClosed) this.#comes(name)
    else this.#does(client)
  }

  #comes(name: string): void {
    const isStored = this.#below(2) === 0
    const properties: Properties = {
      ...(isStored && { sessionExpiryInterval: 60 }),
      ...this.#maybe({ receiveMaximum: 1 }),
      ...this.#maybe({ topicAliasMaximum: 2 }),
    }
    const will = { topic: 'will', payload: 'x'.repeat(100), retain: true }
    const delay = { topic: 'late', properties: { willDelayInterval: 30 } }
    const options: PondClientOptions = {
      cleanStart: this.#below(4) === 0,
      acknowledges: this.#below(2) === 0,
      properties,
      ...this.#maybe({ will: { ...will, ...this.#maybe(delay) } }),
    }
    this.#clients.set(name, this.pond.client(name, options))
  }

  #does(client: PondClient): void {
    const doing = this.#below(16)
    if (doing < 4) this.#publishes(client)
    else if (doing < 7) this.#subscribes(client)
    else if (doing === 7) client.unsubscribes(this.#of(FILTERS), this.#of(FILTERS))
    else if (doing === 8) this.#subscribesToMany(client)
    else if (doing === 9) client.hears()
    else if (doing === 10) client.freezes()
    else if (doing === 11) client.thaws()
    else if (doing === 12) this.#answers(client)
    else if (doing === 13) client.vanishes()
    else if (doing === 14) this.#leaves(client)
    else this.pond.passes({ seconds: this.#of([1, 1, 40]) })
  }

  #publishes(client: PondClient): void {
    const properties: Properties = {
      ...this.#maybe({ userProperties: [['name', 'value']] as const }),
      ...this.#maybe({ topicAlias: 1 + this.#below(2) }),
      ...this.#maybe({ messageExpiryInterval: this.#of([1, 30]) }),
    }
    const qos = this.#of<QoS>([0, 1, 2])
    const payload = 'x'.repeat(this.#of([0, 10, 200, 2_000]))
    for (let count = this.#of([1, 1, 12]); count > 0 && !client.isClosed; count--) {
      const retain = this.#below(2) === 0
      const id = client.publishes(this.#of(TOPICS), payload, { qos, retain, properties })
      if (qos === 2 && this.#below(2) === 0) client.acknowledges('pubrel', id)
    }
  }

  #subscribes(client: PondClient): void {
    const filter = this.#of(FILTERS)
    const wish = ['strategy', this.#of(SHARE_STRATEGY_NAMES)] as const
    client.subscribes(filter, this.#of<QoS>([0, 1, 2]), {
      noLocal: !filter.startsWith('$share') && this.#below(3) === 0,
      retainHandling: this.#of([0, 0, 1, 2]),
      properties: { ...this.#maybe({ subscriptionIdentifiers: [7] }), userProperties: [wish] },
    })
  }

  /** More than is done in one piece, and perhaps cut short by the end of the connection. */
  #subscribesToMany(client: PondClient): void {
    const isEnd = this.#below(3) === 0
    this.pond.inOneTurn(() => {
      const filters = Array.from({ length: 600 }, (_, index) => `many/${index % 7}/filters`)
      const subscriptions = [...filters, 'a/#'].map(filter => ({
        filter,
        qos: 1 as const,
        noLocal: false,
        retainAsPublished: true,
        retainHandling: 0 as const,
      }))
      const packetId = client.nextPacketId()
      client.says({ type: 'subscribe', packetId, subscriptions, properties: NO_PROPERTIES })
      if (isEnd) client.vanishes()
    })
  }

  #answers(client: PondClient): void {
    for (const packet of client.receives()) {
      if (client.isClosed) return
      if (packet.type === 'pubrel') client.acknowledges('pubcomp', packet.packetId)
      if (packet.type !== 'publish' || packet.qos === 0) continue
      client.acknowledges(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetId)
    }
  }

  #leaves(client: PondClient): void {
    client.disconnects()
    client.vanishes()
  }

  /** Everybody goes, every session and will meets its time, and nothing stays retained. */
  ends(): void {
    for (const client of this.#clients.values()) {
      client.thaws()
      if (!client.isClosed) client.vanishes()
      else client.wire.breaks()
    }
    this.pond.passes({ seconds: 1_000 })
    const last = this.pond.client('last')
    for (const topic of TOPICS) last.publishes(topic, '', { retain: true })
    this.#leaves(last)
    this.pond.passes({ seconds: 1_000 })
  }
}

const WORLDS: Readonly<Record<string, PondOptions>> = {
  'with room': {},
  'with turns that do little': { limits: { turnWorkMax: 4, turnWorkTotalMax: 12 } },
  'with little of each line in memory': {
    limits: { queuedInMemoryMax: 3, queueQoS0WhileAway: true, outboxBytesMax: 2_000 },
  },
  'with short lines that drop the oldest': {
    limits: { queueOverflow: 'drop-oldest', queuedMessagesMax: 5 },
    share: {
      bounds: { queuedMessagesMax: 5, queuedBytesMax: 10_000, queueOverflow: 'drop-oldest' },
    },
  },
  'with groups that go by topic': { share: { strategyOf: () => 'hash-topic' } },
  'with a full heap': { limits: { keptHeapBytesMax: 40_000, queueOverflow: 'drop-oldest' } },
  'with full buffers': { limits: { keptBufferBytesMax: 5_000, inFlightBytesMax: 1 } },
}

for (const [world, options] of Object.entries(WORLDS)) {
  test(`whatever clients did, when they have gone nothing is counted: ${world}`, async t => {
    const wrong: string[] = []
    for (let seed = 1; seed <= 24; seed++) {
      const doings = new Doings(seed, options)
      for (let step = 1; step <= 150; step++) {
        if (step % 50 === 0 && seed % 2 === 0) await doings.restarts()
        doings.step()
        const { kinds, bufferBytes } = doings.pond.broker.memory
        if (Math.min(bufferBytes, ...Object.values(kinds)) < 0) {
          wrong.push(`seed ${seed}, step ${step}: ${JSON.stringify(kinds)} ${bufferBytes}`)
        }
      }

      doings.ends()

      const { kinds, bufferBytes, heapBytes } = doings.pond.broker.memory
      if (heapBytes !== 0 || bufferBytes !== 0) {
        wrong.push(`seed ${seed}: ${JSON.stringify(kinds)} ${bufferBytes}`)
      } else t.strictSame(kinds, NOTHING_KEPT)
    }
    t.strictSame(wrong.slice(0, 3), [])
  })
}

test('a SUBSCRIBE that is done in parts counts as memory until it is done', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 10, turnWorkTotalMax: 10 } })
  const client = pond.client('ann')
  const subscription = {
    qos: 1,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 0,
  } as const
  const subscriptions = Array.from({ length: 600 }, (_, index) => ({
    filter: `many/${index % 7}/filters`,
    ...subscription,
  }))
  const most: number[] = []

  pond.inOneTurn(() => {
    client.says({ type: 'subscribe', packetId: 1, subscriptions, properties: NO_PROPERTIES })
    most.push(pond.broker.memory.bufferBytes)
  })

  t.ok(Math.max(...most) > 600 * 'many/1/filters'.length, String(most))
  t.match(client.hears()[0], /^suback #1/)
  t.equal(pond.broker.memory.bufferBytes, 0)
})

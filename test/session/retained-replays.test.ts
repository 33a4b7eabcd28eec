// Retained messages on their way to the subscriptions of one client: each belongs to its subscription, and to no more.

import { test } from 'tap'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

const DURABLE = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 3_600, receiveMaximum: 10 },
}

/** A pond in which so many messages of QoS 1 are retained under `r/`. */
function pondWithRetained(count: number, store = new MemoryStore()): Pond {
  const pond = new Pond({ store })
  const alice = pond.client('alice')
  for (let each = 1; each <= count; each++) {
    alice.publishes(`r/${each}`, 'x', { qos: 1, retain: true })
  }
  return pond
}

/** The broker is gone without a word; another one goes on with its store. */
async function pondAfter(store: MemoryStore, pond: Pond): Promise<Pond> {
  await store.close()
  return new Pond({ store, snapshot: await store.open(), now: pond.now })
}

/** The client is there again; what it is sent with CONNACK is not read yet. */
function comesBack(pond: Pond): PondClient {
  const bob = pond.stranger('bob', DURABLE)
  bob.connects()
  return bob
}

/** Acknowledges what it heard, as often as more comes of it. Returns the topics in order. */
function hearsAll(client: PondClient): string[] {
  const topics: string[] = []
  for (let batch = client.receivesMessages(); batch.length > 0; batch = client.receivesMessages()) {
    for (const { topic, qos, packetId } of batch) {
      topics.push(topic)
      if (qos === 1) client.acknowledges('puback', packetId)
    }
  }
  return topics
}

test('a subscription that is made a thousand times has one replay, the last one', async t => {
  const pond = pondWithRetained(50)
  const bob = pond.client('bob', { properties: { receiveMaximum: 10 } })

  for (let each = 0; each < 1_000; each++) bob.subscribes('r/#', 1)

  t.equal(pond.broker.sessions.get('bob')?.replays.count, 1)
  t.equal(hearsAll(bob).length, 10 + 50, 'what was in flight, and the last replay')
})

test('no retained message is sent after UNSUBACK', async t => {
  const pond = pondWithRetained(50)
  const bob = pond.client('bob', { properties: { receiveMaximum: 10 } })
  bob.subscribes('r/#', 1)
  bob.subscribes('r/+', 1)

  bob.unsubscribes('r/#')
  t.equal(hearsAll(bob).length, 10 + 50, 'what was in flight, and the other subscription')

  bob.subscribes('r/#', 1)
  bob.unsubscribes('r/#')
  t.equal(hearsAll(bob).length, 10, 'what was in flight')
})

test('a replay goes on where it was when its client comes back, however often', async t => {
  const pond = pondWithRetained(100)
  const first = pond.client('bob', { ...DURABLE })
  first.subscribes('r/#', 1)
  const heard: string[] = first.receivesMessages().map(({ topic }) => topic)
  first.vanishes()

  for (let each = 0; each < 25; each++) {
    const again = comesBack(pond)
    for (const { topic, packetId } of again.receivesMessages().slice(0, 2)) {
      heard.push(topic)
      again.acknowledges('puback', packetId)
    }
    again.vanishes()
  }
  pond.client('carol').publishes('r/1', 'live', { qos: 1 })
  const last = comesBack(pond)
  heard.push(...hearsAll(last))

  t.equal(new Set(heard).size, 100)
  t.equal(heard.length, 10 + 100 + 1, 'what the first left unsettled comes twice')
  t.equal(heard.at(-1), 'r/1')
})

test('a broker that ends in the middle of a replay begins it anew, and only until it is whole', async t => {
  const store = new MemoryStore()
  const before = pondWithRetained(100, store)
  before.client('bob', DURABLE).subscribes('r/#', 1)

  const between = await pondAfter(store, before)
  const heard = hearsAll(comesBack(between))
  t.equal(new Set(heard).size, 100)
  t.equal(heard.length, 110)

  const after = await pondAfter(store, between)
  t.strictSame(hearsAll(comesBack(after)), [])
})

test('a replay that a broker left behind ends with its subscription all the same', async t => {
  const store = new MemoryStore()
  const before = pondWithRetained(100, store)
  const bob = before.client('bob', DURABLE)
  bob.subscribes('r/#', 1)
  bob.unsubscribes('r/#')
  bob.subscribes('r/#', 1, { retainHandling: 2 })

  const pond = await pondAfter(store, before)

  t.equal(hearsAll(comesBack(pond)).length, 10, 'what was in flight')
})

test('a message that is retained after a restart is not sent again by a replay that began before', async t => {
  const store = new MemoryStore()
  const before = pondWithRetained(30, store)
  // Numbers that no stored message has.
  const alice = before.client('alice')
  for (let each = 0; each < 1_000; each++) alice.publishes('none', 'x')
  before.client('bob', DURABLE).subscribes('r/#', 1)

  const pond = await pondAfter(store, before)
  pond.client('alice').publishes('r/30', 'new', { qos: 1, retain: true })
  const bob = pond.stranger('bob', { ...DURABLE, acknowledges: true })
  bob.connects()
  const payloads = bob.receivesMessages().map(({ payload }) => payload.toString())

  t.equal(payloads.filter(payload => payload === 'new').length, 1)
  t.equal(payloads.at(-1), 'new')
})

test('new options of a subscription apply to the rest of its replay', async t => {
  const pond = pondWithRetained(20)
  const bob = pond.client('bob', { properties: { receiveMaximum: 10 } })
  bob.subscribes('r/#', 1)
  bob.receivesMessages()

  const properties = { subscriptionIdentifiers: [7] }
  bob.subscribes('r/#', 0, { retainHandling: 1, properties })
  bob.acknowledges('puback', 1)

  const rest = bob.receivesMessages()
  t.equal(rest.length, 10)
  t.ok(
    rest.every(({ qos, properties }) => qos === 0 && properties.subscriptionIdentifiers?.[0] === 7),
  )
})

test('no client gets its own retained message under No Local [MQTT-3.8.3-3]', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  const alice = before.client('alice')
  alice.publishes('a/mine', 'x', { qos: 1, retain: true })
  before.client('bob').publishes('a/his', 'x', { qos: 1, retain: true })

  alice.subscribes('a/#', 0, { noLocal: true })
  t.strictSame(hearsAll(alice), ['a/his'])
  alice.subscribes('a/+', 0)
  t.strictSame(hearsAll(alice).toSorted(), ['a/his', 'a/mine'])

  const pond = await pondAfter(store, before)
  const again = pond.client('alice')
  again.subscribes('a/#', 0, { noLocal: true })
  t.strictSame(hearsAll(again), ['a/his'])
})

test('a replay is work of the turn: it takes many turns', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let each = 0; each < 20_000; each++) alice.publishes(`r/${each}`, 'x', { retain: true })
  })
  const bob = pond.client('bob')
  const turns = pond.turn.turns

  bob.subscribes('r/#')

  t.equal(bob.receivesMessages().length, 20_000)
  t.ok(pond.turn.turns - turns > 20, `${pond.turn.turns - turns} turns`)
})

// SUBSCRIBE and UNSUBSCRIBE of many filters: divided among turns, with one answer, in order.

import { test } from 'tap'
import { NO_PROPERTIES, type SubscriptionRequest } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { turnsOf } from '../turns-of.ts'

function requestOf(filter: string): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }
}

function saysSubscribe(client: PondClient, packetId: number, filters: readonly string[]): void {
  const subscriptions = filters.map(requestOf)
  client.says({ type: 'subscribe', packetId, subscriptions, properties: NO_PROPERTIES })
}

function saysUnsubscribe(client: PondClient, packetId: number, filters: readonly string[]): void {
  client.says({ type: 'unsubscribe', packetId, filters, properties: NO_PROPERTIES })
}

function filtersOf(count: number, different: number): string[] {
  return Array.from({ length: count }, (_, index) => `f/${index % different}`)
}

test('a SUBSCRIBE of 100,000 filters blocks no other client: it takes many turns and is answered once', async t => {
  for (const version of [4, 5] as const) {
    const pond = new Pond()
    const bob = pond.client('bob', { version })
    const carol = pond.client('carol', { version })

    const turns = turnsOf(pond, carol, () => saysSubscribe(bob, 7, filtersOf(100_000, 900)))

    t.ok(turns.all > 50, `${turns.all} turns`)
    t.ok(turns.pingresp <= 2, `${turns.pingresp} turns`)
    t.strictSame(carol.hears(), ['pingresp'])
    const [suback, ...others] = bob.receives()
    t.strictSame(others, [])
    t.ok(suback?.type === 'suback' && suback.packetId === 7)
    t.ok(suback?.type === 'suback' && suback.reasons.length === 100_000)
    t.equal(pond.broker.subscriptions.count, 900)

    const turnsBefore = pond.turn.turns
    saysUnsubscribe(bob, 8, filtersOf(100_000, 1_000))
    t.ok(pond.turn.turns - turnsBefore > 50, `${pond.turn.turns - turnsBefore} turns`)
    t.strictSame(
      bob.receives().map(packet => packet.type),
      ['unsuback'],
    )
    t.equal(pond.broker.subscriptions.count, 0)
  }
})

test('packets after a long SUBSCRIBE are read after it, and its retained messages follow SUBACK', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  alice.publishes('f/1', 'old', { retain: true })
  const bob = pond.client('bob')

  bob.inOneChunk(() => {
    saysSubscribe(bob, 1, filtersOf(2_000, 100))
    bob.publishes('f/1', 'mine')
    bob.pings()
  })

  const [suback, ...others] = bob.hears()
  t.match(suback, /^suback #1/)
  t.strictSame(others, ['publish f/1 old q0 retain', 'publish f/1 mine q0', 'pingresp'])
})

test('a message that is published during a long SUBSCRIBE comes after the retained messages', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 200 } })
  const alice = pond.client('alice')
  alice.publishes('f/1', 'old', { retain: true })
  alice.publishes('f/2', 'old', { retain: true })
  const bob = pond.client('bob')

  pond.inOneTurn(() => {
    saysSubscribe(bob, 1, filtersOf(2_000, 100))
    for (let turn = 0; turn < 30; turn++) pond.turn.end()
    alice.publishes('f/1', 'new')
  })

  const [suback, ...others] = bob.hears()
  t.match(suback, /^suback #1/)
  t.strictSame(others, [
    'publish f/1 old q0 retain',
    'publish f/2 old q0 retain',
    'publish f/1 new q0',
  ])
})

test('no filter of a long packet is entered when one of them is wrong', async t => {
  for (const says of [saysSubscribe, saysUnsubscribe]) {
    const pond = new Pond()
    const bob = pond.client('bob')

    says(bob, 1, [...filtersOf(2_000, 100), 'a/#/b'])

    t.strictSame(bob.hears(), ['disconnect 0x8f', 'closed'])
    t.equal(pond.broker.subscriptions.count, 0)
  }
})

test('a client that goes in the midst of its SUBSCRIBE leaves nothing to be done', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 10 } })
  const properties = { sessionExpiryInterval: 60 }
  const will = { topic: 'w', payload: 'gone' }
  const bob = pond.client('bob', { properties, will })
  const turns = pond.turn.turns

  pond.inOneTurn(() => {
    bob.inOneChunk(() => {
      saysSubscribe(bob, 1, filtersOf(20_000, 900))
      bob.disconnects()
    })
    bob.wire.breaks()
  })

  t.ok(pond.turn.turns - turns < 10, `${pond.turn.turns - turns} turns`)
  t.equal(pond.broker.statistics.willsPublished, 0, 'DISCONNECT behind it is heard')
  t.strictSame(pond.client('bob', { cleanStart: false, properties }).greeting?.type, 'connack')
})

test('a bridge of MQTT 3 is not sent its own under any filter of a long SUBSCRIBE, and RETAIN stays set', async t => {
  for (const version of [3, 4] as const) {
    const pond = new Pond()
    const bridge = pond.stranger('bridge', { version })
    bridge.says({
      type: 'connect',
      version,
      isBridge: true,
      cleanStart: true,
      keepAliveSeconds: 0,
      clientId: 'bridge',
      username: null,
      password: null,
      will: null,
      properties: NO_PROPERTIES,
    })
    bridge.hears()
    saysSubscribe(bridge, 1, filtersOf(2_000, 100))
    bridge.hears()
    bridge.publishes('f/99', 'its own', { retain: true })
    pond.client('alice').publishes('f/99', 'of another', { retain: true })
    t.strictSame(bridge.hears(), ['publish f/99 of another q0 retain'])
  }
})

test('MQTT 3.1 allows a long SUBSCRIBE what it allows a short one: flags and needless bytes of the length', async t => {
  const pond = new Pond()
  const bob = pond.client('bob', { version: 3 })
  const filter = Buffer.from('00016100', 'hex')
  const filters = Array.from({ length: 2_000 }, () => filter)
  const body = Buffer.concat([Buffer.from('0007', 'hex'), ...filters])
  const length = [(body.length & 0x7f) | 0x80, (body.length >> 7) | 0x80, 0x00]
  bob.saysBytes(Buffer.concat([Buffer.from([0x8a, ...length]), body]))
  t.match(bob.hears(), [/^suback #7/])
  const strict = pond.client('strict', { version: 4 })
  strict.saysBytes(Buffer.concat([Buffer.from([0x82, ...length]), body]))
  t.ok(strict.isClosed)
})

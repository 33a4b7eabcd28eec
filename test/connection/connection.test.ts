import { test } from 'tap'
import type { Verdict } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { Pond } from '../pond.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

test('packets that a client sends during its authentication wait, and are then handled in order', async t => {
  let answer: (verdict: Verdict) => void = () => {}
  const pond = new Pond({
    access: {
      authenticate: () => new Promise(resolve => (answer = resolve)),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  const client = pond.stranger('a')
  client.connects()
  client.subscribes('x')
  client.publishes('x', 'hi')
  t.strictSame(client.hears(), [])
  t.ok(client.wire.isPaused)

  answer({ kind: 'allowed', permissions: UNRESTRICTED })
  await new Promise(resolve => setImmediate(resolve))
  pond.settles()

  t.strictSame(client.hears(), ['connack 0x0', 'suback #1 0x0', 'publish x hi q0'])
  t.notOk(client.wire.isPaused)
})

test('an authentication that never answers is given up', async t => {
  const pond = new Pond({
    access: {
      authenticate: () => new Promise(() => {}),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  const client = pond.stranger('a')
  client.connects()

  pond.passes({ seconds: 11 })

  t.strictSame(client.hears(), ['connack 0x88', 'closed'])
})

test('a client in its authentication hears that the broker stops by a code that CONNACK has', async t => {
  const pond = new Pond({
    access: {
      authenticate: () => new Promise(() => {}),
      beginExchange: () => ({ step: () => ({ kind: 'continue', data: null }) }),
      permissionsOf: () => null,
    },
  })
  const waiting = pond.stranger('waiting')
  waiting.connects()
  const asked = pond.stranger('asked', { properties: { authenticationMethod: 'any' } })
  asked.connects()
  asked.hears()

  pond.stops()

  t.strictSame(waiting.hears(), ['connack 0x88', 'closed'])
  t.strictSame(asked.hears(), ['connack 0x88', 'closed'])
})

test('a probe that opens a connection and closes it is no event', async t => {
  let events = 0
  const pond = new Pond({ observer: { refused: () => (events += 1) } })
  const wire = pond.stranger('a').wire

  wire.hangsUp()
  pond.settles()

  t.equal(events, 0)
  t.equal(pond.broker.deadlines.count, 0)
})

test('every client hears that the broker stops, and wills are kept for the next broker', async t => {
  const store = new MemoryStore()
  await store.open()
  const pond = new Pond({ store })
  const watcher = pond.client('watcher')
  watcher.subscribes('#')
  watcher.hears()
  const will = { topic: 'gone', payload: 'x' }
  const transient = pond.client('transient', { will })
  const old = pond.client('old', { version: 4, will })

  pond.stops()

  t.strictSame(transient.hears(), ['disconnect 0x8b', 'closed'])
  t.strictSame(old.hears(), ['closed'])
  t.strictSame(watcher.hears(), ['disconnect 0x8b', 'closed'])
  await store.close()
  const { sessions } = await store.open()
  t.match(sessions.map(({ clientId, will: kept }) => [clientId, kept?.topic]).sort(), [
    ['old', 'gone'],
    ['transient', 'gone'],
  ])
})

test('wills of a broker that stopped are published by the next one, to sessions that have returned', async t => {
  const store = new MemoryStore()
  await store.open()
  const first = new Pond({ store })
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  const watcher = first.client('watcher', durable)
  watcher.subscribes('gone', 1)
  first.client('device', { will: { topic: 'gone', payload: 'x', qos: 1, retain: true } })
  first.stops()
  await store.close()

  const next = new Pond({ store, snapshot: await store.open() })
  const back = next.stranger('watcher', durable)
  back.connects()

  t.strictSame(back.hears(), ['connack 0x0 present', 'publish gone x q1 #1'])
})

test('a connection leaves nothing behind: no deadline, no session, no will', async t => {
  const pond = new Pond()
  for (let count = 0; count < 50; count++) {
    const client = pond.client(`a${count}`, { will: { topic: 'w' } })
    client.subscribes('x/#')
    if (count % 2 === 0) client.vanishes()
    else client.disconnects()
  }
  t.equal(pond.broker.deadlines.count, 0)
  t.equal(pond.broker.sessions.count, 0)
  t.equal(pond.broker.subscriptions.count, 0)
})

test('a thousand takeovers leave one connection and one session, whatever is in flight', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
  let living = pond.client('twin', durable)
  living.subscribes('a', 2)
  for (let count = 0; count < 1_000; count++) {
    alice.publishes('a', `${count}`, { qos: 1 })
    const before = living
    living = pond.client('twin', durable)
    t.ok(before.isClosed)
    if (count % 3 === 0)
      for (const { packetId } of living.receivesMessages()) living.acknowledges('puback', packetId)
  }
  t.notOk(living.isClosed)
  t.equal(pond.broker.sessions.count, 2)
  t.equal(pond.broker.sessions.connectedCount, 2)
  t.equal(pond.broker.statistics.sessionsTakenOver, 1_000)
})

test('user properties over the limit are refused with a sentence that names it, wherever they stand', async t => {
  const userProperties = [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ] as const
  const pond = new Pond({ limits: { userPropertiesMax: 2 } })
  for (const options of [
    { properties: { userProperties } },
    { will: { properties: { userProperties } } },
  ]) {
    const stranger = pond.stranger('a', options)
    stranger.connects()
    t.match(stranger.receives(), [
      { type: 'connack', reason: 0x97, properties: { reasonString: /limits\.userPropertiesMax/ } },
    ])
  }
  const client = pond.client('a', { properties: { userProperties: userProperties.slice(1) } })
  client.publishes('a', '', { properties: { userProperties } })
  t.match(client.receives(), [
    { type: 'disconnect', reason: 0x97, properties: { reasonString: /limits\.userPropertiesMax/ } },
  ])
})

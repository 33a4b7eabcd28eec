// Back-pressure and fairness, where a line binds a socket to a connection.

import { test } from 'tap'
import { Pond } from '../pond.ts'
import { DelayingStore } from '../store/delaying-store.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }

test('a publisher whose answers wait is not read from beyond its bound, and is again when they have left', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { receiveMax: 65_535 } })
  const bob = pond.client('bob', DURABLE)
  store.commits()
  bob.subscribes('a', 1)
  store.commits()
  const alice = pond.client('alice')

  let sent = 0
  while (!alice.wire.isPaused && sent < 100) {
    alice.publishes('a', Buffer.alloc(10_000), { qos: 1 })
    sent += 1
  }
  t.ok(alice.wire.isPaused)
  t.ok(sent * 10_000 < 300_000, `${sent} messages of 10,000 bytes`)
  const other = pond.client('other')
  t.notOk(other.wire.isPaused)

  store.commits()
  store.commits()
  pond.settles()
  t.notOk(alice.wire.isPaused)
  t.equal(alice.receives().length, sent)
})

test('a client that is not read from because of us is not silent', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { receiveMax: 65_535 } })
  const bob = pond.client('bob', { ...DURABLE, keepAliveSeconds: 0 })
  store.commits()
  bob.subscribes('a', 1)
  store.commits()
  const alice = pond.client('alice', { keepAliveSeconds: 10 })
  for (let count = 0; count < 30; count++) alice.publishes('a', Buffer.alloc(10_000), { qos: 1 })
  t.ok(alice.wire.isPaused)

  pond.passes({ seconds: 100 })

  t.notOk(alice.isClosed)
})

test('one client cannot hold the turn: what exceeds its share waits for the next, in order', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 10 } })
  const bob = pond.client('bob')
  const carol = pond.client('carol')
  bob.subscribes('a')
  bob.hears()
  const alice = pond.client('alice')
  const turnsBefore = pond.turn.turns
  const order: string[] = []
  pond.broker.observer.published = message =>
    order.push(`${message.topic} ${message.payload.toString()}`)

  pond.inOneTurn(() => {
    alice.inOneChunk(() => {
      for (let count = 0; count < 100; count++) alice.publishes('a', `${count}`)
    })
    carol.publishes('b', 'in between')
  })

  t.ok(pond.turn.turns - turnsBefore >= 20)
  t.ok(order.indexOf('b in between') < 10, 'carol did not wait for all of alice')
  t.strictSame(
    bob.receivesMessages().map(({ payload }) => payload.toString()),
    Array.from({ length: 100 }, (_, index) => `${index}`),
  )
})

test('who found a turn used up comes before those that used it, in the next', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 6, turnWorkTotalMax: 6 } })
  const [alice, bob, carol] = [pond.client('alice'), pond.client('bob'), pond.client('carol')]
  const order: string[] = []
  pond.broker.observer.published = ({ topic }) => order.push(topic)

  pond.inOneTurn(() => {
    for (const client of [alice, bob, carol]) {
      client.inOneChunk(() => {
        for (let count = 0; count < 30; count++) client.publishes(client.clientId, 'x')
      })
    }
  })

  t.equal(order.length, 90)
  // Three messages use up a turn: while all have some left, nobody has more than two turns before the others have one.
  for (let first = 0; first + 12 <= 78; first += 3) {
    t.equal(new Set(order.slice(first, first + 12)).size, 3, `from ${first} on`)
  }
})

test('fan-out counts as work: a publisher with many subscribers has fewer messages in a turn', async t => {
  const pond = new Pond({ limits: { turnWorkMax: 100 } })
  for (let count = 0; count < 50; count++) pond.client(`reader-${count}`).subscribes('a')
  const alice = pond.client('alice')
  const turnsBefore = pond.turn.turns

  pond.inOneTurn(() =>
    alice.inOneChunk(() => {
      for (let count = 0; count < 20; count++) alice.publishes('a', '')
    }),
  )

  t.ok(pond.turn.turns - turnsBefore >= 10)
})

test('a client that does not even take its answers is not read from', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 1_024 } })
  const client = pond.client('a')
  client.freezes()

  let pings = 0
  while (!client.wire.isPaused && pings < 10_000) {
    client.pings()
    pings += 1
  }

  t.ok(pings < 2_000, `${pings} pings`)
  client.thaws()
  t.notOk(client.wire.isPaused)
  t.equal(client.receives().length, pings)
})

test('what came before the end of a connection is read, whatever share of the turn is left', async t => {
  const pond = new Pond({ limits: { turnWorkTotalMax: 3 } })
  const watcher = pond.client('watcher')
  watcher.subscribes('#')
  watcher.hears()
  const alice = pond.client('alice', { will: { topic: 'will', payload: 'lost' } })

  pond.inOneTurn(() => {
    for (let count = 0; count < 10; count++) alice.publishes('a', `${count}`)
    alice.disconnects()
    alice.vanishes()
  })

  t.strictSame(
    watcher.hears(),
    Array.from({ length: 10 }, (_, count) => `publish a ${count} q0`),
  )
})

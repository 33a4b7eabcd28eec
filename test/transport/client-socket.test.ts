// Back-pressure and fairness, where a socket binds a socket to a connection.

import { test } from 'tap'
import { Pond } from '../pond.ts'
import type { PondClient, PublishOptions } from '../pond-client.ts'
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

test('a client that the broker does not read from does not count as silent', async t => {
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

test('one client cannot fill the turn: what exceeds its share waits for the next turn, in order', async t => {
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

test('a client that found a turn used up comes first in the next', async t => {
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

test('a client that does not read its answers is not read from', async t => {
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

test('packets before the end of a connection are read, whatever share of the turn is left', async t => {
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

/** The whole exchange, as far as it is the publisher's. */
function publishes(
  client: PondClient,
  topic: string,
  payload: Buffer,
  options: PublishOptions,
): void {
  const packetId = client.publishes(topic, payload, options)
  if (options.qos === 2) client.acknowledges('pubrel', packetId)
}

/** What every way of waiting for room must come through. */
const SOCKETS = [false, true].flatMap(takesLate =>
  [1_024, 6_000, 1_048_576].flatMap(outboxBytesMax =>
    [10, 3_000].flatMap(payloadBytes =>
      ([0, 1, 2] as const).map(qos => ({ takesLate, outboxBytesMax, payloadBytes, qos })),
    ),
  ),
)

for (const { takesLate, outboxBytesMax, payloadBytes, qos } of SOCKETS) {
  const world =
    `at QoS ${qos}, with ${payloadBytes} bytes each, an outbox of ${outboxBytesMax}, ` +
    `and sockets that take ${takesLate ? 'late' : 'at once'}`

  test(`a share group never stands still ${world}`, async t => {
    const pond = new Pond({ limits: { outboxBytesMax }, takesLate })
    const alice = pond.client('alice')
    const members = ['bob', 'carol'].map(clientId => {
      const member = pond.client(clientId, { acknowledges: true })
      member.subscribes('$share/g/jobs', qos)
      return member
    })
    members[1]?.freezes()

    for (let job = 0; job < 100; job++) {
      pond.inOneTurn(() => {
        for (let part = 0; part < 3; part++)
          publishes(alice, 'jobs', Buffer.alloc(payloadBytes), { qos })
      })
    }
    members[1]?.thaws()
    let heard = 0
    for (const member of [...members, ...members]) heard += member.receivesMessages().length

    t.equal(heard, 300)
    t.equal(pond.broker.statistics.dropped['outbox-full'], 0)
  })

  test(`a replay of retained messages comes to its end ${world}`, async t => {
    const pond = new Pond({ limits: { outboxBytesMax }, takesLate })
    const alice = pond.client('alice')
    for (let count = 0; count < 200; count++) {
      const payload = Buffer.alloc(payloadBytes, 'x')
      publishes(alice, `r/${count}/a`, payload, { retain: true, qos })
    }
    const bob = pond.client('bob', { acknowledges: true })
    bob.freezes()
    bob.subscribes('r/+/a', qos)
    bob.thaws()

    t.equal(bob.receivesMessages().length, 200)
    t.equal(pond.broker.statistics.dropped['outbox-full'], 0)
  })

  test(`a queue is emptied when its client is back ${world}`, async t => {
    const pond = new Pond({ limits: { outboxBytesMax, queueQoS0WhileAway: true }, takesLate })
    const bob = pond.client('bob', DURABLE)
    bob.subscribes('a', qos)
    bob.vanishes()
    const alice = pond.client('alice')
    for (let count = 0; count < 200; count++) {
      publishes(alice, 'a', Buffer.alloc(payloadBytes), { qos })
    }

    const back = pond.stranger('bob', { ...DURABLE, acknowledges: true })
    back.connects()

    t.equal(back.receivesMessages().length, 200)
  })
}

test('a search that finds nothing goes on over a socket that takes late', async t => {
  const pond = new Pond({ takesLate: true })
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let count = 0; count < 20_000; count++) {
      alice.publishes(`r/${count}/x`, 'x', { retain: true })
      if (count % 1_000 === 0) pond.turn.end()
    }
  })
  alice.publishes('r/last/y', 'found', { retain: true })

  const bob = pond.client('bob')
  bob.subscribes('r/+/y', 1)

  t.strictSame(bob.hears(), ['suback #1 0x1', 'publish r/last/y found q0 retain'])
})

test('a client with a small outbox is read from again, though little was pending', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 1_024 }, takesLate: true })
  const client = pond.client('a', { acknowledges: true })
  client.subscribes('own', 1)

  client.inOneChunk(() => {
    for (let count = 1; count <= 60; count++) {
      client.publishes('own', Buffer.alloc(500), { qos: 1, packetId: count })
    }
    for (let count = 0; count < 1_500; count++) client.pings()
  })

  t.notOk(client.wire.isPaused)
  t.equal(client.receivesMessages().length, 60)
})

test('a member whose socket takes late has its part of the work, and no more once it does not read', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const [atOnce, late] = [false, true].map(takesLate => {
    const member = pond.client(`late-${takesLate}`, { takesLate, acknowledges: true })
    member.subscribes('$share/g/jobs', 0)
    member.hears()
    return member
  })

  // They arrive while what was written in the turn before is still pending.
  for (let turn = 0; turn < 20; turn++) {
    pond.inOneTurn(() => {
      pond.turn.end()
      for (let job = 0; job < 10; job++) alice.publishes('jobs', 'x'.repeat(100))
    })
  }
  t.equal(atOnce?.receivesMessages().length, 100)
  t.equal(late?.receivesMessages().length, 100)

  late?.freezes()
  for (let job = 0; job < 200; job++) alice.publishes('jobs', 'x'.repeat(10_000))
  t.ok((late?.wire.pendingBytes ?? 0) < 80_000)
  t.ok((atOnce?.receivesMessages().length ?? 0) > 190)
})

test('a socket that reports late writes makes no turn while no session waits', async t => {
  const pond = new Pond({ takesLate: true })
  const alice = pond.client('alice')
  const turnsBefore = pond.turn.turns

  for (let count = 0; count < 10; count++) alice.pings()

  t.equal(alice.receives().length, 10)
  t.equal(pond.turn.turns - turnsBefore, 10)
})

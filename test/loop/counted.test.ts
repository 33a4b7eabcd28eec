// What speed is made of, counted and not timed: writes to sockets, encodings, turns, commits, searches.

import { test } from 'tap'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { LevelTree } from '../../src/routing/level-tree.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { DelayingStore } from '../store/delaying-store.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

interface Counts {
  readonly turns: number
  readonly encodings: number
  readonly commits: number
  readonly searches: number
  /** Of each client. */
  readonly writes: readonly number[]
}

function countsOf(pond: Pond, clients: readonly PondClient[]): Counts {
  return {
    turns: pond.turn.turns,
    encodings: pond.encoder.encodings,
    commits: pond.turn.commits,
    searches: pond.broker.subscriptions.searches,
    writes: clients.map(client => client.wire.writes),
  }
}

/** What the talk has cost. */
function cost(pond: Pond, clients: readonly PondClient[], talk: () => void): Counts {
  const before = countsOf(pond, clients)
  talk()
  const after = countsOf(pond, clients)
  return {
    turns: after.turns - before.turns,
    encodings: after.encodings - before.encodings,
    commits: after.commits - before.commits,
    searches: after.searches - before.searches,
    writes: after.writes.map((count, index) => count - (before.writes[index] ?? 0)),
  }
}

/** Ten publishers, each with a subscriber of its own. */
function pairs(pond: Pond, qos: 0 | 1 | 2) {
  const publishers = Array.from({ length: 10 }, (_, index) => pond.client(`publisher-${index}`))
  const subscribers = publishers.map((_, index) => {
    const subscriber = pond.client(`subscriber-${index}`)
    subscriber.subscribes(`pairs/${index}`, qos)
    return subscriber
  })
  const publish = (): void => {
    for (const [index, publisher] of publishers.entries()) {
      for (let count = 0; count < 20; count++) publisher.publishes(`pairs/${index}`, 'x', { qos })
    }
  }
  return { publishers, subscribers, publish }
}

const EACH_ONCE = Array.from({ length: 10 }, () => 1)
const NEVER = Array.from({ length: 10 }, () => 0)

test('two hundred messages of QoS 0 in one turn are one write a subscriber, and one search a topic', async t => {
  const pond = new Pond()
  const { publishers, subscribers, publish } = pairs(pond, 0)
  const all = [...publishers, ...subscribers]

  const first = cost(pond, all, () => pond.inOneTurn(publish))
  t.strictSame(first, {
    turns: 1,
    encodings: 200,
    commits: 0,
    searches: 10,
    writes: [...NEVER, ...EACH_ONCE],
  })
  t.equal(cost(pond, all, () => pond.inOneTurn(publish)).searches, 0)
})

test('at QoS 1 all PUBACKs of a turn are one write, and acknowledgements of subscribers are none', async t => {
  const pond = new Pond()
  const { publishers, subscribers, publish } = pairs(pond, 1)
  const all = [...publishers, ...subscribers]

  t.strictSame(
    cost(pond, all, () => pond.inOneTurn(publish)),
    {
      turns: 1,
      encodings: 200,
      commits: 0,
      searches: 10,
      writes: [...EACH_ONCE, ...EACH_ONCE],
    },
  )
  const settling = cost(pond, all, () =>
    pond.inOneTurn(() => {
      for (const subscriber of subscribers) {
        for (let packetId = 1; packetId <= 20; packetId++)
          subscriber.acknowledges('puback', packetId)
      }
    }),
  )
  t.strictSame(settling, {
    turns: 1,
    encodings: 0,
    commits: 0,
    searches: 0,
    writes: [...NEVER, ...NEVER],
  })
})

test('an exchange at QoS 2 is two writes on either side', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a', 2)

  const exchange = cost(pond, [alice, bob], () => {
    pond.inOneTurn(() => alice.publishes('a', 'x', { qos: 2, packetId: 1 }))
    pond.inOneTurn(() => {
      alice.acknowledges('pubrel', 1)
      bob.acknowledges('pubrec', 1)
    })
    pond.inOneTurn(() => bob.acknowledges('pubcomp', 1))
  })

  t.strictSame(exchange, { turns: 3, encodings: 1, commits: 0, searches: 1, writes: [2, 2] })
})

test('a thousand durable messages from a hundred publishers are one commit, and one write a socket after it', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { inFlightMax: 2_000 } })
  const bob = pond.client('bob', {
    ...DURABLE,
    properties: { sessionExpiryInterval: 60, receiveMaximum: 2_000 },
  })
  store.commitsAll()
  bob.subscribes('durable/#', 1)
  store.commitsAll()
  const publishers = Array.from({ length: 100 }, (_, index) => pond.client(`publisher-${index}`))
  const all = [bob, ...publishers]
  bob.hears()

  const waiting = cost(pond, all, () =>
    pond.inOneTurn(() => {
      for (const publisher of publishers) {
        for (let count = 0; count < 10; count++) publisher.publishes('durable/a', 'x', { qos: 1 })
      }
    }),
  )
  t.strictSame(waiting, {
    turns: 1,
    encodings: 1_000,
    commits: 1,
    searches: 1,
    writes: all.map(() => 0),
  })

  const said = cost(pond, all, () => {
    store.commits()
    pond.settles()
  })
  t.strictSame(said, {
    turns: 1,
    encodings: 0,
    commits: 0,
    searches: 0,
    writes: all.map(() => 1),
  })
})

test('receivers of both versions, each QoS and any identifiers share what they can: one encoding a kind', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const readers = Array.from({ length: 60 }, (_, index) => {
    const reader = pond.client(`reader-${index}`, { version: index % 2 === 0 ? 5 : 4 })
    reader.subscribes('a', index % 3 === 0 ? 0 : 1)
    return reader
  })

  const { encodings, writes } = cost(pond, readers, () => alice.publishes('a', 'x', { qos: 1 }))

  t.equal(encodings, 4)
  t.equal(
    writes.reduce((sum, count) => sum + count, 0),
    60,
  )
})

test('subscriptions elsewhere cost a hot topic no search, one that matters costs one', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('hot/topic/one', 0)
  const publish = (): void => {
    for (let count = 0; count < 5; count++) alice.publishes('hot/topic/one', 'x')
  }
  publish()

  const elsewhere = cost(pond, [], () => {
    bob.subscribes('cold/topic', 0)
    bob.subscribes('cold/+/x', 0)
    bob.subscribes('hot/other/#', 0)
    publish()
  })
  t.equal(elsewhere.searches, 0)

  for (const filter of ['hot/topic/one', 'hot/+/one', '#', 'hot/topic/one/#']) {
    const matters = cost(pond, [], () => {
      bob.subscribes(filter, 1)
      publish()
    })
    t.equal(matters.searches, 1, filter)
  }
})

test('a burst to one socket is written in parts of about 64 KiB, not message by message', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a', 0)
  bob.hears()

  const { writes } = cost(pond, [bob], () =>
    pond.inOneTurn(() => {
      for (let count = 0; count < 400; count++) alice.publishes('a', 'x'.repeat(1_000))
    }),
  )

  t.equal(bob.receives().length, 400)
  t.equal(writes[0], Math.ceil((400 * 1_007) / 65_536))
})

test('a thousand sockets are written to in four turns, each once, and what arrives meanwhile is applied in between', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const readers = Array.from({ length: 1_000 }, (_, index) => pond.client(`reader-${index}`))
  for (const reader of readers) reader.subscribes('a', 0)
  for (const reader of readers) reader.hears()

  const { turns, writes } = cost(pond, readers, () => alice.publishes('a', 'x'))

  t.equal(turns, 4)
  t.ok(writes.every(count => count === 1))
})

test('forty messages of five publishers to five hundred subscribers at QoS 1 are one write to each', async t => {
  const { turnWorkMax, turnWorkTotalMax } = DEFAULT_LIMITS
  const pond = new Pond({ limits: { turnWorkMax, turnWorkTotalMax } })
  const publishers = Array.from({ length: 5 }, (_, index) => pond.client(`publisher-${index}`))
  const readers = Array.from({ length: 500 }, (_, index) => pond.client(`reader-${index}`))
  for (const reader of readers) reader.subscribes('a', 1)

  const { turns, writes } = cost(pond, readers, () =>
    pond.inOneTurn(() => {
      for (const publisher of publishers) {
        for (let count = 0; count < 8; count++) publisher.publishes('a', 'x', { qos: 1 })
      }
    }),
  )

  // One to apply, and both to write to 256 sockets each.
  t.equal(turns, 2)
  t.ok(writes.every(count => count === 1))
})

/** Alice publishes to the durable session of Bob, one message at a time. */
function pacedPond() {
  const store = new DelayingStore()
  const pond = new Pond({ store, settlementsWaitMs: 10 })
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  store.commitsAll()
  bob.subscribes('a', 1)
  store.commitsAll()
  bob.receives()
  const exchange = (packetId: number): void => {
    alice.publishes('a', 'x', { qos: 1, packetId })
    store.commitsAll()
    bob.acknowledges('puback', packetId)
  }
  return { store, pond, alice, bob, exchange }
}

test('durable messages that come one by one are one commit each: PUBACK of a subscriber goes with the next', async t => {
  const { store, pond, exchange } = pacedPond()
  const before = pond.turn.commits

  for (let packetId = 1; packetId <= 20; packetId++) exchange(packetId)

  t.equal(pond.turn.commits - before, 20)
  t.equal(store.outstanding, 0)
  t.strictSame(
    store.groups.at(-1)?.map(({ kind }) => kind),
    ['settled', 'message-stored', 'queued'],
  )
})

test('a PUBACK that nothing follows is committed 10 ms later', async t => {
  const { store, pond, bob, exchange } = pacedPond()
  exchange(1)
  t.equal(store.outstanding, 0)

  pond.passes({ seconds: 0.009 })
  t.equal(store.outstanding, 0)
  pond.passes({ seconds: 0.001 })

  t.equal(store.outstanding, 1)
  store.commitsAll()
  t.strictSame(
    store.groups.at(-1)?.map(({ kind }) => kind),
    ['settled'],
  )
  t.strictSame(bob.hears().length, 1)
})

test('an answer that waits for all changes so far does not wait for settlements to find company', async t => {
  const { store, bob, exchange } = pacedPond()
  exchange(1)
  bob.receives()

  bob.subscribes('a', 1)

  t.equal(store.outstanding, 1)
  store.commitsAll()
  t.strictSame(bob.hears(), ['suback #2 0x1'])
})

test('whoever waits until all is committed does not wait longer for settlements', async t => {
  const { store, pond, exchange } = pacedPond()
  exchange(1)

  const committed = pond.turn.whenCommitted()
  t.equal(store.outstanding, 1)
  store.commitsAll()

  await t.resolves(committed)
})

test('a topic that is retained is looked for once, whether it is new or not', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const { get } = LevelTree.prototype
  let searches = 0
  LevelTree.prototype.get = function (path) {
    searches += 1
    return get.call(this, path)
  }
  t.teardown(() => {
    LevelTree.prototype.get = get
  })

  for (let count = 0; count < 10; count++) alice.publishes(`a/${count}`, 'x', { retain: true })
  t.equal(searches, 10)
  for (let count = 0; count < 10; count++) alice.publishes(`a/${count}`, 'y', { retain: true })
  t.equal(searches, 20)
  t.equal(pond.broker.retainedCount, 10)
})

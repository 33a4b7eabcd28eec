// The search for who wants a topic has a bound, and is paid for by the turn.

import { test } from 'tap'
import type { Observer } from '../../src/broker/observer.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import { turnsOf } from '../turns-of.ts'

/** The filters {+,a}^16/z: no two have the same shape. */
function dearFilter(index: number): string {
  const levels = Array.from({ length: 16 }, (_, level) => ((index >> level) & 1 ? '+' : 'a'))
  return `${levels.join('/')}/z`
}

/** So many clients that have asked for a thousand dear filters each. */
function pondOfEnemies(clients: number, options: PondOptions = {}): Pond {
  const pond = new Pond(options)
  for (let number = 0; number < clients; number++) {
    const enemy = pond.client(`enemy ${number}`)
    for (let index = 0; index < 1_000; index++) enemy.subscribes(dearFilter(number * 1_000 + index))
  }
  return pond
}

test('publishes that match nothing are divided among turns by what their search costs', async t => {
  const pond = pondOfEnemies(66)
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  t.equal(pond.broker.subscriptions.filterShapes <= 1_024, true)

  const turns = turnsOf(pond, bob, () =>
    alice.inOneChunk(() => {
      for (let count = 0; count < 3_000; count++) alice.publishes(`${'a/'.repeat(16)}${count}`, 'x')
    }),
  )

  t.ok(turns.pingresp <= 2, `${turns.pingresp} turns to PINGRESP`)
  t.ok(turns.all > 50, `${turns.all} turns in all`)
})

test('a topic whose receivers are known costs no search', async t => {
  const pond = pondOfEnemies(2)
  const alice = pond.client('alice')
  const topic = `${'a/'.repeat(16)}y`
  alice.publishes(topic, 'x')

  const turns = turnsOf(pond, pond.client('bob'), () =>
    alice.inOneChunk(() => {
      for (let count = 0; count < 1_000; count++) alice.publishes(topic, 'x')
    }),
  )

  t.equal(turns.all, 1)
})

test('each share group that matches a message counts as work of the turn', async t => {
  const limits = { subscriptionsPerClientMax: 2_000, shareGroupsPerTopicMax: 100_000 }
  const pond = new Pond({ limits })
  const member = pond.client('member')
  for (let group = 0; group < 2_000; group++) member.subscribes(`$share/g${group}/t`)
  const alice = pond.client('alice')

  const turns = turnsOf(pond, pond.client('bob'), () =>
    alice.inOneChunk(() => {
      for (let count = 0; count < 20; count++) alice.publishes('t', 'x')
    }),
  )

  t.ok(turns.pingresp <= 2, `${turns.pingresp} turns to PINGRESP`)
  t.ok(turns.all >= 20, `${turns.all} turns in all`)
})

for (const version of [3, 4, 5] as const) {
  test(`a filter that would make topics dear to search for is refused, in version ${version}`, async t => {
    const told: string[] = []
    const observer: Observer = {
      subscribeRefused: (clientId, filter, _reason, sentence) =>
        told.push(`${clientId} ${filter}: ${sentence}`),
    }
    const pond = new Pond({
      observer,
      limits: { filterShapesMax: 40, filterShapesPerClientMax: 4 },
    })
    const alice = pond.client('alice', { version })
    const bob = pond.client('bob', { version })
    const refused = version === 5 ? '0x97' : '0x80'

    alice.subscribes('+/a')
    alice.subscribes('a/+/b/#')
    alice.subscribes('a/a/+')
    t.strictSame(alice.hears(), ['suback #1 0x0', 'suback #2 0x0', `suback #3 ${refused}`])
    alice.subscribes('+/another')
    alice.subscribes('a/a/a/#')
    alice.subscribes('$share/g/a/a/+')
    t.strictSame(alice.hears(), ['suback #4 0x0', 'suback #5 0x0', `suback #6 ${refused}`])
    bob.subscribes('a/+/c')
    bob.subscribes('a/a/+/a')
    bob.subscribes('a/a/a/a/+/+')
    t.strictSame(bob.hears(), ['suback #1 0x0', 'suback #2 0x0', `suback #3 ${refused}`])

    t.match(told[0], /^alice a\/a\/\+: .*\(limits\.filterShapesPerClientMax\)$/)
    t.match(told[2], /^bob a\/a\/a\/a\/\+\/\+: .*\(limits\.filterShapesMax\)$/)
    t.equal(pond.broker.statistics.subscribesRefused, 3)
    alice.unsubscribes('+/a', '+/another')
    alice.unsubscribes('a/+/b/#')
    bob.unsubscribes('a/+/c')
    bob.unsubscribes('a/a/+/a')
    t.equal(pond.broker.subscriptions.filterShapes, 0)
  })
}

for (const enemies of [4, 300]) {
  test(`after ${enemies} attackers a client may still add filters of up to 8 levels`, async t => {
    const pond = pondOfEnemies(enemies)
    const bob = pond.client('bob')
    const filters = Array.from({ length: 25 }, (_, index) =>
      Array.from({ length: 8 }, (_, level) => (((index * 37) >> level) & 1 ? '+' : 'b')).join('/'),
    )
    bob.subscribes('home/+/+/state')
    bob.subscribes('$share/g/spBv1.0/+/NDATA/+/#')
    for (const filter of filters) bob.subscribes(filter)

    t.notOk(bob.hears().some(line => line.endsWith('0x97')))
    t.ok(
      pond.broker.subscriptions.filterShapes <= 1_024,
      `${pond.broker.subscriptions.filterShapes} shapes`,
    )
  })
}

test('after four attackers a client may still add deep filters', async t => {
  const pond = pondOfEnemies(4)
  const bob = pond.client('bob')
  bob.subscribes('b/b/b/b/b/b/b/b/b/b/+/b')
  bob.subscribes('b/b/b/b/b/b/b/b/b/+/b/#')

  t.strictSame(bob.hears(), ['suback #1 0x0', 'suback #2 0x0'])
})

for (const version of [3, 4, 5] as const) {
  test(`share groups that would make topics dear to publish to are refused, in version ${version}`, async t => {
    const told: string[] = []
    const observer: Observer = {
      subscribeRefused: (clientId, filter, _reason, sentence) =>
        told.push(`${clientId} ${filter}: ${sentence}`),
    }
    const pond = new Pond({ observer, limits: { shareGroupsPerTopicMax: 33 } })
    const alice = pond.client('alice', { version })
    const bob = pond.client('bob', { version })
    const refused = version === 5 ? '0x97' : '0x80'

    for (const group of ['g1', 'g2', 'g3', 'g4']) alice.subscribes(`$share/${group}/t`)
    bob.subscribes('$share/g1/t')
    bob.subscribes('$share/g4/t')
    bob.subscribes('$share/g1/u')
    t.strictSame(alice.hears(), [
      'suback #1 0x0',
      'suback #2 0x0',
      'suback #3 0x0',
      `suback #4 ${refused}`,
    ])
    t.strictSame(bob.hears(), ['suback #1 0x0', 'suback #2 0x0', 'suback #3 0x0'])

    t.match(told, [/^alice \$share\/g4\/t: .*\(limits\.shareGroupsPerTopicMax\)$/])
    t.equal(pond.broker.statistics.subscribesRefused, 1)
  })
}

test('one PUBLISH is handed to no more share groups than the limit and one a filter, whoever subscribes', async t => {
  const pond = new Pond({ limits: { subscriptionsPerClientMax: 2_000 } })
  for (let number = 0; number < 20; number++) {
    const enemy = pond.client(`enemy ${number}`)
    for (let group = 0; group < 1_000; group++) {
      enemy.subscribes(`$share/g${number}-${group}/${['t', '+', '#', '+/#', 't/#'][group % 5]}`)
    }
  }
  let receivers = 0
  const alice = pond.client('alice')
  pond.broker.observer.published = (_message, count) => {
    receivers = count
  }
  alice.publishes('t', 'x')

  t.ok(receivers > 500 && receivers <= 1_000 + 5, `${receivers} groups`)
})

test('stored filters, and those of the embedding program, are counted and never refused', async t => {
  const store = new MemoryStore()
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
  const bob = new Pond({ store }).client('bob', durable)
  bob.subscribes('a/+/b')
  bob.subscribes('$share/g/+/b')
  await store.close()

  const limits = { filterShapesMax: 1 }
  const pond = new Pond({ store, snapshot: await store.open(), limits })

  t.equal(pond.broker.subscriptions.count, 2)
  t.equal(pond.broker.subscriptions.filterShapes, 4)
})

test('the same subscription once more changes no route', async t => {
  const pond = new Pond()
  const bob = pond.client('bob')
  const alice = pond.client('alice')
  bob.subscribes('#')
  alice.publishes('a', 'x')
  const { searches } = pond.broker.subscriptions

  bob.subscribes('#')
  alice.publishes('a', 'x')

  t.equal(pond.broker.subscriptions.searches, searches)
  t.equal(bob.receivesMessages().length, 2)
})

test('bytes that a client sent before its socket closed are divided among turns as well', async t => {
  const pond = pondOfEnemies(66)
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  const { messagesReceived } = pond.broker.statistics

  const turns = turnsOf(pond, bob, () => {
    alice.inOneChunk(() => {
      for (let count = 0; count < 3_000; count++) alice.publishes(`${'a/'.repeat(16)}${count}`, 'x')
      alice.disconnects()
    })
    alice.wire.breaks()
  })

  t.ok(turns.pingresp <= 2, `${turns.pingresp} turns to PINGRESP`)
  t.ok(turns.all > 50, `${turns.all} turns in all`)
  t.equal(pond.broker.statistics.messagesReceived - messagesReceived, 3_000)
  t.equal(pond.broker.statistics.connectionsLost, 0, 'DISCONNECT behind them is heard')
})

for (const delaySeconds of [0, 5]) {
  test(`wills that are dear to publish are divided among turns, after ${delaySeconds} s`, async t => {
    const limits = { turnWorkTotalMax: 12_288, shareGroupsPerTopicMax: 100_000 }
    const pond = new Pond({ limits })
    const member = pond.client('member')
    for (let group = 0; group < 1_000; group++) member.subscribes(`$share/g${group}/w`)
    const properties = { sessionExpiryInterval: 60 }
    const will = { topic: 'w', properties: { willDelayInterval: delaySeconds } }
    const mourned = Array.from({ length: 30 }, (_, index) =>
      pond.client(`mourned ${index}`, { properties, will }),
    )

    const turns = pond.turn.turns
    pond.inOneTurn(() => {
      for (const { wire } of mourned) wire.breaks()
    })
    pond.now += delaySeconds * 1_000
    for (let turn = 0; turn < 40; turn++) pond.passes({ seconds: 0 })

    t.ok(pond.turn.turns - turns >= 30, `${pond.turn.turns - turns} turns`)
    t.equal(pond.broker.statistics.willsPublished, 30)
    t.equal(member.receivesMessages().length, 30_000)
  })
}

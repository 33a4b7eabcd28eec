// A share group's work grows with its queue and its members: no client's word makes the event loop do all of it at once.
// Counted in steps and turns, never in time.

import { test } from 'tap'
import { SHARE_STRATEGY_NAMES, type ShareStrategyName } from '../../src/routing/share-strategy.ts'
import { FifoQueue } from '../../src/session/waiting/fifo-queue.ts'
import { wholeOf } from '../../src/store-kit/changes.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const ONE_AT_A_TIME = { properties: { receiveMaximum: 1 } }

/** A group whose one member has one message and takes no more: the others wait. */
function backlog(
  messages: number,
  parts: { readonly strategy?: ShareStrategyName; readonly turnWorkTotalMax?: number } = {},
  store = new MemoryStore(),
): { readonly pond: Pond; readonly worker: PondClient } {
  const pond = new Pond({
    store,
    share: { defaultStrategy: parts.strategy ?? 'round-robin' },
    limits: { turnWorkTotalMax: parts.turnWorkTotalMax ?? 1_000 },
  })
  const worker = pond.client('worker', ONE_AT_A_TIME)
  worker.subscribes('$share/g/jobs/#', 1)
  const alice = pond.client('alice')
  for (let job = 0; job < messages; job++) {
    alice.publishes(`jobs/${job % 50}`, `${job}`, { qos: 1, packetId: 1 })
  }
  worker.hears()
  return { pond, worker }
}

/** How many deliveries of waiting lines are looked at meanwhile. */
function peeks(talk: () => void): number {
  const original = Object.getOwnPropertyDescriptor(FifoQueue.prototype, 'peek')
    ?.value as () => unknown
  let count = 0
  FifoQueue.prototype.peek = function counted(this: FifoQueue) {
    count += 1
    return original.call(this) as ReturnType<FifoQueue['peek']>
  }
  talk()
  FifoQueue.prototype.peek = original as FifoQueue['peek']
  return count
}

for (const strategy of SHARE_STRATEGY_NAMES) {
  test(`${strategy}: who joins and leaves again costs the same however many messages wait`, async t => {
    const costs = [200, 4_000].map(messages => {
      const { pond } = backlog(messages, { strategy })
      const guest = pond.client('guest', ONE_AT_A_TIME)
      return peeks(() => {
        for (let round = 0; round < 20; round++) {
          guest.subscribes('$share/g/jobs/#', 1)
          guest.unsubscribes('$share/g/jobs/#')
        }
      })
    })

    const [few = 0, many = 0] = costs
    t.ok(many <= few * 2 + 200, `${few} and ${many} looks`)
  })

  test(`${strategy}: what thousands of members are ready for is handed out over many turns, to the last`, async t => {
    const { pond, worker } = backlog(3_000, { strategy, turnWorkTotalMax: 100 })
    const before = pond.turn.turns
    const guest = pond.client('guest', { acknowledges: true })
    const heard = new Set<string>()

    guest.subscribes('$share/g/jobs/#', 1)
    worker.vanishes()
    for (let turn = 0; turn < 3_000 && heard.size < 3_000; turn++) {
      for (const { payload } of guest.receivesMessages()) heard.add(payload.toString())
    }

    t.equal(heard.size, 3_000)
    t.ok(pond.turn.turns - before > 50, `${pond.turn.turns - before} turns`)
  })

  test(`${strategy}: messages that have expired are passed over a part in each turn`, async t => {
    const pond = new Pond({
      share: { defaultStrategy: strategy },
      limits: { turnWorkTotalMax: 100 },
    })
    const worker = pond.client('worker', ONE_AT_A_TIME)
    worker.subscribes('$share/g/jobs/#', 1)
    const alice = pond.client('alice')
    for (let job = 0; job < 2_000; job++) {
      const properties = { messageExpiryInterval: 10 }
      alice.publishes(`jobs/${job % 50}`, 'old', { qos: 1, packetId: 1, properties })
    }
    alice.publishes('jobs/0', 'fresh', { qos: 1 })
    worker.hears()
    pond.passes({ seconds: 11 })
    const before = pond.turn.turns

    worker.acknowledges('puback', 1)

    t.match(worker.hears().at(-1), 'publish jobs/0 fresh q1')
    t.equal(pond.broker.statistics.dropped['message-expired'], 1_999)
    t.ok(pond.turn.turns - before > 10, `${pond.turn.turns - before} turns`)
  })
}

test('a queue of 100,000 is dropped over many turns when its group ends, and each is counted', async t => {
  const { pond, worker } = backlog(0, { turnWorkTotalMax: 16_384 })
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let job = 0; job < 100_001; job++) {
      alice.publishes('jobs/1', 'x', { qos: 1, packetId: 1 })
      if (job % 50 === 49) pond.turn.end()
    }
  })
  worker.hears()
  const before = pond.turn.turns

  worker.unsubscribes('$share/g/jobs/#')

  t.equal(pond.broker.statistics.dropped['group-ended'], 100_000)
  t.ok(pond.turn.turns - before > 5, `${pond.turn.turns - before} turns`)
})

test('members that all go at once bring back 130,000 messages, and the one that stays takes them', async t => {
  const pond = new Pond({ limits: { inFlightMax: 65_535, turnWorkTotalMax: 16_384 } })
  const leavers = ['one', 'two'].map(name => {
    const leaver = pond.client(name)
    leaver.subscribes('$share/g/jobs', 1)
    return leaver
  })
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let job = 0; job < 130_000; job++) {
      alice.publishes('jobs', 'x', { qos: 1, packetId: 1 })
      if (job % 50 === 49) pond.turn.end()
    }
  })
  const heir = pond.client('heir', { acknowledges: true })
  heir.subscribes('$share/g/jobs', 1)

  for (const leaver of leavers) leaver.vanishes()
  let heard = 0
  for (let round = 0; round < 200 && heard < 130_000; round++) {
    heard += heir.receivesMessages().length
  }

  t.equal(heard, 130_000)
})

test('queued messages are stored a part in each turn when a durable member joins', async t => {
  const store = new MemoryStore()
  const { pond } = backlog(2_001, { turnWorkTotalMax: 200 }, store)
  const before = pond.turn.turns
  const bob = pond.client('bob', {
    cleanStart: false,
    properties: { sessionExpiryInterval: 3_600, receiveMaximum: 1 },
  })

  bob.subscribes('$share/g/jobs/#', 1)

  const { groups } = await wholeOf(store)
  const kept = (groups[0]?.deliveries.length ?? 0) + (groups[0]?.remainder.messages ?? 0)
  // One is with the worker, one with bob.
  t.equal(kept, 1_999)
  t.equal(groups[0]?.deliveries[0]?.message?.payload.toString(), '2')
  t.ok(pond.turn.turns - before > 100, `${pond.turn.turns - before} turns`)
})

test('a message that was dropped before it was to be stored is not stored', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store, limits: { turnWorkTotalMax: 30 } })
  const worker = pond.client('worker', ONE_AT_A_TIME)
  worker.subscribes('$share/g/a', 1)
  const alice = pond.client('alice')
  for (let job = 0; job < 100; job++) {
    alice.publishes('a', 'x', { qos: 1, packetId: 1, properties: { messageExpiryInterval: 10 } })
  }
  worker.hears()

  pond.inOneTurn(() => {
    pond.client('bob', DURABLE).subscribes('$share/g/a', 1)
    worker.acknowledges('puback', 1)
    pond.now += 11_000
  })

  t.equal([...pond.broker.subscriptions.groups.all][0]?.queue.messages, 0)
  const { groups, sessions } = await store.open()
  t.equal(groups.length, 0)
  t.ok((sessions[0]?.deliveries.length ?? 0) <= 2)
})

test('when the heavy members of a group have gone, a light one has the whole of its window again', async t => {
  const pond = new Pond({ share: { defaultStrategy: 'weighted' } })
  const [group] = (() => {
    const anchor = pond.client('anchor')
    anchor.subscribes('$share/g/a', 1)
    return [...pond.broker.subscriptions.groups.all]
  })()
  const guests = Array.from({ length: 2_000 }, (_, index) => pond.client(`guest-${index}`))
  for (const [index, guest] of guests.entries()) {
    const userProperties = [['weight', `${1 + (index % 1_000)}`]] as const
    guest.subscribes('$share/g/a', 1, { properties: { userProperties } })
  }
  t.equal(group?.memberCount, 2_001)

  for (const guest of guests) guest.vanishes()

  t.equal(group?.memberCount, 1)
  const alice = pond.client('alice')
  for (let job = 0; job < 64; job++) alice.publishes('a', 'x', { qos: 1, packetId: 1 })
  // The heavy ones are gone: the whole window is the anchor's again.
  t.equal(pond.broker.sessions.get('anchor')?.exchanges.count, 64)
})

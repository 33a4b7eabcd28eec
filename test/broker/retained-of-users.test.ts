// What one user may retain.

import { test } from 'tap'
import type { Limits } from '../../src/limits.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { trustingAccess } from '../trusting-access.ts'

const QUOTA_EXCEEDED = 'puback #1 0x97'

function pondWith(limits: Partial<Limits>, options: PondOptions = {}): Pond {
  return new Pond({ access: trustingAccess, limits, ...options })
}

/** Retains a message, and returns what the client is told. */
function retains(client: PondClient, topic: string, payload: string | Buffer = 'x'): string {
  client.publishes(topic, payload, { qos: 1, retain: true, packetId: 1 })
  return client.hears().join()
}

test('a user has so many retained messages with all its clients, and other users have their own', async t => {
  const pond = pondWith({ retainedMessagesPerUserMax: 2 })
  const [one, two] = ['one', 'two'].map(id => pond.client(id, { username: 'ann' }))
  const ben = pond.client('three', { username: 'ben' })
  const nobody = pond.client('four')
  if (one === undefined || two === undefined) throw new Error('there are two')

  t.not(retains(one, 'a'), QUOTA_EXCEEDED)
  t.not(retains(two, 'b'), QUOTA_EXCEEDED)
  t.equal(retains(two, 'c'), QUOTA_EXCEEDED)
  t.not(retains(one, 'b', 'new'), QUOTA_EXCEEDED, 'one in place of its own is no more')
  t.not(retains(ben, 'c'), QUOTA_EXCEEDED)
  t.not(retains(nobody, 'd'), QUOTA_EXCEEDED)

  t.equal(pond.broker.statistics.limited.retainedMessagesPerUserMax, 1)
  t.not(retains(two, 'a', ''), QUOTA_EXCEEDED)
  t.not(retains(two, 'e'), QUOTA_EXCEEDED, 'what was cleared makes room')
})

test('a message in place of that of another user counts for its own', async t => {
  const pond = pondWith({ retainedMessagesPerUserMax: 1 })
  const ann = pond.client('one', { username: 'ann' })
  const ben = pond.client('two', { username: 'ben' })

  retains(ann, 'a')
  t.not(retains(ben, 'a'), QUOTA_EXCEEDED)
  t.equal(retains(ben, 'b'), QUOTA_EXCEEDED)
  t.not(retains(ann, 'b'), QUOTA_EXCEEDED)
})

test('its bytes are bounded too, and a smaller message in place of its own is never refused', async t => {
  const pond = pondWith({ retainedBytesPerUserMax: 5_000 })
  const ann = pond.client('one', { username: 'ann' })

  t.not(retains(ann, 'a', Buffer.alloc(3_000, 'x')), QUOTA_EXCEEDED)
  t.equal(retains(ann, 'b', Buffer.alloc(3_000, 'x')), QUOTA_EXCEEDED)
  t.equal(retains(ann, 'a', Buffer.alloc(6_000, 'x')), QUOTA_EXCEEDED)
  t.not(retains(ann, 'a', Buffer.alloc(2_000, 'x')), QUOTA_EXCEEDED)
  t.not(retains(ann, 'b', Buffer.alloc(1_000, 'x')), QUOTA_EXCEEDED)
  t.equal(pond.broker.statistics.limited.retainedBytesPerUserMax, 2)
})

test('a will over the bound is published without being retained', async t => {
  const pond = pondWith({ retainedMessagesPerUserMax: 1 })
  const ann = pond.client('one', { username: 'ann', will: { topic: 'gone', retain: true } })
  const watcher = pond.client('watcher')
  watcher.subscribes('gone')
  watcher.hears()
  retains(ann, 'a')

  ann.vanishes()

  t.strictSame(watcher.hears(), ['publish gone  q0'])
  t.equal(pond.broker.retained.get('gone'), undefined)
})

test('what expires makes room, and nothing is left of users who retain nothing', async t => {
  const pond = pondWith({ retainedMessagesPerUserMax: 1 })
  const ann = pond.client('one', { username: 'ann' })
  ann.publishes('a', 'x', { retain: true, properties: { messageExpiryInterval: 5 } })
  t.equal(retains(ann, 'b'), QUOTA_EXCEEDED)

  pond.passes({ seconds: 6 })

  t.not(retains(ann, 'b'), QUOTA_EXCEEDED)
  retains(ann, 'b', '')
  ann.disconnects()
  t.equal(pond.broker.holdings.count, 0)
})

test('after a restart it counts what the store has', async t => {
  const store = new MemoryStore()
  const before = pondWith({}, { store })
  const first = before.client('one', { username: 'ann' })
  for (const topic of ['a', 'b', 'c']) retains(first, topic)
  before.stops()

  const snapshot = await store.open()
  const after = pondWith({ retainedMessagesPerUserMax: 3 }, { store, snapshot })
  const again = after.client('one', { username: 'ann' })

  t.equal(retains(again, 'd'), QUOTA_EXCEEDED)
  t.not(retains(after.client('two', { username: 'ben' }), 'd'), QUOTA_EXCEEDED)
})

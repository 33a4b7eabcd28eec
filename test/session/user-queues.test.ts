// The queues of all clients of one user have a bound together.

import { test } from 'tap'
import type { Limits } from '../../src/limits.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClientOptions } from '../pond-client.ts'
import { trustingAccess } from '../trusting-access.ts'

const DURABLE: PondClientOptions = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 600 },
}
/** Room for about ten messages of a kilobyte. */
const LIMITS = { queuedBytesPerUserMax: 15_000 }

function pondWith(limits: Partial<Limits> = {}, options: PondOptions = {}): Pond {
  return new Pond({ access: trustingAccess, limits: { ...LIMITS, ...limits }, ...options })
}

/** A subscriber that is away. */
function away(pond: Pond, clientId: string, username?: string): void {
  const client = pond.client(clientId, { ...DURABLE, ...(username !== undefined && { username }) })
  client.subscribes(`to/${clientId}`, 1)
  client.vanishes()
}

/** Returns how many of the messages wait for the client. */
function queued(pond: Pond, clientId: string): number {
  return pond.broker.sessions.get(clientId)?.queue.messages ?? 0
}

function publishes(pond: Pond, clientId: string, count: number, first = 0): readonly string[] {
  const publisher = pond.client('publisher')
  for (let each = first; each < first + count; each++) {
    publisher.publishes(`to/${clientId}`, String(each).padEnd(1_000, '.'), { qos: 1 })
  }
  return publisher.hears()
}

function numbers(pond: Pond, clientId: string, username: string): readonly number[] {
  const client = pond.stranger(clientId, { ...DURABLE, username, acknowledges: true })
  client.connects()
  return client.receivesMessages().map(({ payload }) => Number.parseInt(payload.toString(), 10))
}

test('the clients of a user share the bytes of their queues, and others have their own', async t => {
  const pond = pondWith()
  away(pond, 'one', 'ann')
  away(pond, 'two', 'ann')
  away(pond, 'three', 'ben')

  publishes(pond, 'one', 7)
  publishes(pond, 'two', 7)
  publishes(pond, 'three', 7)

  t.equal(queued(pond, 'one'), 7)
  t.ok(queued(pond, 'two') < 7, `${queued(pond, 'two')}`)
  t.equal(queued(pond, 'three'), 7)
  t.equal(pond.broker.statistics.dropped['user-queues-full'], 7 - queued(pond, 'two'))
})

test('what is sent, what is dropped and what ends makes room', async t => {
  const pond = pondWith()
  away(pond, 'one', 'ann')
  away(pond, 'two', 'ann')
  publishes(pond, 'one', 100)
  t.equal(queued(pond, 'two'), 0)
  const full = queued(pond, 'one')

  t.equal(numbers(pond, 'one', 'ann').length, full)
  publishes(pond, 'two', 100)
  t.equal(queued(pond, 'two'), full)

  pond.client('two', { username: 'ann', cleanStart: true }).disconnects()
  pond.client('one', { username: 'ann', ...DURABLE }).vanishes()
  publishes(pond, 'one', 100)
  t.equal(queued(pond, 'one'), full)
})

test('with drop-oldest a message replaces an older one of the same queue', async t => {
  const pond = pondWith({ queueOverflow: 'drop-oldest' })
  away(pond, 'one', 'ann')
  publishes(pond, 'one', 30)

  const received = numbers(pond, 'one', 'ann')

  t.ok(received.length < 15, `${received.length}`)
  t.equal(received.at(-1), 29)
  t.equal(received[0], 30 - received.length)
})

test('with refuse the publisher is told', async t => {
  const pond = pondWith({ queueOverflow: 'refuse' })
  away(pond, 'one', 'ann')

  const told = publishes(pond, 'one', 30)

  const refused = told.filter(each => each.endsWith('0x97')).length
  t.equal(queued(pond, 'one'), 30 - refused)
  t.ok(refused > 10, `${refused}`)
  t.equal(pond.broker.statistics.dropped['user-queues-full'], 0)
})

test('a large message that a small one replaces does not count any more', async t => {
  const pond = pondWith({ queueOverflow: 'drop-oldest', queuedMessagesMax: 3 })
  away(pond, 'one', 'ann')
  away(pond, 'two', 'ann')
  const publisher = pond.client('publisher')
  publisher.publishes('to/one', Buffer.alloc(10_000), { qos: 1 })
  for (let each = 0; each < 3; each++) publisher.publishes('to/one', 'x', { qos: 1 })

  publisher.publishes('to/two', Buffer.alloc(10_000), { qos: 1 })

  t.equal(queued(pond, 'two'), 1)
  t.equal(pond.broker.statistics.dropped['user-queues-full'], 0)
})

test('what is dropped when a page of the store comes does not count any more', async t => {
  const bounds = {
    queueOverflow: 'drop-oldest',
    queuedMessagesMax: 3,
    queuedInMemoryMax: 1,
  } as const
  const pond = pondWith({ ...bounds, queuedBytesPerUserMax: 35_000 })
  away(pond, 'one', 'ann')
  away(pond, 'two', 'ann')
  const publisher = pond.client('publisher')
  const publishes = (payload: string | Buffer): void =>
    void publisher.publishes('to/one', payload, { qos: 1 })
  publishes('x')
  publishes(Buffer.alloc(10_000))
  publishes(Buffer.alloc(10_000))
  pond.inOneTurn(() => {
    publishes('x')
    publishes('x')
  })

  publisher.publishes('to/two', Buffer.alloc(20_000), { qos: 1 })

  t.equal(queued(pond, 'one'), 3)
  t.equal(queued(pond, 'two'), 1)
})

test('messages that have expired do not count any more, also where a new one is dropped', async t => {
  const pond = pondWith({ queuedMessagesMax: 3, queuedBytesMax: 12_000 })
  away(pond, 'one', 'ann')
  away(pond, 'two', 'ann')
  const publisher = pond.client('publisher')
  const properties = { messageExpiryInterval: 1 }
  publisher.publishes('to/one', Buffer.alloc(10_000), { qos: 1, properties })
  pond.passes({ seconds: 2 })
  publisher.publishes('to/one', Buffer.alloc(13_000), { qos: 1 })

  publisher.publishes('to/two', Buffer.alloc(10_000), { qos: 1 })

  t.equal(queued(pond, 'one'), 0)
  t.equal(queued(pond, 'two'), 1)
})

test('messages that stay in the store count as well, also after a restart', async t => {
  const store = new MemoryStore()
  const before = pondWith({ queuedInMemoryMax: 2 }, { store })
  away(before, 'one', 'ann')
  away(before, 'two', 'ann')
  publishes(before, 'one', 8)
  before.stops()

  const snapshot = await store.open()
  const after = pondWith({ queuedInMemoryMax: 2 }, { store, snapshot })
  publishes(after, 'two', 20)

  t.ok(queued(after, 'two') < 8, `${queued(after, 'two')}`)
  t.equal(queued(after, 'one'), 8)
})

test('a client without a user counts for its address, and a client that gets a user counts for it', async t => {
  const pond = pondWith()
  away(pond, 'one')
  away(pond, 'two')
  publishes(pond, 'one', 8)
  publishes(pond, 'two', 8)
  t.ok(queued(pond, 'two') < 8, `${queued(pond, 'two')}`)

  // It adopts the session, with what waits in it.
  const one = pond.client('one', { ...DURABLE, username: 'ann' })
  one.vanishes()
  t.equal(queued(pond, 'two') + queued(pond, 'one') > 0, true)
  publishes(pond, 'two', 20)
  t.ok(queued(pond, 'two') > 8, `${queued(pond, 'two')}`)
})

test('without a bound nothing is counted', async t => {
  const pond = pondWith({ queuedBytesPerUserMax: 0 })
  away(pond, 'one', 'ann')
  publishes(pond, 'one', 50)

  t.equal(queued(pond, 'one'), 50)
  t.equal(pond.broker.sessions.get('one')?.rights.queueShare, null)
})

test('bytes of a queue that has ended are not counted any more', async t => {
  const pond = pondWith()
  away(pond, 'one', 'ann')
  publishes(pond, 'one', 8)
  pond.passes({ seconds: 601 })
  t.equal(pond.broker.sessions.get('one'), undefined)
  away(pond, 'two', 'ann')
  publishes(pond, 'two', 8)
  t.equal(queued(pond, 'two'), 8)
})

import { test } from 'tap'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import type { PondClient, PublishOptions } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'
import { trustingAccess } from '../trusting-access.ts'

const STORED = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

function identified(id: string, options: PublishOptions = {}): PublishOptions {
  return { qos: 1, ...options, properties: { userProperties: [['$message-id', id]] } }
}

/** A durable subscriber that is away, so that what is published is stored. */
function pondWith(options: PondOptions = {}): Pond {
  const pond = new Pond(options)
  const bob = pond.client('bob', STORED)
  bob.subscribes('#', 1)
  bob.disconnects()
  return pond
}

function queued(pond: Pond): number {
  return pond.broker.sessions.get('bob')?.queuedMessages ?? 0
}

function forgotten(pond: Pond): readonly [perClient: number, inAll: number] {
  const { dedupePerClientMax, dedupeMax } = pond.broker.statistics.limited
  return [dedupePerClientMax, dedupeMax]
}

function reason(client: PondClient): unknown {
  const [packet] = client.receives()
  return packet?.type === 'puback' && [packet.reason, packet.properties.reasonString]
}

test('a repetition of a $message-id is dropped, counted, and answered with success at each QoS; other clients have their own', async t => {
  const pond = pondWith()
  const alice = pond.client('alice')

  alice.publishes('a', '1', identified('m'))
  alice.publishes('a', '1', identified('m'))
  alice.publishes('b', '1', identified('m', { qos: 2 }))
  alice.publishes('a', '1', identified('m', { qos: 0 }))
  pond.client('carol').publishes('a', '1', identified('m'))
  alice.publishes('a', '1', identified('n'))

  t.strictSame(alice.hears(), ['puback #1 0x0', 'puback #2 0x0', 'pubrec #3 0x0', 'puback #4 0x0'])
  t.equal(queued(pond), 3)
  t.equal(pond.broker.statistics.dropped.duplicate, 3)
})

test('only the last $message-id of a PUBLISH counts, and message-id without a dollar is the application’s own', async t => {
  const pond = pondWith()
  const alice = pond.client('alice')
  const publishes = (...userProperties: (readonly [string, string])[]): void => {
    alice.publishes('a', '1', { qos: 1, properties: { userProperties } })
  }

  publishes(['$message-id', 'x'], ['$message-id', 'm'])
  publishes(['$message-id', 'x'])
  for (const _again of [1, 2]) publishes(['message-id', 'x'])

  t.equal(queued(pond), 4)
})

test('a PUBLISH that is refused is not remembered', async t => {
  const pond = new Pond({ limits: { retainedMessagesMax: 1 } })
  const alice = pond.client('alice')
  alice.publishes('first', '1', { qos: 1, retain: true })

  alice.publishes('a', '1', identified('m', { retain: true }))
  alice.publishes('a', '1', identified('m'))

  t.strictSame(alice.hears(), ['puback #1 0x10', 'puback #2 0x97', 'puback #3 0x10'])
})

test('an id of no bytes, or of more than dedupeIdBytesMax, is refused with a sentence', async t => {
  const pond = pondWith({ limits: { dedupeIdBytesMax: 4 } })
  const alice = pond.client('alice')
  const sentence = '$message-id has 1 to 4 bytes (limits.dedupeIdBytesMax)'

  for (const id of ['', 'ééé']) {
    alice.publishes('a', '1', identified(id))
    t.strictSame(reason(alice), [0x83, sentence])
  }
  alice.publishes('a', '1', identified('éé'))
  t.strictSame(reason(alice), [0, undefined])
})

test('an id is forgotten after dedupeSeconds, and the store forgets it too', async t => {
  const store = new MemoryStore()
  const pond = pondWith({ store })
  const alice = pond.client('alice')
  for (let each = 0; each < 100; each++) alice.publishes('a', '1', identified(`m${each}`))
  pond.passes({ seconds: 599 })
  pond.client('alice').publishes('a', '1', identified('m0'))
  t.equal(queued(pond), 100)

  pond.passes({ seconds: 2 })

  t.strictSame((await store.open()).messageIds, [])
  t.equal(pond.broker.memory.kinds.messageIds, 0)
  pond.client('alice').publishes('a', '1', identified('m0'))
  t.equal(queued(pond), 101)
})

test('the oldest ids of a client, and of all, are forgotten early where there are too many, counted', async t => {
  const pond = pondWith({ limits: { dedupePerClientMax: 2, dedupeMax: 3 } })
  const [alice, carol] = [pond.client('alice'), pond.client('carol')]

  for (const id of ['1', '2', '3']) alice.publishes('a', '1', identified(id))
  t.strictSame(forgotten(pond), [1, 0])
  for (const id of ['1', '2']) carol.publishes('a', '1', identified(id))
  t.strictSame(forgotten(pond), [1, 1])

  // Of alice only 3 is left.
  for (const id of ['3', '2']) alice.publishes('a', '1', identified(id))
  t.equal(queued(pond), 6)
})

test('ids are in the commit of their messages, survive a restart, and the repetition waits for the commit of the first', async t => {
  const store = new DelayingStore()
  const pond = pondWith({ store })
  store.commitsAll()
  const alice = pond.client('alice')
  const before = store.groups.length
  alice.publishes('a', '1', identified('m'))
  alice.publishes('a', '1', identified('m'))

  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['puback #1 0x0', 'puback #2 0x0'])
  t.strictSame(
    store.groups.slice(before).map(group => group.map(({ kind }) => kind)),
    [['message-stored', 'queued', 'message-identified']],
  )

  const snapshot = await store.open()
  const then = new Pond({ snapshot })
  const again = then.client('alice')
  again.publishes('a', '1', identified('m'))
  t.strictSame(again.hears(), ['puback #1 0x0'])
  t.equal(queued(then), 1)
})

test('what was published while the clock was ahead is remembered from the start of the broker', async t => {
  const store = new MemoryStore()
  const pond = pondWith({ store })
  pond.client('alice').publishes('a', '1', identified('m'))

  const now = pond.now - 86_400_000
  const then = new Pond({ snapshot: await store.open(), now })
  const alice = then.client('alice')
  alice.publishes('a', '1', identified('m'))
  t.equal(queued(then), 1)
  then.passes({ seconds: 601 })
  then.client('alice').publishes('a', '1', identified('m'))
  t.equal(queued(then), 2)
})

test('of a message that is stored for nobody the id is not stored', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const alice = pond.client('alice')
  for (const _again of [1, 2]) alice.publishes('a', '1', identified('m'))

  t.strictSame(alice.hears(), ['puback #1 0x10', 'puback #2 0x0'])
  t.strictSame((await store.open()).messageIds, [])
})

test('a delayed message and its repetition are held once, and it is published when it is due', async t => {
  const pond = pondWith()
  const alice = pond.client('alice')
  for (const _again of [1, 2]) alice.publishes('$delayed/10/a', '1', identified('m'))
  t.equal(pond.broker.delayed.count, 1)

  pond.passes({ seconds: 10 })

  t.equal(queued(pond), 1)
  alice.publishes('a', '1', identified('m'))
  t.equal(queued(pond), 1)
})

test('in a transaction a repetition counts as staged, and is dropped when it is committed', async t => {
  const pond = pondWith()
  const alice = pond.client('alice')
  alice.publishes('a', '1', identified('m'))
  const stages = (id: string, ...messageIds: string[]): void => {
    for (const each of messageIds) alice.publishes(`$tx/${id}/publish/a`, '1', identified(each))
    alice.publishes(`$tx/${id}/commit`, `${messageIds.length}`, { qos: 1 })
  }

  stages('t.1', 'm', 'n')
  t.equal(queued(pond), 2)
  stages('t.2', 'n', 'o', 'o')
  t.equal(queued(pond), 3)

  alice.publishes('$tx/t.3/publish/a', '1', identified(''))
  t.equal(alice.hears().at(-1), 'puback #9 0x83')
})

test('the clients of one user have so many ids together; the oldest of the one that publishes is forgotten', async t => {
  const pond = pondWith({ access: trustingAccess, limits: { dedupePerUserMax: 2 } })
  const ann = { username: 'ann' }
  const [one, two] = [pond.client('one', ann), pond.client('two', ann)]
  const ben = pond.client('three', { username: 'ben' })

  for (const id of ['m', 'n', 'o']) one.publishes('a', '1', identified(id))
  for (const id of ['m', 'm']) two.publishes('a', '1', identified(id))
  ben.publishes('a', '1', identified('m'))
  t.equal(queued(pond), 6, 'the second client has no room, so its repetition is published')
  for (const id of ['n', 'o']) one.publishes('a', '1', identified(id))
  ben.publishes('a', '1', identified('m'))

  t.equal(queued(pond), 6, 'what others remember is not forgotten for it')
  t.equal(pond.broker.statistics.limited.dedupePerUserMax, 3)
  pond.passes({ seconds: 601 })
  t.equal(pond.broker.memory.kinds.messageIds, 0)
  const user = { ...ann, address: '', authentication: 'password' }
  t.equal(pond.broker.holdings.of(user).messageIds, 0)
})

import { test } from 'tap'
import type { Properties } from '../../src/packet/packet.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { DelayedHeap, type DelayedMessage } from '../../src/broker/delayed-heap.ts'
import { messageOf } from '../../src/store-kit/changes.ts'
import { Random } from '../../fuzz/random.ts'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } } as const

function key(text: string): { readonly properties: Properties } {
  return { properties: { userProperties: [['$delay-key', text]] } }
}

function subscriberOf(pond: Pond): PondClient {
  const bob = pond.client('bob', { acknowledges: true })
  bob.subscribes('#', 2)
  bob.receives()
  return bob
}

function payloadsOf(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

/** The reason code of the answer to a PUBLISH of QoS 1, and what it says. */
function answerTo(client: PondClient): string {
  const [answer] = client.receives()
  if (answer?.type !== 'puback') return answer?.type ?? 'no answer'
  return `0x${answer.reason.toString(16)} ${answer.properties.reasonString ?? ''}`.trim()
}

test('a delayed message is acknowledged at once, and published when it is due', async t => {
  const pond = new Pond()
  const [bob, alice, old] = [
    subscriberOf(pond),
    pond.client('alice'),
    pond.client('o', { version: 4 }),
  ]

  alice.publishes('$delayed/60/a/b', 'later', { qos: 1 })
  t.equal(answerTo(alice), '0x0')
  old.publishes('$delayed/30/a/c', 'sooner', { qos: 2 })
  t.strictSame(old.hears(), ['pubrec #1 0x0'])
  alice.publishes('$delayed/0/a/d', 'now', { qos: 0 })
  pond.passes({ seconds: 0 })
  t.strictSame(bob.hears(), ['publish a/d now q0'])

  pond.passes({ seconds: 29 })
  t.strictSame(bob.hears(), [])
  pond.passes({ seconds: 1 })
  t.match(bob.hears(), ['publish a/c sooner q2 #1'])
  pond.passes({ seconds: 30 })
  t.match(bob.hears(), ['publish a/b later q1 #2'])
  t.equal(pond.broker.delayed.count, 0)
  t.equal(pond.broker.statistics.delayedPublished, 3)
})

test('messages that are due at once are published in the order in which they came', async t => {
  const pond = new Pond()
  const [bob, alice] = [subscriberOf(pond), pond.client('alice')]

  for (let count = 0; count < 20; count++) {
    alice.publishes(`$delayed/${count % 2 === 0 ? 10 : 9}/a`, String(count))
  }
  pond.passes({ seconds: 60 })

  const odd = Array.from({ length: 10 }, (_, index) => String(2 * index + 1))
  const even = Array.from({ length: 10 }, (_, index) => String(2 * index))
  t.strictSame(payloadsOf(bob), [...odd, ...even])
})

test('many that are due are published as fast as the work of the turns allows', async t => {
  const pond = new Pond({ limits: { turnWorkTotalMax: 1_000 } })
  const [bob, alice] = [subscriberOf(pond), pond.client('alice')]
  for (let count = 0; count < 100; count++) alice.publishes('$delayed/10/a', String(count))

  pond.now += 10_000
  pond.turn.begin()
  const first = payloadsOf(bob).length
  pond.passes({ seconds: 1 })

  t.ok(first < 60, `${first} in the first turns`)
  for (let turn = 0; turn < 20; turn++) pond.passes({ seconds: 1 })
  t.equal(first + payloadsOf(bob).length, 100)
})

test('a later message with the same key replaces the first, and one without a payload cancels it', async t => {
  const pond = new Pond()
  const [bob, alice, carol] = [subscriberOf(pond), pond.client('alice'), pond.client('carol')]
  alice.publishes('$delayed/10/a', 'first', key('k'))
  carol.publishes('$delayed/10/a', "carol's", key('k'))
  alice.publishes('$delayed/20/a', 'second', key('k'))
  alice.publishes('$delayed/10/a', 'other', key('l'))
  t.equal(pond.broker.delayed.count, 3)
  alice.publishes('$delayed/99/a', '', { qos: 1, ...key('l') })
  t.equal(answerTo(alice), '0x0')
  alice.publishes('$delayed/99/a', '', { qos: 1, ...key('unknown') })
  t.equal(answerTo(alice), '0x0', 'there was nothing to cancel')

  pond.passes({ seconds: 100 })

  t.strictSame(payloadsOf(bob), ["carol's", 'second'])
})

test('delayed messages are kept over a restart, with their time by the wall clock', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  const alice = before.client('alice', DURABLE)
  alice.publishes('$delayed/60/a', '60', { qos: 1, ...key('k') })
  alice.publishes('$delayed/5/a', '5', { qos: 1 })
  alice.publishes('$delayed/6/a', '6', { qos: 1 })
  alice.publishes('$delayed/100/a', 'replaced', { qos: 1, ...key('l') })
  alice.publishes('$delayed/100/a', '', { qos: 1, ...key('l') })
  await store.close()

  const pond = new Pond({ store, snapshot: await store.open(), now: before.now + 20_000 })
  const bob = subscriberOf(pond)
  t.equal(pond.broker.delayed.count, 1, 'two were due while nobody ran')
  pond.client('alice', DURABLE).publishes('$delayed/60/a', 'instead', { qos: 1, ...key('k') })
  pond.passes({ seconds: 60 })

  t.strictSame(payloadsOf(bob), ['instead'])
  await store.close()
  t.strictSame((await store.open()).held, [])
})

test('what a durable subscriber is owed of a delayed message survives as any other', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('bob', DURABLE).subscribes('a', 1)
  before.client('alice').publishes('$delayed/5/a', 'owed', { qos: 1 })
  before.passes({ seconds: 5 })
  await store.close()

  const pond = new Pond({ store, snapshot: await store.open(), now: before.now })
  const bob = pond.stranger('bob', DURABLE)
  bob.connects()

  t.strictSame(bob.hears(), ['connack 0x0 present', 'publish a owed q1 #1 dup'])
})

test('message expiry counts from when it is due', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  pond.client('bob', DURABLE).subscribes('a', 1)
  alice.publishes('$delayed/60/a', 'x', { qos: 1, properties: { messageExpiryInterval: 10 } })

  pond.passes({ seconds: 64 })

  const bob = pond.stranger('bob', DURABLE)
  bob.connects()
  const [message] = bob.receivesMessages()
  t.equal(message?.properties.messageExpiryInterval, 6)
})

test('a topic that says no delay, or nests what may not be nested, is refused', async t => {
  const pond = new Pond({ limits: { delayedSecondsMax: 100 } })
  const alice = pond.client('alice')
  const form =
    '0x90 $delayed/ is followed by a number of seconds and a topic, as in $delayed/60/alarm'
  const nested = '0x90 a message to this topic cannot be delayed'
  const refusals: readonly (readonly [string, string])[] = [
    ['$delayed/', form],
    ['$delayed/60', form],
    ['$delayed/60/', form],
    ['$delayed//a', form],
    ['$delayed/-1/a', form],
    ['$delayed/1.5/a', form],
    ['$delayed/1e3/a', form],
    ['$delayed/99999999999/a', form],
    ['$delayed/60/$delayed/60/a', nested],
    ['$delayed/60/$tx/1/commit', nested],
    ['$delayed/60/$SYS/a', nested],
    ['$delayed/101/a', '0x97 the delay is over 100 seconds (limits.delayedSecondsMax)'],
  ]
  for (const [topic, refusal] of refusals) {
    alice.publishes(topic, 'x', { qos: 1 })
    t.equal(answerTo(alice), refusal, topic)
  }
  t.equal(pond.broker.delayed.count, 0)

  alice.subscribes('$delayed/60/a')
  t.strictSame(alice.hears(), ['suback #13 0x8f'])
  alice.subscribes('$share/g/$delayed/#')
  t.strictSame(alice.hears(), ['suback #14 0x8f'])
  const willing = pond.client('w', { will: { topic: '$delayed/60/a' } })
  t.match(willing.greeting, { reason: 0x90 })
})

test('delayed messages have bounds, each with its counter', async t => {
  const pond = new Pond({
    limits: { delayedMessagesMax: 3, delayedMessagesPerClientMax: 2, delayedBytesMax: 4_000 },
  })
  const [alice, carol] = [pond.client('alice'), pond.client('carol')]
  const answers = (client: PondClient, payload: string, more = {}): string => {
    client.publishes('$delayed/60/a', payload, { qos: 1, ...more })
    return answerTo(client)
  }

  t.equal(answers(alice, 'x', key('k')), '0x0')
  t.equal(answers(alice, 'x'), '0x0')
  t.match(answers(alice, 'x'), 'delayedMessagesPerClientMax')
  t.equal(answers(alice, 'y', key('k')), '0x0', 'one that replaces another needs no place')
  t.match(answers(carol, 'x'.repeat(4_000)), 'delayedBytesMax')
  const long = answers(carol, 'x', key('k'.repeat(1_900)))
  t.match(long, 'delayedBytesMax', 'a key is kept twice')
  t.equal(answers(carol, 'x'), '0x0')
  t.match(answers(carol, 'x'), 'delayedMessagesMax')
  t.match(pond.broker.statistics.limited, {
    delayedMessagesMax: 1,
    delayedMessagesPerClientMax: 1,
    delayedBytesMax: 2,
  })
  pond.passes({ seconds: 60 })
  t.equal(pond.broker.delayed.bytes, 0)
  t.equal(pond.broker.memory.kinds.delayed, 0)
  t.equal(answers(alice, 'x'), '0x0', 'there is room again')
})

test('the right is that of the topic inside, when it is published and when it is due', async t => {
  let may = false
  const permissions = { mayPublish: () => may, maySubscribe: () => true }
  const access: Access = {
    ...openAccess,
    authenticate: ({ username }) => ({
      kind: 'allowed',
      permissions,
      username,
      authentication: 'none',
    }),
    permissionsOf: () => permissions,
    authorRights: () => permissions,
  }
  const pond = new Pond({ access })
  const [bob, alice] = [subscriberOf(pond), pond.client('alice')]

  alice.publishes('$delayed/10/a', 'x', { qos: 1 })
  t.match(answerTo(alice), '0x87')
  may = true
  alice.publishes('$delayed/10/a', 'x', { qos: 1 })
  t.equal(answerTo(alice), '0x0')
  may = false
  pond.passes({ seconds: 10 })

  t.strictSame(payloadsOf(bob), [])
  t.equal(pond.broker.statistics.dropped['not-authorized'], 1)
})

test('a delayed message with RETAIN is retained when it is due', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  alice.publishes('$delayed/10/a', 'x', { qos: 1, retain: true })
  t.equal(pond.broker.retainedCount, 0)

  pond.passes({ seconds: 10 })

  const bob = pond.client('bob')
  bob.subscribes('a')
  t.strictSame(payloadsOf(bob), ['x'])
})

test('the heap has the order of time and publication whatever is removed', async t => {
  const random = new Random(7)
  const heap = new DelayedHeap()
  let kept: DelayedMessage[] = []
  for (let sequence = 1; sequence <= 2_000; sequence++) {
    const held = { message: messageOf(sequence), due: random.below(50), key: null, index: 0 }
    heap.add(held)
    kept.push(held)
    if (!random.chance(3)) continue
    const gone = random.of(kept)
    heap.remove(gone)
    kept = kept.filter(each => each !== gone)
  }

  const order: DelayedMessage[] = []
  for (let first = heap.first; first !== null; first = heap.first) {
    order.push(first)
    heap.remove(first)
  }

  const expected = [...kept].sort(
    (one, other) => one.due - other.due || one.message.sequence - other.message.sequence,
  )
  t.strictSame(
    order.map(({ message }) => message.sequence),
    expected.map(({ message }) => message.sequence),
  )
})

test('a delayed message may fill a named queue; a queue that has ended meanwhile is counted', async t => {
  const named = new Map([['jobs', {}]])
  const pond = new Pond({ queues: { named } })
  const alice = pond.client('alice')

  for (const seconds of [10, 20]) {
    alice.publishes(`$delayed/${seconds}/$queue/jobs`, `${seconds}`, { qos: 1, retain: true })
    t.equal(answerTo(alice), '0x0')
  }
  alice.publishes('$delayed/10/$queue/none', 'nowhere', { qos: 1 })
  t.equal(answerTo(alice), '0x90 there is no such named queue')
  pond.passes({ seconds: 10 })

  const { queues } = pond.broker.subscriptions
  t.equal(queues.get('jobs')?.queue.messages, 1)
  t.equal(pond.broker.retained.count, 0)
  pond.broker.changing += 1
  queues.delete('jobs')
  pond.broker.changing -= 1
  pond.passes({ seconds: 10 })
  t.equal(pond.broker.statistics.dropped['queue-ended'], 2)
})

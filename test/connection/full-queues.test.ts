// `queueOverflow: refuse`: a message whose subscriber's queue is full is refused, or waits, and is never acknowledged and dropped.

import { test } from 'tap'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClientOptions } from '../pond-client.ts'

const REFUSE: PondOptions = { limits: { queuedMessagesMax: 2, queueOverflow: 'refuse' } }
const AWAY: PondClientOptions = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 1_000 },
}
const OLD: PondClientOptions = { version: 4 }

/** A pond with a subscriber that is away and whose queue is full. */
function full(options: PondOptions = REFUSE): Pond {
  const pond = new Pond(options)
  const bob = pond.client('bob', AWAY)
  bob.subscribes('a', 1)
  bob.vanishes()
  const filler = pond.client('filler')
  for (const payload of ['1', '2']) filler.publishes('a', payload, { qos: 1 })
  return pond
}

/** Bob comes back and takes what waits. */
function taken(pond: Pond): readonly string[] {
  const bob = pond.stranger('bob', { ...AWAY, acknowledges: true })
  bob.connects()
  const payloads = bob.receivesMessages().map(({ payload }) => payload.toString())
  bob.vanishes()
  return payloads
}

test('a client of MQTT 5 is told with 0x97 that a queue is full', async t => {
  const pond = full()
  const alice = pond.client('alice')

  alice.publishes('a', '3', { qos: 1 })
  alice.publishes('a', '4', { qos: 2 })

  t.strictSame(alice.hears(), ['puback #1 0x97', 'pubrec #2 0x97'])
  t.equal(pond.broker.statistics.publishesRefused, 2)
  t.equal(pond.broker.statistics.dropped['queue-full'], 0)
  t.strictSame(taken(pond), ['1', '2'])
  alice.publishes('a', '5', { qos: 1 })
  t.strictSame(alice.hears(), ['puback #3 0x0'])
})

test('a PUBLISH of MQTT 3 waits for room, in its order', async t => {
  const pond = full()
  const alice = pond.client('alice', OLD)

  for (const payload of ['3', '4', '5']) alice.publishes('a', payload, { qos: 1 })
  pond.passes({ seconds: 10 })
  const before = alice.hears()
  const first = taken(pond)
  pond.passes({ seconds: 1 })
  const then = alice.hears()

  t.strictSame(before, [])
  t.strictSame(first, ['1', '2'])
  t.strictSame(then, ['puback #1 0x0', 'puback #2 0x0'])
  t.strictSame(taken(pond), ['3', '4'])
  pond.passes({ seconds: 1 })
  t.strictSame(alice.hears(), ['puback #3 0x0'])
  t.equal(pond.broker.statistics.publishesHeld, 2)
  t.equal(pond.broker.statistics.messagesReceived, 5)
})

test('a client whose PUBLISH waits is heard: pings and acknowledgements, and its keep-alive does not end it', async t => {
  const pond = full()
  const alice = pond.client('alice', { ...OLD, keepAliveSeconds: 10 })
  alice.subscribes('news', 1)
  pond.client('carol').publishes('news', 'n', { qos: 1 })
  alice.receives()

  alice.publishes('a', '3', { qos: 1 })
  alice.pings()
  alice.publishes('a', '4', { qos: 1 })
  alice.acknowledges('puback', 1)
  alice.pings()
  pond.passes({ seconds: 100 })

  t.strictSame(alice.hears(), ['pingresp', 'pingresp'])
  t.equal(pond.broker.sessions.get('alice')?.exchanges.count, 0)
  t.equal(alice.isClosed, false)
})

test('what waits is not published when its client has gone without an acknowledgement', async t => {
  const pond = full()
  const alice = pond.client('alice', OLD)

  alice.publishes('a', '3', { qos: 1 })
  alice.vanishes()

  t.strictSame(taken(pond), ['1', '2'])
  t.equal(pond.broker.deadlines.next > pond.now + 1_000, true, 'nothing is tried again')
})

test('what waited at QoS 2 when its client went is published when the client sends it again', async t => {
  const pond = full()
  const durable: PondClientOptions = { ...OLD, cleanStart: false }
  const alice = pond.client('alice', durable)
  alice.publishes('a', '3', { qos: 2, packetId: 7 })
  alice.vanishes()
  t.strictSame(taken(pond), ['1', '2'])

  const again = pond.client('alice', durable)
  again.publishes('a', '3', { qos: 2, packetId: 7, duplicate: true })

  t.strictSame(again.hears(), ['pubrec #7 0x0'])
  t.strictSame(taken(pond), ['3'])
})

test('a message is queued for all of its subscribers or for none', async t => {
  const pond = full()
  const carol = pond.client('carol')
  carol.subscribes('+', 1)
  carol.hears()
  const alice = pond.client('alice')

  alice.publishes('a', '3', { qos: 1 })

  t.strictSame(carol.hears(), [])
  t.strictSame(alice.hears(), ['puback #1 0x97'])
})

test('QoS 0 passes by a full queue', async t => {
  const pond = full()
  const carol = pond.client('carol')
  carol.subscribes('a', 0)
  carol.hears()

  pond.client('alice').publishes('a', '3', { qos: 0 })

  t.strictSame(carol.hears(), ['publish a 3 q0'])
})

test('a message that is larger than the whole queue is dropped and counted: it would wait for ever', async t => {
  const pond = new Pond({ limits: { queuedBytesMax: 2_000, queueOverflow: 'refuse' } })
  const bob = pond.client('bob', AWAY)
  bob.subscribes('a', 1)
  bob.vanishes()
  const alice = pond.client('alice', OLD)

  alice.publishes('a', Buffer.alloc(3_000), { qos: 1 })

  t.strictSame(alice.hears(), ['puback #1 0x0'])
  t.equal(pond.broker.statistics.dropped['queue-full'], 1)
})

test('a full share group refuses by its own setting', async t => {
  const bounds = {
    queuedMessagesMax: 2,
    queuedBytesMax: 1_000_000,
    queueOverflow: 'refuse',
  } as const
  const pond = new Pond({ share: { bounds } })
  const bob = pond.client('bob', AWAY)
  bob.subscribes('$share/g/a', 1)
  bob.vanishes()
  const alice = pond.client('alice')

  for (const payload of ['1', '2', '3']) alice.publishes('a', payload, { qos: 1 })

  t.strictSame(alice.hears(), ['puback #1 0x0', 'puback #2 0x0', 'puback #3 0x97'])
})

test('messages that have expired make room first', async t => {
  const pond = new Pond(REFUSE)
  const bob = pond.client('bob', AWAY)
  bob.subscribes('a', 1)
  bob.vanishes()
  const alice = pond.client('alice')
  const soon = { qos: 1, properties: { messageExpiryInterval: 1 } } as const
  for (const payload of ['1', '2']) alice.publishes('a', payload, soon)
  pond.passes({ seconds: 2 })

  alice.publishes('a', '3', { qos: 1 })

  t.strictSame(alice.hears().at(-1), 'puback #3 0x0')
  t.equal(pond.broker.statistics.dropped['message-expired'], 2)
})

test('a client that waits is read up to a bound of bytes', async t => {
  const pond = full()
  const alice = pond.client('alice', OLD)

  for (let count = 0; count < 30; count++) alice.publishes('a', Buffer.alloc(1_000), { qos: 1 })
  const wasPaused = alice.wire.isPaused
  taken(pond)
  pond.passes({ seconds: 1 })

  t.equal(wasPaused, true)
  t.equal(alice.hears().length, 2)
})

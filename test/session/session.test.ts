import { test } from 'tap'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

test('queued messages come after the resends when the client is back', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 2)
  alice.publishes('a', '1', { qos: 1 })
  alice.publishes('a', '2', { qos: 2 })
  bob.acknowledges('pubrec', 2)
  bob.vanishes()
  alice.publishes('a', '3', { qos: 1 })

  const back = pond.stranger('bob', DURABLE)
  back.connects()

  t.strictSame(back.hears(), [
    'connack 0x0 present',
    'publish a 1 q1 #1 dup',
    'pubrel #2 0x0',
    'publish a 3 q1 #3',
  ])
})

test('a smaller window on return holds resends back as well', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  for (const payload of ['1', '2', '3']) alice.publishes('a', payload, { qos: 1 })
  bob.vanishes()

  const back = pond.stranger('bob', {
    cleanStart: false,
    properties: { sessionExpiryInterval: 3_600, receiveMaximum: 1 },
  })
  back.connects()

  t.strictSame(back.hears(), ['connack 0x0 present', 'publish a 1 q1 #1 dup'])
  back.acknowledges('puback', 1)
  t.strictSame(back.hears(), ['publish a 2 q1 #2 dup'])
})

test('a session ends when its expiry has passed', async t => {
  const pond = new Pond()
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.vanishes()

  pond.passes({ seconds: 3_601 })

  t.equal(pond.broker.sessions.count, 0)
  t.equal(pond.broker.subscriptions.count, 0)
  const back = pond.client('bob', DURABLE)
  t.match(back.greeting, { sessionPresent: false })
})

test('a message that expires while its subscriber is away is not delivered, and is counted', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.hears()
  bob.vanishes()
  alice.publishes('a', 'soon', { qos: 1, properties: { messageExpiryInterval: 10 } })
  alice.publishes('a', 'late', { qos: 1, properties: { messageExpiryInterval: 60 } })

  pond.passes({ seconds: 20 })
  const back = pond.stranger('bob', DURABLE)
  back.connects()
  const [message, ...more] = back.receivesMessages()

  t.match(message, { topic: 'a', properties: { messageExpiryInterval: 40 } })
  t.strictSame(more, [])
  t.equal(pond.broker.statistics.dropped['message-expired'], 1)
})

test('a full queue keeps what it has, and counts what it drops', async t => {
  const pond = new Pond({ limits: { queuedMessagesMax: 2 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.vanishes()

  for (const payload of ['1', '2', '3']) alice.publishes('a', payload, { qos: 1 })
  const back = pond.stranger('bob', DURABLE)
  back.connects()

  t.strictSame(
    back.receivesMessages().map(message => message.payload.toString()),
    ['1', '2'],
  )
  t.equal(pond.broker.statistics.dropped['queue-full'], 1)
})

test('a full queue that drops its oldest keeps the newest', async t => {
  const pond = new Pond({ limits: { queuedMessagesMax: 2, queueOverflow: 'drop-oldest' } })
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.vanishes()

  for (const payload of ['1', '2', '3']) alice.publishes('a', payload, { qos: 1 })
  const back = pond.stranger('bob', DURABLE)
  back.connects()

  t.strictSame(
    back.receivesMessages().map(message => message.payload.toString()),
    ['2', '3'],
  )
})

test('a queue is bounded in bytes as well', async t => {
  const pond = new Pond({ limits: { queuedBytesMax: 6_000 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.vanishes()

  for (let count = 0; count < 10; count++) alice.publishes('a', Buffer.alloc(1_000), { qos: 1 })

  t.equal(pond.broker.sessions.get('bob')?.queue.messages, 4)
  t.equal(pond.broker.statistics.dropped['queue-full'], 6)
})

test('a message larger than the client takes counts as sent and does not hold up the next', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', { properties: { maximumPacketSize: 100, receiveMaximum: 1 } })
  bob.subscribes('a', 1)
  bob.hears()

  alice.publishes('a', Buffer.alloc(200), { qos: 1 })
  alice.publishes('a', 'small', { qos: 1 })

  t.strictSame(bob.hears(), ['publish a small q1 #2'])
  t.equal(pond.broker.statistics.dropped['packet-too-large'], 1)
})

test('fifty thousand retained messages reach a new subscriber whole, under its receive maximum', async t => {
  const pond = new Pond({ limits: { queuedMessagesMax: 10 } })
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let count = 0; count < 50_000; count++) {
      alice.publishes(`retained/${count}`, 'x', { qos: 1, retain: true, packetId: 1 })
      if (count % 50 === 0) pond.turn.end()
    }
  })
  const bob = pond.client('bob', { properties: { receiveMaximum: 20 }, acknowledges: true })

  bob.subscribes('retained/#', 1)
  const topics = new Set<string>()
  let most = 0
  for (let batch = bob.receivesMessages(); batch.length > 0; batch = bob.receivesMessages()) {
    for (const { topic } of batch) topics.add(topic)
    most = Math.max(most, pond.broker.sessions.get('bob')?.exchanges.count ?? 0)
  }

  t.equal(topics.size, 50_000)
  t.ok(most <= 20)
})

test('retained messages at QoS 0 are sent as fast as the socket takes them, and none is dropped', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 10_000 } })
  const alice = pond.client('alice')
  for (let count = 0; count < 1_000; count++) {
    alice.publishes(`r/${count}`, Buffer.alloc(100), { retain: true })
  }
  const bob = pond.client('bob')
  bob.freezes()

  bob.subscribes('r/#', 0)
  t.ok(bob.wire.pendingBytes < 120_000)
  bob.thaws()

  t.equal(bob.receivesMessages().length, 1_000)
  t.equal(pond.broker.statistics.dropped['outbox-full'], 0)
})

test('a message that is published during a replay comes after it', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  for (const topic of ['r/1', 'r/2', 'r/3']) {
    alice.publishes(topic, 'old', { qos: 1, retain: true })
  }
  const bob = pond.client('bob', { properties: { receiveMaximum: 1 }, acknowledges: true })
  bob.subscribes('r/#', 1)

  alice.publishes('r/1', 'new', { qos: 1 })
  const payloads = bob.receivesMessages().map(message => message.payload.toString())

  t.strictSame(payloads, ['old', 'old', 'old', 'new'])
})

test('a subscriber that does not read loses QoS 0, counted, and nobody else does', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 10_000 } })
  const alice = pond.client('alice')
  const frozen = pond.client('frozen')
  const lively = pond.client('lively')
  frozen.subscribes('a', 0)
  lively.subscribes('a', 0)
  lively.hears()
  frozen.freezes()

  for (let count = 0; count < 100; count++) alice.publishes('a', Buffer.alloc(1_000))

  t.equal(lively.receivesMessages().length, 100)
  t.ok(frozen.wire.pendingBytes < 12_000)
  t.ok(pond.broker.statistics.dropped['outbox-full'] >= 88)
})

test('a search among many retained messages that match nothing does not hold the turn', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  pond.inOneTurn(() => {
    for (let count = 0; count < 50_000; count++) {
      alice.publishes(`r/${count}/x`, 'x', { retain: true })
      if (count % 1_000 === 0) pond.turn.end()
    }
  })
  const bob = pond.client('bob')
  const turnsBefore = pond.turn.turns

  bob.subscribes('r/+/y')
  alice.publishes('r/1/y', 'live')

  t.ok(pond.turn.turns - turnsBefore > 5, `${pond.turn.turns - turnsBefore} turns`)
  t.strictSame(bob.hears(), ['suback #1 0x0', 'publish r/1/y live q0'])
})

test('a retained message that is replaced while it waits is not sent after the newer one', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  alice.publishes('r/1', 'one', { qos: 1, retain: true })
  alice.publishes('r/2', 'old', { qos: 1, retain: true })
  const durable = {
    cleanStart: false,
    properties: { sessionExpiryInterval: 60, receiveMaximum: 1 },
  }
  const waiting = pond.client('waiting', durable)
  waiting.subscribes('r/#', 1)
  waiting.hears()

  alice.publishes('r/2', 'new', { qos: 1, retain: true })
  waiting.acknowledges('puback', 1)

  t.strictSame(waiting.hears(), ['publish r/2 new q1 #2'])
})

test('at QoS 0 nothing overtakes what waited while the client was away', async t => {
  const pond = new Pond({ limits: { queueQoS0WhileAway: true } })
  const properties = { sessionExpiryInterval: 3_600, receiveMaximum: 1 }
  const bob = pond.client('bob', { cleanStart: false, properties })
  bob.subscribes('a', 1)
  bob.vanishes()
  const alice = pond.client('alice')
  alice.publishes('a', 'one', { qos: 1 })
  alice.publishes('a', 'two', { qos: 1 })
  alice.publishes('a', 'old')

  const back = pond.stranger('bob', { cleanStart: false, properties, acknowledges: true })
  back.connects()
  alice.publishes('a', 'new')

  t.strictSame(back.hears(), [
    'connack 0x0 present',
    'publish a one q1 #1',
    'publish a two q1 #2',
    'publish a old q0',
    'publish a new q0',
  ])
})

test('messages that expired in a long queue are passed over a part in each turn, and what lives follows', async t => {
  const pond = new Pond({ limits: { turnWorkTotalMax: 100 } })
  const bob = pond.client('bob', { properties: { receiveMaximum: 1 } })
  bob.subscribes('a', 1)
  const alice = pond.client('alice')
  const properties = { messageExpiryInterval: 10 }
  for (let count = 0; count < 2_000; count++) {
    alice.publishes('a', 'old', { qos: 1, packetId: 1, properties })
  }
  alice.publishes('a', 'fresh', { qos: 1 })
  bob.hears()
  pond.passes({ seconds: 11 })
  const before = pond.turn.turns

  bob.acknowledges('puback', 1)

  t.match(bob.hears().at(-1), 'publish a fresh q1')
  t.equal(pond.broker.statistics.dropped['message-expired'], 1_999)
  t.ok(pond.turn.turns - before > 10, `${pond.turn.turns - before} turns`)
})

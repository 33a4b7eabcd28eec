// Every limit that keeps a client from something has a counter with its name.

import { test } from 'tap'
import { Statistics } from '../../src/broker/statistics.ts'
import { DEFAULT_LIMITS, type Limits } from '../../src/limits.ts'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { ConnectionCounts } from '../../src/transport/connection-counts.ts'
import { Pond } from '../pond.ts'

/** Limits without a counter in `limited`, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  strangerBytesMax: 'added by the server',
  strangersPerAddressMax: 'added by the server',
  outgoingTopicAliasMax: 'the broker keeps to it itself',
  receiveMax: 'the broker tells it, and tolerates more: receiveToleratedMax',
  inFlightMax: 'messages wait in the queue',
  inFlightBytesMax: 'messages wait in the queue',
  queuedMessagesMax: 'dropped: queue-full',
  queuedBytesMax: 'dropped: queue-full',
  queuedBytesPerUserMax: 'dropped: user-queues-full',
  queuedInMemoryMax: 'the others stay in the store',
  queuedInMemoryBytesMax: 'the others stay in the store',
  queueOverflow: 'dropped: queue-full; publishesRefused, publishesHeld',
  queueQoS0WhileAway: 'dropped: client-away',
  dedupeSeconds: 'the repetition is published',
  sessionExpirySecondsMax: 'the client is told the shorter time',
  keepAliveSecondsMax: 'the client is told the shorter time',
  keptHeapBytesMax: 'keptRefusals; dropped: memory-full',
  keptBufferBytesMax: 'keptRefusals; dropped: memory-full',
  takeoverDelaySecondsMax: 'takeoversPerMinuteMax counts those that wait',
  outboxBytesMax: 'dropped: outbox-full',
  transactionAskAfterSeconds: 'the client is asked',
  turnWorkMax: 'the rest is done in the next turn',
  turnWorkTotalMax: 'the rest is done in the next turn',
  publishBacklogBytesMax: 'the client is read more slowly',
}

test('every limit has a counter with its name, or another one', async t => {
  const counts = new ConnectionCounts(DEFAULT_LIMITS, () => 0)
  const counted = new Set([
    ...Object.keys(new Statistics().limited),
    ...Object.keys(counts.reached),
  ])
  const missing = Object.keys(DEFAULT_LIMITS).filter(
    name => !counted.has(name) && OTHERWISE[name] === undefined,
  )
  t.strictSame(missing, [])
  t.strictSame(
    Object.keys(OTHERWISE).filter(name => counted.has(name)),
    [],
  )
})

type Counted = keyof Statistics['limited']

const BREAKS: Partial<Record<Counted, (pond: Pond) => void>> = {
  connectTimeoutSeconds: pond => {
    pond.stranger('silent')
    pond.passes({ seconds: 3 })
  },
  connectPacketBytesMax: pond => {
    pond.stranger('x'.repeat(300)).connects()
  },
  clientIdBytesMax: pond => {
    pond.stranger('x'.repeat(30)).connects()
  },
  sessionsMax: pond => {
    for (const clientId of ['one', 'two', 'three']) pond.client(clientId)
  },
  packetBytesMax: pond => {
    pond.client('a').publishes('t', Buffer.alloc(2_000))
  },
  userPropertiesMax: pond => {
    const userProperties = [
      ['a', 'b'],
      ['c', 'd'],
    ] as const
    pond.client('a').publishes('t', 'x', { properties: { userProperties } })
  },
  topicLevelsMax: pond => {
    const client = pond.client('a')
    client.publishes('a/b/c/d', 'x', { qos: 1 })
  },
  topicAliasMax: pond => {
    pond.client('a').publishes('t', 'x', { properties: { topicAlias: 2 } })
  },
  topicAliasBytesMax: pond => {
    pond.client('a').publishes('x'.repeat(200), 'x', { properties: { topicAlias: 1 } })
  },
  receiveToleratedMax: pond => {
    const client = pond.client('a')
    for (let count = 0; count < 3; count++) client.publishes('t', 'x', { qos: 2 })
  },
  subscriptionsPerClientMax: pond => {
    const client = pond.client('a')
    for (const filter of ['a', 'b']) client.subscribes(filter)
  },
  filterShapesPerClientMax: pond => {
    pond.client('a').subscribes('+/a/+')
  },
  retainedMessagesMax: pond => {
    const client = pond.client('a')
    for (const topic of ['a', 'b']) client.publishes(topic, 'x', { retain: true })
  },
  retainedBytesMax: pond => {
    pond.client('a').publishes('a', Buffer.alloc(900), { retain: true })
  },
}

const SMALL: Partial<Limits> = {
  connectTimeoutSeconds: 2,
  connectPacketBytesMax: 200,
  clientIdBytesMax: 23,
  sessionsMax: 2,
  packetBytesMax: 1_000,
  userPropertiesMax: 1,
  topicLevelsMax: 3,
  topicAliasMax: 1,
  topicAliasBytesMax: 100,
  receiveMax: 1,
  receiveToleratedMax: 2,
  subscriptionsPerClientMax: 1,
  filterShapesPerClientMax: 0,
  retainedMessagesMax: 1,
  retainedBytesMax: 1_700,
}

for (const [limit, breaks] of Object.entries(BREAKS)) {
  test(`limits.${limit} counts, and nothing else does`, async t => {
    const pond = new Pond({ limits: SMALL })

    breaks(pond)

    const reached = Object.entries(pond.broker.statistics.limited).filter(([, count]) => count > 0)
    t.strictSame(reached, [[limit, 1]])
  })
}

test('a packet of a size that is not allowed counts by its length alone', async t => {
  const pond = new Pond({ limits: SMALL })
  const client = pond.client('a')
  const packet = encode(
    {
      type: 'publish',
      duplicate: false,
      qos: 0,
      retain: false,
      topic: 't',
      packetId: 0,
      properties: NO_PROPERTIES,
      payload: Buffer.alloc(5_000),
    },
    5,
  )

  client.saysBytes(packet.subarray(0, 4))

  t.equal(pond.broker.statistics.limited.packetBytesMax, 1)
})

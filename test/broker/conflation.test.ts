import { test } from 'tap'
import type { Properties, QoS } from '../../src/packet/packet.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { NOTHING_KEPT } from '../session/nothing-kept.ts'

const DURABLE = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 600 },
} as const
const HALF = { seconds: 0.5 }

function conflated(
  milliseconds: number | string = 500,
  more: Properties = {},
  where?: string,
): { readonly properties: Properties } {
  const others = where === undefined ? [] : ([['$where', where]] as const)
  const userProperties = [['$conflate-ms', `${milliseconds}`], ...others] as const
  return { properties: { ...more, userProperties } }
}

function payloadsOf(client: PondClient): string {
  return client
    .receivesMessages()
    .map(({ payload }) => payload.toString())
    .join(' ')
}

/** What SUBACK says. */
function answerTo(client: PondClient): string {
  const suback = client.receives().find(({ type }) => type === 'suback')
  if (suback?.type !== 'suback') return 'no answer'
  const { reasonString = '' } = suback.properties
  return `${suback.reasons.map(reason => `0x${reason.toString(16)}`).join(' ')} ${reasonString}`.trim()
}

function publishesAll(publisher: PondClient, topic: string, ...payloads: string[]): void {
  for (const payload of payloads) publisher.publishes(topic, payload)
}

test('of each topic the first message comes at once, then the newest in each interval, and the last', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 1, conflated())
  t.equal(answerTo(page), '0x0', 'granted QoS 0')

  publishesAll(alice, 'live/1', 'a1', 'a2', 'a3')
  publishesAll(alice, 'live/2', 'b1')
  t.equal(payloadsOf(page), 'a1 b1')
  pond.passes({ seconds: 0.499 })
  t.equal(payloadsOf(page), '')
  pond.passes({ seconds: 0.001 })
  t.equal(payloadsOf(page), 'a3')
  publishesAll(alice, 'live/1', 'a4', 'a5')
  t.equal(payloadsOf(page), '', 'the interval began anew')
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'a5')
  pond.passes(HALF)
  publishesAll(alice, 'live/1', 'a6')
  t.equal(payloadsOf(page), 'a6', 'after a quiet interval it comes at once')
  t.equal(pond.broker.statistics.messagesConflated, 2)
  pond.passes(HALF)
  t.equal(pond.broker.sessions.get('page')?.conflatedTopics, 0, 'nothing is kept of a quiet topic')
  t.equal(pond.broker.memory.kinds.conflated, 0)
})

test('a conflated message keeps its options, and its payload although its bytes were lent', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  const options = conflated(500, { subscriptionIdentifiers: [7] })
  page.subscribes('live/#', 0, { ...options, retainAsPublished: true })
  page.receives()

  alice.publishes('live/1', 'first')
  const properties = { userProperties: [['unit', 'C']], messageExpiryInterval: 9 } as const
  alice.publishes('live/1', 'second', { qos: 1, retain: true, properties })
  alice.publishes('other', 'x'.repeat(100))
  pond.passes(HALF)

  const [, second] = page.receivesMessages()
  t.match(second, { qos: 0, retain: true, properties: { subscriptionIdentifiers: [7] } })
  t.match(second?.properties, { userProperties: [['unit', 'C']], messageExpiryInterval: 9 })
  t.equal(second?.payload.toString(), 'second')
})

test('what has expired while it waited does not come, and is counted', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated(5_000))
  page.receives()

  publishesAll(alice, 'live/1', 'first')
  alice.publishes('live/1', 'second', { properties: { messageExpiryInterval: 2 } })
  pond.passes({ seconds: 5 })

  t.equal(payloadsOf(page), 'first')
  t.equal(pond.broker.statistics.dropped['message-expired'], 1)
})

test('overlapping conflated subscriptions have the least interval, and any other gets all', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated(1_000, { subscriptionIdentifiers: [1] }))
  page.subscribes('live/1', 0, conflated(500, { subscriptionIdentifiers: [2] }))
  page.subscribes('live/2', 1, { properties: { subscriptionIdentifiers: [3] } })
  page.receives()

  publishesAll(alice, 'live/1', 'a1', 'a2')
  alice.publishes('live/2', 'b1', { qos: 1 })
  alice.publishes('live/2', 'b2', { qos: 1 })
  const heard = page.receivesMessages()
  t.strictSame(
    heard.map(each => [each.payload.toString(), each.qos, each.properties.subscriptionIdentifiers]),
    [
      ['a1', 0, [1, 2]],
      ['b1', 1, [1, 3]],
      ['b2', 1, [1, 3]],
    ],
  )
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'a2')

  page.unsubscribes('live/2')
  page.receives()
  publishesAll(alice, 'live/2', 'b3', 'b4')
  t.equal(payloadsOf(page), 'b3')
})

test('a message of another subscription does not overtake the one that waits', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated(500, {}, "kind = 'value'"))
  page.subscribes('live/+', 0, { properties: { userProperties: [['$where', 'alarm = true']] } })
  page.receives()
  const says = (payload: string, ...tags: readonly (readonly [string, string])[]) =>
    alice.publishes('live/1', payload, { properties: { userProperties: tags } })

  says('v1', ['kind', 'value'])
  says('v2', ['kind', 'value'])
  says('alarm', ['alarm', 'true'])
  t.equal(payloadsOf(page), 'v1 v2 alarm')
  says('v3', ['kind', 'value'])
  says('both', ['kind', 'value'], ['alarm', 'true'])
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'both', 'v3 is out of date')
})

test('a new interval counts at once, and what nobody subscribes to any more does not come', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated(3_600_000))
  page.receives()
  publishesAll(alice, 'live/1', 'a1', 'a2')
  publishesAll(alice, 'live/2', 'b1', 'b2')
  t.equal(payloadsOf(page), 'a1 b1')

  page.subscribes('live/#', 0, conflated(500))
  page.receives()
  publishesAll(alice, 'live/1', 'a3')
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'a3')
  page.subscribes('live/#')
  page.receives()
  publishesAll(alice, 'live/2', 'b3', 'b4')
  t.equal(payloadsOf(page), 'b2 b3 b4', 'in their order')

  page.subscribes('live/#', 0, conflated(500))
  publishesAll(alice, 'live/3', 'c1', 'c2')
  page.unsubscribes('live/#')
  page.receives()
  pond.passes({ seconds: 3_600 })
  t.equal(payloadsOf(page), '')
  t.equal(pond.broker.memory.kinds.conflated, 0)
})

test('retained messages come as to others, and those published meanwhile wait behind them', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 4_096 } })
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  const state = 's'.repeat(1_000)
  for (let each = 0; each < 9; each++) alice.publishes(`live/${each}`, state, { retain: true })
  page.freezes()
  page.subscribes('live/#', 0, conflated())
  publishesAll(alice, 'live/1', 'a1', 'a2')
  publishesAll(alice, 'live/2', 'b1')

  page.thaws()
  const heard = page.receivesMessages()
  t.strictSame(heard.map(({ retain, topic }) => [retain, topic]).slice(8), [
    [true, 'live/8'],
    [false, 'live/1'],
    [false, 'live/2'],
  ])
  t.equal(heard.at(-2)?.payload.toString(), 'a2')
})

test('for a client that reads nothing one message of each topic waits', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 4_096 } })
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated())
  page.receives()
  page.freezes()
  const long = 'x'.repeat(1_000)
  for (let count = 0; count < 50; count++) {
    publishesAll(alice, 'live/1', `${long}${count}`)
    publishesAll(alice, 'live/2', `${long}${count}`)
    pond.passes(HALF)
  }

  t.equal(pond.broker.statistics.dropped['outbox-full'], 0)
  t.equal(pond.broker.sessions.get('page')?.queuedMessages, 0)
  page.thaws()
  pond.passes(HALF)
  const heard = page.receivesMessages()
  t.ok(heard.length < 20, `${heard.length}`)
  t.strictSame(
    heard.slice(-2).map(({ topic, payload }) => `${topic} ${payload.toString().slice(1_000)}`),
    ['live/2 49', 'live/1 49'],
    'the topic that waited longest comes first',
  )
})

test('over a bound messages pass through, and are counted', async t => {
  const pond = new Pond({ limits: { conflatedTopicsMax: 2, conflatedBytesMax: 2_000 } })
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated())
  page.receives()
  const { limited } = pond.broker.statistics

  for (const topic of ['live/1', 'live/2', 'live/3']) publishesAll(alice, topic, 'x', 'y')
  t.equal(payloadsOf(page), 'x x x y')
  t.equal(limited.conflatedTopicsMax, 2)
  publishesAll(alice, 'live/1', 'z'.repeat(2_000), 'z')
  t.equal(payloadsOf(page).length, 2_000)
  t.equal(limited.conflatedBytesMax, 1)
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'z y')
})

test('a shared subscription, a named queue and a bad interval are refused with a reason', async t => {
  const pond = new Pond()
  const answer = (filter: string, milliseconds: number | string) => {
    const page = pond.client('page')
    page.subscribes(filter, 0, conflated(milliseconds))
    return answerTo(page)
  }

  t.match(answer('$share/g/live/#', 500), /^0x8f a shared subscription is not conflated/)
  t.match(answer('$queue/jobs/live/#', 500), /^0x8f a named queue is not conflated/)
  for (const bad of ['', '-1', '1.5', '3600001', '1e3', 'x'.repeat(65_000), '\u202e5']) {
    t.equal(answer('live/#', bad), '0x8f $conflate-ms is no whole number from 0 to 3,600,000')
  }
  t.equal(answer('live/#', 0), '0x0')
  t.equal(pond.broker.sessions.get('page')?.subscriptions.get('live/#')?.conflateMs, undefined)
})

test('a rule of the operator conflates subscriptions of clients that cannot ask', async t => {
  const conflate = [
    { filter: 'live/+/all', milliseconds: 100, users: ['ops'] },
    { filter: 'live/#', milliseconds: 1_000 },
  ]
  const pond = new Pond({ subscriptions: { filterInTopic: false, payloadFilters: true, conflate } })
  const intervalOf = (filter: string, options: object, more = {}) => {
    const client = pond.client('some', options)
    client.subscribes(filter, 1, more)
    return [
      pond.broker.sessions.get('some')?.subscriptions.get(filter)?.conflateMs,
      answerTo(client),
    ]
  }

  t.strictSame(intervalOf('live/+/all', { version: 4, username: 'ops' }), [100, '0x0'])
  t.strictSame(intervalOf('live/+/all', { version: 4, username: 'eve' }), [1_000, '0x0'])
  t.strictSame(intervalOf('live/1', { version: 3 }), [1_000, '0x0'])
  t.strictSame(intervalOf('#', { version: 4 }), [undefined, '0x1'], 'it wants other topics too')
  t.strictSame(intervalOf('$share/g/live/1', { version: 4 }), [undefined, '0x1'])
  t.strictSame(intervalOf('live/1', {}, conflated(70)), [70, '0x0'], 'the client says otherwise')
  t.strictSame(intervalOf('live/1', {}, conflated(0)), [undefined, '0x1'])
})

test('a client gets nothing of its own with No Local', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, { ...conflated(), noLocal: true })
  page.receives()

  publishesAll(alice, 'live/1', 'a1', 'a2')
  publishesAll(page, 'live/1', 'mine')
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'a1 a2')
})

test('a takeover gets what waits; a client that stays away does not, and it is counted', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  pond.client('page', DURABLE).subscribes('live/#', 0, conflated())
  publishesAll(alice, 'live/1', 'a1', 'a2')

  const again = pond.client('page', DURABLE)
  publishesAll(alice, 'live/1', 'a3')
  pond.passes(HALF)
  t.equal(payloadsOf(again), 'a3')

  publishesAll(alice, 'live/1', 'a4')
  again.vanishes()
  publishesAll(alice, 'live/2', 'b1')
  pond.passes(HALF)
  const { dropped } = pond.broker.statistics
  t.equal(dropped['client-away'], 2)
  t.equal(payloadsOf(pond.client('page', DURABLE)), '')
  t.equal(pond.broker.memory.kinds.conflated, 0)
})

test('with queueQoS0WhileAway the newest of each topic waits for the client', async t => {
  const pond = new Pond({ limits: { queueQoS0WhileAway: true } })
  const alice = pond.client('alice')
  const page = pond.client('page', DURABLE)
  page.subscribes('live/#', 0, conflated())
  page.disconnects()
  for (const seconds of [1, 2, 3]) {
    publishesAll(alice, 'live/1', `a${seconds}`)
    publishesAll(alice, 'live/2', `b${seconds}`)
    pond.passes({ seconds })
  }

  const again = pond.stranger('page', DURABLE)
  again.connects()
  t.equal(payloadsOf(again), 'a3 b3')
})

test('what waits ends with its session, and nothing is kept', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated())
  publishesAll(alice, 'live/1', 'a1', 'a2')
  alice.disconnects()
  page.disconnects()

  t.equal(pond.broker.statistics.dropped['session-ended'], 1)
  t.strictSame(pond.broker.memory.kinds, NOTHING_KEPT)
  t.equal(pond.broker.deadlines.count, 0)
})

test('the interval of a durable subscription is kept over a restart', async t => {
  const store = new MemoryStore()
  const first = new Pond({ store })
  const page = first.client('page', DURABLE)
  page.subscribes('live/#', 1 as QoS, conflated(500, {}, 'a = 1'))
  page.subscribes('other/#', 1, conflated(500))
  page.subscribes('other/#', 1)

  const pond = new Pond({ store, snapshot: await store.open() })
  const subscriptions = pond.broker.sessions.get('page')?.subscriptions
  t.match(subscriptions?.get('live/#'), { where: 'a = 1', conflateMs: 500, qos: 0 })
  t.strictSame(subscriptions?.get('other/#')?.conflateMs, undefined)
})

test('of a transaction the first message of a topic comes with its commit, then the last', async t => {
  const pond = new Pond()
  const [page, alice] = [pond.client('page'), pond.client('alice')]
  page.subscribes('live/#', 0, conflated())
  page.receives()

  for (const payload of ['a1', 'a2', 'a3']) {
    alice.publishes('$tx/values.1/publish/live/1', payload, { qos: 1 })
  }
  t.equal(payloadsOf(page), '')
  alice.publishes('$tx/values.1/commit', '3', { qos: 1 })
  t.equal(payloadsOf(page), 'a1')
  pond.passes(HALF)
  t.equal(payloadsOf(page), 'a3')
})

// The account of what clients keep: it agrees with the heap, it comes back to nothing, and where it is full something is
// refused with a reason instead of the process with an end.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { makeMessage, ownCopy, compactBytes } from '../../src/message.ts'
import { NO_PROPERTIES, type Properties, type UserProperty } from '../../src/packet/packet.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient, PondClientOptions } from '../pond-client.ts'
import { NOTHING_KEPT } from './nothing-kept.ts'

const AWAY: PondClientOptions = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
const SLOW: PondClientOptions = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 60, receiveMaximum: 1 },
}
const LONG = 'y'.repeat(20_000)
const WIDE = `${'y'.repeat(9_998)}\u{1f985}`

function pairs(count: number, value: string): readonly UserProperty[] {
  return Array.from({ length: count }, (_, index) => [`k${index}`, value] as const)
}

/** For what a broker keeps by itself. */
class ForgetfulStore extends MemoryStore {
  override record(): void {}
}

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heapUsed(): number {
  collect()
  return process.memoryUsage().heapUsed
}

type Filling = (pond: Pond, index: number) => void

/** What each makes is kept in a way of its own. */
const FILLINGS: readonly (readonly [what: string, count: number, fill: Filling])[] = [
  ['retained messages of 16 bytes', 1_000, retain(index => `home/device/${index}/state`)],
  ['retained messages with long topics', 200, retain(index => `${index}/${LONG}`)],
  ['retained messages with two-byte topics', 200, retain(index => `${index}/${WIDE}`)],
  [
    'retained messages with deep topics',
    200,
    retain(index => `${index >> 1}/${'q/'.repeat(180)}${index}`),
  ],
  [
    'retained messages with a hundred user properties',
    200,
    retain(index => `t/${index}`, { userProperties: pairs(100, 'value') }),
  ],
  [
    'retained messages with large user properties',
    50,
    retain(index => `t/${index}`, { userProperties: pairs(10, LONG) }),
  ],
  [
    'retained messages with all that is forwarded',
    500,
    retain(index => `t/${index}`, {
      contentType: 'text/plain',
      responseTopic: 'answers/to/me',
      correlationData: Buffer.from('0123456789abcdef'),
      payloadFormatIndicator: 1,
    }),
  ],
  ['sessions', 2_000, (pond, index) => pond.client(`client-${index}`, AWAY).vanishes()],
  ['long filters', 200, (pond, index) => subscribes(pond, index, `${index}/${LONG}`)],
  [
    'long filters with wildcards',
    200,
    (pond, index) => subscribes(pond, index, `${index}/+/${LONG}`),
  ],
  ['share groups', 200, (pond, index) => subscribes(pond, index, `$share/g${index}/t/x`)],
  ['share groups that go by topic', 200, (pond, index) => joinsByTopic(pond, `g${index}`)],
  ['messages of as many keys in a share group', 1_000, waitsByTopic],
  ['filters whose retained messages are still to be sent', 500, waitsForRetained],
]

function joinsByTopic(pond: Pond, name: string): void {
  const client = pond.client(name, { properties: { receiveMaximum: 1 } })
  const userProperties = [['strategy', 'hash-topic']] as const
  client.subscribes(`$share/${name}/k/#`, 1, { properties: { userProperties } })
}

function waitsByTopic(pond: Pond, index: number): void {
  const { broker } = pond
  if (broker.subscriptions.count === 0) joinsByTopic(pond, 'g')
  const said = {
    payload: Buffer.from('x'),
    qos: 1,
    retain: false,
    properties: NO_PROPERTIES,
  } as const
  broker.publishing.publish(makeMessage(said, flat(`k/${index}/${'x'.repeat(20)}`), 'a', broker))
}

const waiting = new WeakMap<Pond, PondClient>()

function waitsForRetained(pond: Pond, index: number): void {
  const client = waiting.get(pond) ?? pond.client('waiting', { properties: { receiveMaximum: 1 } })
  if (!waiting.has(pond))
    for (let each = 0; each <= index; each++) retain(() => `r/${each}`)(pond, 0)
  waiting.set(pond, client)
  client.subscribes(flat(`r/${index}`), 1)
}

function retain(
  topicOf: (index: number) => string,
  properties: Properties = NO_PROPERTIES,
): Filling {
  const payload = Buffer.from('0123456789abcdef')
  return ({ broker }, index) => {
    // Each packet brings texts of its own.
    const own: Properties = structuredCloneOf(properties)
    const said = { payload: ownCopy(payload), qos: 1, retain: true, properties: own } as const
    broker.retained.keep(makeMessage(said, flat(topicOf(index)), 'a', broker))
  }
}

function structuredCloneOf(properties: Properties): Properties {
  if (properties === NO_PROPERTIES) return NO_PROPERTIES
  const userProperties = properties.userProperties?.map(
    ([name, value]) => [flat(name), flat(value)] as const,
  )
  return { ...properties, ...(userProperties !== undefined && { userProperties }) }
}

/** As the codec makes a text: not of pieces of others. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

function subscribes(pond: Pond, index: number, filter: string): void {
  const client = pond.client(`subscriber-${index}`, AWAY)
  client.subscribes(flat(filter), 1)
  client.vanishes()
}

/** What so many of a filling take of the heap, and what they are counted as. */
function measured(
  count: number,
  fill: Filling,
): { readonly real: number; readonly counted: number } {
  // Nothing that a test store would keep as well.
  const pond = new Pond({ store: new ForgetfulStore() })
  fill(pond, count)
  const countedBefore = pond.broker.memory.heapBytes
  const before = heapUsed()
  for (let index = 0; index < count; index++) fill(pond, index)
  const real = heapUsed() - before
  return { real, counted: pond.broker.memory.heapBytes - countedBefore }
}

test(
  'what is counted is what the heap really holds, or somewhat more',
  { timeout: 120_000 },
  async t => {
    for (const [what, count, fill] of FILLINGS) {
      // What is compiled meanwhile adds to the heap, and what is let go of takes from it: the middle one of three runs
      // has least of either, and the greatest has nothing taken from it.
      const runs = [1, 2, 3].map(() => measured(count, fill))
      const [, middle, greatest] = runs.toSorted((one, other) => one.real - other.real)
      const { real, counted } = middle ?? { real: Infinity, counted: 0 }
      const most = greatest?.real ?? 0
      t.ok(counted >= 0.95 * real, `${what}: ${real} of the heap, and ${counted} counted`)
      t.ok(counted <= 4 * most, `${what}: ${most} of the heap, and as many as ${counted} counted`)
    }
  },
)

test('neither a level of a long topic nor a map keeps the topic in memory', async t => {
  const pond = new Pond({ store: new ForgetfulStore() })
  const { broker } = pond
  const fill = (index: number): void => {
    const level = `a-level-of-its-own-${index}`
    retain(() => `${level}/${LONG}`)(pond, index)
    retain(() => `${level}/x`)(pond, index)
    broker.retained.clear(`${level}/${LONG}`)
  }
  fill(1_000)
  const before = heapUsed()

  for (let index = 0; index < 200; index++) fill(index)

  const real = heapUsed() - before
  t.equal(broker.retained.count, 201)
  t.ok(real < 60 * LONG.length, `${real} bytes`)
})

/** Everything that the account knows of, and then nothing of it any more. */
function fillsAndEmpties(pond: Pond): void {
  const alice = pond.client('alice', { will: { topic: 'will', payload: 'x'.repeat(100) } })
  const bob = pond.client('bob', SLOW)
  const carol = pond.client('carol', { properties: { topicAliasMaximum: 10 } })
  const dave = pond.client('dave', { ...AWAY, will: { topic: 'w', payload: 'x', retain: true } })
  for (const client of [bob, carol, dave]) {
    client.subscribes('a/#', 2)
    client.subscribes('$share/group/a/+', 1)
    client.subscribes('a/#', 1)
  }
  dave.vanishes()
  for (let index = 0; index < 300; index++) {
    const qos = index % 3 === 0 ? 0 : index % 3 === 1 ? 1 : 2
    const properties = index % 2 === 0 ? { userProperties: pairs(3, 'v') } : {}
    const retain = index % 5 === 0
    const payload = 'x'.repeat(index * 3)
    const packetId = alice.publishes(`a/${index % 20}`, payload, { qos, retain, properties })
    if (qos === 2 && index % 4 > 0) alice.acknowledges('pubrel', packetId)
  }
  alice.publishes('a/alias', 'x', { properties: { topicAlias: 1 } })
  bob.acknowledges('puback', 1)
  bob.vanishes()
  carol.unsubscribes('a/#')
  alice.vanishes()
  carol.disconnects()
  carol.vanishes()
  pond.passes({ seconds: 100 })
  const eve = pond.client('eve')
  for (let index = 0; index < 20; index++) eve.publishes(`a/${index}`, '', { retain: true })
  eve.publishes('will', '', { retain: true })
  eve.publishes('w', '', { retain: true })
  eve.disconnects()
  eve.vanishes()
}

const WORLDS: readonly PondOptions[] = [
  {},
  { limits: { queueOverflow: 'drop-oldest', queuedMessagesMax: 10 } },
  { limits: { queuedInMemoryMax: 3, queueQoS0WhileAway: true } },
  { limits: { keptHeapBytesMax: 30_000, queueOverflow: 'drop-oldest' } },
  { limits: { keptBufferBytesMax: 5_000, inFlightBytesMax: 1 } },
]

test('when everybody has gone and nothing is retained, nothing is counted', async t => {
  for (const options of WORLDS) {
    const pond = new Pond(options)

    fillsAndEmpties(pond)

    t.strictSame(pond.broker.memory.kinds, NOTHING_KEPT, JSON.stringify(options))
    t.equal(pond.broker.memory.heapBytes, 0)
    t.equal(pond.broker.memory.bufferBytes, 0)
  }
})

test('a message that many keep is counted once', async t => {
  const pond = new Pond({ limits: { queuedInMemoryMax: 1_000 } })
  for (let index = 0; index < 50; index++) subscribes(pond, index, 'a')
  const alice = pond.client('alice')
  const before = pond.broker.memory.bufferBytes

  alice.publishes('a', Buffer.alloc(10_000), { qos: 1, retain: true })

  t.equal(pond.broker.memory.bufferBytes - before, 10_000)
})

test('what a WebSocket keeps of a message that is not complete counts, and ends its client when there is no room', async t => {
  const pond = new Pond({ limits: { keptBufferBytesMax: 500_000 } })
  const [alice, mallory] = [pond.client('alice'), pond.client('mallory')]
  mallory.hears()
  const before = pond.broker.memory.bufferBytes

  alice.wire.keeps(200_000)
  t.equal(pond.broker.memory.bufferBytes - before, 200_000)
  alice.wire.keeps(0)
  t.equal(pond.broker.memory.bufferBytes, before)
  alice.wire.keeps(100_000)
  mallory.wire.keeps(600_000)

  t.match(mallory.hears(), [/^disconnect 0x97/])
  t.ok(mallory.isClosed && !alice.isClosed)
  t.equal(pond.broker.memory.refusals, 1)
})

test('when memory is full a filter, a session and a retained message are refused, and existing ones go on', async t => {
  const pond = new Pond({ limits: { keptHeapBytesMax: 100_000 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob', { ...AWAY, acknowledges: true })
  bob.subscribes('a', 1)
  bob.hears()
  for (let index = 0; index < 10; index++) {
    alice.publishes(`${index}/${LONG}`, 'x', { qos: 1, retain: true })
  }
  t.match(alice.hears().at(-1), /^puback #10 0x97/)

  for (let index = 0; index < 20; index++) bob.subscribes(`${index}/${LONG}`, 1)
  t.match(bob.hears().at(-1), /^suback .*0x97/)
  const strangers = Array.from({ length: 60 }, (_, index) => {
    const stranger = pond.stranger(`stranger-${index}`)
    stranger.connects()
    return stranger
  })

  t.match(strangers.at(-1)?.hears()[0], /connack 0x97/)
  alice.publishes('a', 'still', { qos: 1 })
  t.match(bob.hears().at(-1), /publish a still q1/)
  t.ok(pond.broker.memory.refusals > 0)
})

test('when memory is full a queue in memory drops by its rule and says why; a stored queue stays in the store', async t => {
  const limits = { keptBufferBytesMax: 50_000 }
  const pond = new Pond({ limits })
  const alice = pond.client('alice')
  const slow = pond.client('slow', { properties: { receiveMaximum: 1 } })
  const stored = pond.client('stored', SLOW)
  slow.subscribes('slow', 1)
  stored.subscribes('stored', 1)

  for (let index = 0; index < 100; index++) {
    alice.publishes('slow', Buffer.alloc(1_000), { qos: 1 })
    alice.publishes('stored', Buffer.alloc(1_000), { qos: 1 })
  }

  t.ok(pond.broker.statistics.dropped['memory-full'] > 50)
  t.equal(pond.broker.statistics.dropped['queue-full'], 0)
  t.equal(pond.broker.sessions.get('stored')?.queue.messages, 99)
  t.ok(pond.broker.memory.bufferBytes < 60_000)
})

test('messages in flight have a bound in bytes, and one is always sent', async t => {
  const pond = new Pond({ limits: { inFlightBytesMax: 2_500 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a', 1)
  bob.hears()

  for (let index = 0; index < 5; index++) alice.publishes('a', Buffer.alloc(1_000), { qos: 1 })

  t.equal(bob.hears().length, 3)
  bob.acknowledges('puback', 1)
  t.equal(bob.hears().length, 1)
  const carol = pond.client('carol')
  carol.subscribes('b', 1)
  carol.hears()
  alice.publishes('b', Buffer.alloc(10_000), { qos: 1 })
  t.equal(carol.hears().length, 1)
})

test('aliases for too many bytes of topics end the connection with 0x97; none is removed silently', async t => {
  const pond = new Pond({ limits: { topicAliasBytesMax: 50_000 } })
  const alice = pond.client('alice')

  for (let alias = 1; alias <= 3; alias++) {
    alice.publishes(`${alias}/${LONG}`, 'x', { properties: { topicAlias: alias } })
  }

  t.match(alice.hears(), [/^disconnect 0x97/])
  t.equal(pond.broker.memory.kinds.aliases, 0)
})

test('the broker gives no alias to topics beyond the bytes that they may take', async t => {
  const pond = new Pond({ limits: { topicAliasBytesMax: 50_000 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob', { properties: { topicAliasMaximum: 10 } })
  bob.subscribes('#', 0)
  bob.hears()

  for (let index = 1; index <= 3; index++) alice.publishes(`${index}/${LONG}`, 'x')

  const aliases = bob
    .receives()
    .map(packet => packet.type === 'publish' && packet.properties.topicAlias)
  t.strictSame(aliases, [1, 2, undefined])
})

test('a small payload that stays does not keep the memory that it shared', async t => {
  const payload = Buffer.allocUnsafe(100)
  const { broker } = new Pond()
  const said = { payload, qos: 1, retain: false, properties: NO_PROPERTIES } as const
  const message = makeMessage(said, 't', null, broker)
  t.ok(payload.buffer.byteLength > 4_000)

  compactBytes(message)

  t.equal(message.payload.buffer.byteLength, 100)
  t.equal(message.payload.compare(payload), 0)
})

test('a page brings no more into memory than a queue may have there', async t => {
  const limits = { queuedInMemoryBytesMax: 10_000 }
  const pond = new Pond({ limits, store: new MemoryStore(4) })
  const alice = pond.client('alice')
  const bob = pond.client('bob', SLOW)
  bob.subscribes('a', 1)
  for (let index = 0; index < 50; index++) alice.publishes('a', Buffer.alloc(2_000), { qos: 1 })

  const most = []
  for (let packetId = 1; packetId <= 50; packetId++) {
    bob.acknowledges('puback', packetId)
    most.push(pond.broker.memory.bufferBytes)
  }

  t.ok(Math.max(...most) <= 10_000 / 4 + 5 * 2_000 + 2_000, String(Math.max(...most)))
  t.equal(pond.broker.sessions.get('bob')?.queue.messages, 0)
})

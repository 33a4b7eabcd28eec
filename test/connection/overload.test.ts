// What the broker does less of while it is overloaded. The levels are given; time is moved.

import { type Test, test } from 'tap'
import { CALM, type SensorLevels } from '../../src/broker/overload-levels.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { statusOf } from '../../src/observe/status.ts'

const KILOBYTE = Buffer.alloc(1_000, 'x')
const LARGE = Buffer.alloc(40_000, 'x')
const LOOP = (level: 1 | 2 | 3): SensorLevels => ({ ...CALM, 'loop-delay': level })

class OverloadedPond extends Pond {
  constructor(options: PondOptions = {}) {
    super(options)
  }

  /** So many windows of a tenth of a second end with these levels. */
  windows(count: number, levels: SensorLevels, meanwhile: () => void = () => {}): void {
    for (let done = 0; done < count; done++) {
      meanwhile()
      this.passes({ seconds: 0.1 })
      this.core.overloaded(levels)
      this.settles()
    }
  }

  get actions(): Readonly<Record<string, number>> {
    return this.broker.statistics.overload
  }
}

/** Sends up to so many messages, as long as its socket is read. */
function publishes(client: PondClient, count: number, topic: string, payload: Buffer): void {
  for (let sent = 0; sent < count && !client.wire.isPaused; sent++) client.publishes(topic, payload)
}

function payloadsOf(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

/** Two publishers, one of which sends a thousand times as much and more, up to the end of a window at level 2. */
function unequalPublishers(pond: OverloadedPond): { heavy: PondClient; light: PondClient } {
  const heavy = pond.client('heavy')
  const light = pond.client('light')
  const bothPublish = (): void => {
    light.publishes('light', 'x')
    publishes(heavy, 100, 'heavy', LARGE)
  }
  pond.windows(3, LOOP(1), bothPublish)
  pond.windows(1, LOOP(2), bothPublish)
  return { heavy, light }
}

test('at level 1 a new client gets a smaller Receive Maximum', async t => {
  const pond = new OverloadedPond()
  const before = pond.client('before')
  pond.windows(1, LOOP(1))

  const after = pond.client('after')
  pond.client('older', { version: 4 })

  t.match(before.greeting, { properties: { receiveMaximum: 64 } })
  t.match(after.greeting, { properties: { receiveMaximum: 16 } })
  t.equal(pond.actions['receiveMaxLowered'], 1)
})

test('from level 1 on CONNECT packets take more of their rate, so that fewer are let in', async t => {
  const admittedAt = (level: 1 | 2): number => {
    const pond = new OverloadedPond({ limits: { connectsPerSecondMax: 100 } })
    pond.windows(20, LOOP(level))
    for (let count = 0; count < 100; count++) pond.stranger(`c${count}`).connects()
    t.equal(pond.actions['connectsSlowed'], 100 - pond.broker.sessions.connectedCount)
    return pond.broker.sessions.connectedCount
  }

  t.strictSame([admittedAt(1), admittedAt(2)], [25, 5])
})

test('at level 2 the publisher above its fair share waits, and the other one does not', async t => {
  const pond = new OverloadedPond()
  const reader = pond.client('reader')
  reader.subscribes('light')
  reader.hears()
  const { heavy, light } = unequalPublishers(pond)
  reader.receives()

  publishes(heavy, 200, 'heavy', LARGE)
  const before = pond.broker.statistics.messagesReceived
  heavy.publishes('heavy', KILOBYTE)
  light.publishes('light', 'passes')

  t.equal(pond.broker.statistics.messagesReceived, before + 1)
  t.strictSame(payloadsOf(reader), ['passes'])
  t.equal(pond.actions['publishersPaused'], 1)
})

test('a publisher that waits is answered to PINGREQ and its acknowledgements count', async t => {
  const pond = new OverloadedPond({ limits: { inFlightMax: 1 } })
  const heavy = pond.client('heavy')
  heavy.subscribes('to/heavy', 1)
  const other = pond.client('other')
  pond.windows(1, LOOP(3))
  heavy.publishes('a', 'waits', { qos: 1 })
  heavy.hears()
  pond.windows(1, CALM)
  pond.windows(1, LOOP(3))
  heavy.publishes('a', 'waits', { qos: 1, packetId: 9 })
  pond.broker.overload.set(CALM)
  other.publishes('to/heavy', 'one', { qos: 1 })
  other.publishes('to/heavy', 'two', { qos: 1 })
  pond.broker.overload.set(LOOP(3))

  const first = heavy.receivesMessages()
  heavy.pings()
  heavy.acknowledges('puback', first[0]?.packetId ?? 0)

  t.strictSame(heavy.hears(), ['pingresp', 'publish to/heavy two q1 #2'])
})

test('a publisher that waits is not found silent, and has its whole keep-alive afterwards', async t => {
  const pond = new OverloadedPond()
  const alice = pond.client('alice', { keepAliveSeconds: 10 })
  pond.windows(1, LOOP(3))
  alice.publishes('a', 'waits', { qos: 1 })

  pond.windows(600, LOOP(3))
  t.notOk(alice.isClosed)
  t.strictSame(alice.hears(), [])
  pond.windows(1, CALM)
  t.match(alice.hears(), [/^puback/])
  pond.passes({ seconds: 14 })
  t.notOk(alice.isClosed)
  pond.passes({ seconds: 2 })
  t.ok(alice.isClosed)
})

test('at level 3 all publishers wait, and nothing is lost or out of order afterwards', async t => {
  const pond = new OverloadedPond()
  const reader = pond.client('reader', { acknowledges: true })
  reader.subscribes('a', 1)
  reader.hears()
  const alice = pond.client('alice')
  const bob = pond.client('bob', { version: 4 })
  pond.windows(1, LOOP(3))

  for (const each of [1, 2, 3]) {
    alice.publishes('a', `alice ${each}`, { qos: 1 })
    bob.publishes('a', `bob ${each}`, { qos: 1 })
  }
  t.strictSame(payloadsOf(reader), [])
  t.strictSame([alice.hears(), bob.hears()], [[], []])
  pond.windows(1, LOOP(2))

  const payloads = payloadsOf(reader)
  for (const name of ['alice', 'bob']) {
    const own = payloads.filter(payload => payload.startsWith(name))
    t.strictSame(own, [`${name} 1`, `${name} 2`, `${name} 3`])
  }
  t.equal(alice.hears().length, 3)
  t.equal(bob.hears().length, 3)
})

test('a publisher that waits is read from up to a bound, and its socket is paused beyond', async t => {
  const pond = new OverloadedPond()
  const alice = pond.client('alice')
  pond.windows(1, LOOP(3))

  let sent = 0
  while (!alice.wire.isPaused && sent < 100) {
    alice.publishes('a', KILOBYTE)
    sent += 1
  }
  t.ok(sent < 20, `${sent} kilobytes`)
  pond.windows(1, CALM)

  t.notOk(alice.wire.isPaused)
  t.equal(pond.broker.statistics.messagesReceived, sent)
})

test('at level 3 messages of QoS 0 are dropped and counted, and those of QoS 1 are delivered', async t => {
  const pond = new OverloadedPond()
  const will = { topic: 'a', payload: 'will 0', qos: 0 } as const
  const reader = pond.client('reader')
  reader.subscribes('a', 1)
  reader.hears()
  const one = pond.client('one', { will })
  const two = pond.client('two', { will: { ...will, payload: 'will 1', qos: 1 } })
  pond.windows(1, LOOP(3))

  one.vanishes()
  two.vanishes()

  t.strictSame(payloadsOf(reader), ['will 1'])
  t.equal(pond.broker.statistics.dropped.overload, 1)
})

test('at level 3 CONNECT is refused with Server busy, in every version', async t => {
  const pond = new OverloadedPond()
  pond.windows(1, LOOP(3))

  const five = pond.stranger('five')
  five.connects()
  const three = pond.stranger('three', { version: 4 })
  three.connects()

  t.strictSame(five.hears(), ['connack 0x89', 'closed'])
  t.strictSame(three.wire.takes(), Buffer.from('20020003', 'hex'))
  t.equal(pond.actions['connectsRefused'], 2)
})

test('when memory is short at level 3, the client with the largest backlog is closed first', async t => {
  const pond = new OverloadedPond()
  const [little, much, most] = ['little', 'much', 'most'].map(name => {
    const client = pond.client(name)
    client.subscribes(name)
    client.hears()
    client.freezes()
    return client
  })
  const alice = pond.client('alice')
  alice.publishes('little', Buffer.alloc(10_000))
  alice.publishes('much', Buffer.alloc(100_000))
  alice.publishes('most', Buffer.alloc(200_000))
  const memory: SensorLevels = { ...CALM, memory: 3 }

  pond.windows(1, memory)
  t.strictSame(
    [little, much, most].map(client => client?.wire.wasReset),
    [false, false, true],
  )
  pond.windows(5, memory)
  t.strictSame(
    [little, much, most].map(client => client?.wire.wasReset),
    [false, true, true],
  )
  t.equal(pond.actions['consumersClosed'], 2)
  t.equal(pond.broker.memory.bufferBytes < 20_000, true)
})

test('a late event loop or a slow disk closes no client', async t => {
  const pond = new OverloadedPond()
  const reader = pond.client('reader')
  reader.subscribes('a')
  reader.freezes()
  pond.client('alice').publishes('a', Buffer.alloc(200_000))

  pond.windows(20, { ...CALM, 'loop-delay': 3, 'commit-age': 3, disk: 3 })

  t.notOk(reader.isClosed)
})

test('when memory is short little waits for each client', async t => {
  const pond = new OverloadedPond()
  const reader = pond.client('reader')
  reader.subscribes('a')
  reader.freezes()
  const alice = pond.client('alice')
  pond.windows(1, { ...CALM, memory: 1 })

  for (let count = 0; count < 100; count++) alice.publishes('a', Buffer.alloc(10_000))

  t.ok(reader.wire.pendingBytes < 100_000, `${reader.wire.pendingBytes} bytes`)
  t.ok(pond.broker.statistics.dropped['outbox-full'] > 80)
})

test('with little room on the disk what must be stored is refused, and the rest goes on', async t => {
  const pond = new OverloadedPond()
  const durable = pond.client('durable', {
    cleanStart: false,
    properties: { sessionExpiryInterval: 60 },
  })
  durable.subscribes('stored', 1)
  durable.hears()
  const alice = pond.client('alice')
  const refusesThen = (levels: SensorLevels): readonly string[] => {
    pond.windows(1, levels)
    alice.publishes('stored', 'x', { qos: 1, packetId: 7 })
    alice.publishes('other', 'x', { qos: 1, packetId: 8 })
    return alice.hears()
  }

  t.strictSame(refusesThen({ ...CALM, disk: 3 }), ['puback #7 0x97', 'puback #8 0x10'])
  t.strictSame(refusesThen({ ...CALM, disk: 2 }), ['puback #7 0x0', 'puback #8 0x10'])
  t.equal(pond.client('comes in').greeting?.type, 'connack')
})

test('what a client sent before it closed its connection is handled, also if it had to wait', async t => {
  const pond = new OverloadedPond()
  const reader = pond.client('reader')
  reader.subscribes('a', 1)
  reader.hears()
  const alice = pond.client('alice')
  pond.windows(1, LOOP(3))

  alice.publishes('a', 'last', { qos: 1 })
  alice.disconnects()
  alice.wire.hangsUp()
  pond.settles()

  t.strictSame(payloadsOf(reader), ['last'])
})

test('at level 2 everybody gets on: a publisher of one large message waits for a bounded time', async t => {
  const pond = new OverloadedPond()
  const { light } = unequalPublishers(pond)
  for (let count = 0; count < 20; count++) pond.client(`r${count}`).subscribes('large')
  const large = pond.client('large')
  pond.windows(1, LOOP(2), () => large.publishes('large', KILOBYTE))
  large.publishes('large', Buffer.alloc(1_000_000))
  const received = (): number => pond.broker.statistics.messagesReceived
  const before = received()

  large.publishes('large', 'next')
  t.equal(received(), before)
  pond.windows(22, LOOP(2))

  t.equal(received(), before + 1)
  t.notOk(light.isClosed)
})

test('the longer level 2 lasts, the less the publishers above their share may send', async t => {
  const pond = new OverloadedPond()
  const { heavy } = unequalPublishers(pond)
  const sentIn = (windows: number): number => {
    const before = pond.broker.statistics.messagesReceived
    pond.windows(windows, LOOP(2), () => {
      publishes(heavy, 100, 'heavy', LARGE)
    })
    return pond.broker.statistics.messagesReceived - before
  }

  const [first, second, third] = [sentIn(10), sentIn(20), sentIn(20)]

  t.ok(first < 700, `${first} of 1,000`)
  t.ok(second < 2 * first * 0.8, `${second} of 2,000`)
  t.ok(third > 100, `${third} of 2,000: everybody gets on`)
  pond.windows(1, CALM)
  t.notOk(heavy.wire.isPaused)
})

test('publishers that cost the same get the same', async t => {
  const pond = new OverloadedPond()
  const publishers = Array.from({ length: 4 }, (_, index) => pond.client(`p${index}`))
  const readers = publishers.map((_, index) => {
    const reader = pond.client(`r${index}`)
    reader.subscribes(`t${index}`)
    reader.hears()
    return reader
  })
  const allPublish = (): void =>
    publishers.forEach((each, index) => {
      publishes(each, 50, `t${index}`, LARGE)
    })
  pond.windows(3, LOOP(1), allPublish)
  pond.windows(1, LOOP(2), allPublish)
  for (const reader of readers) reader.receives()

  pond.windows(20, LOOP(2), allPublish)

  const counts = readers.map(reader => reader.receives().length)
  t.ok(Math.max(...counts) - Math.min(...counts) <= 20, counts.join(', '))
  t.ok((counts[0] ?? 0) < 900, counts.join(', '))
})

test('a message to many costs its publisher more', async t => {
  const pond = new OverloadedPond()
  for (let count = 0; count < 200; count++) pond.client(`r${count}`).subscribes('many')
  const one = pond.client('one')
  const many = pond.client('many')
  const bothPublish = (): void => {
    for (let count = 0; count < 10; count++) {
      one.publishes('none', KILOBYTE)
      many.publishes('many', KILOBYTE)
    }
  }
  pond.windows(3, LOOP(1), bothPublish)
  pond.windows(10, LOOP(2), bothPublish)

  t.equal(pausedOf(t, pond), 'many')
})

/** The only connection whose PUBLISH waits. */
function pausedOf(t: Test, { core }: Pond): string | null {
  const held = [...core.sockets].filter(({ connection }) => connection.held?.isWaiting === true)
  t.equal(held.length, 1)
  return held[0]?.connection.clientId ?? null
}

test('at level 0 no PUBLISH is looked at twice, and nothing of it stays when overload is over', async t => {
  const pond = new OverloadedPond()
  const { heavy, light } = unequalPublishers(pond)
  pond.windows(1, CALM)

  const before = pond.broker.statistics.messagesReceived
  publishes(heavy, 1_000, 'heavy', LARGE)
  light.publishes('light', 'x')

  t.equal(pond.broker.statistics.messagesReceived, before + 1_001)
})

test('the status tells the level, the sensors and what was done', async t => {
  const pond = new OverloadedPond()
  pond.windows(1, { ...CALM, memory: 1, 'commit-age': 3 })
  pond.stranger('alice').connects()

  const status = statusOf({
    broker: pond.broker,
    store: pond.core.store,
    queuedMessages: 0,
    queuedBytes: 0,
    connectsWaiting: 0,
    uptimeSeconds: 0,
    logLinesLeftOut: 0,
    access: {},
    limited: {},
    bridges: {},
    frontEnds: [],
  })

  t.match(status, {
    overloadLevel: 3,
    overload: { memory: 1, 'commit-age': 3, disk: 0 },
    overloadActions: { connectsRefused: 1 },
  })
})

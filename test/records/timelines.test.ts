// What is kept of each client, in bounded memory.

import { test } from 'tap'
import { Timelines } from '../../src/records/timelines.ts'

const MIB = 1_048_576

function clock(): { now: number; read: () => number } {
  const world = { now: 1_700_000_000_000, read: () => world.now }
  return world
}

test('equal events are one with a count, the first and the last time', async t => {
  const time = clock()
  const timelines = new Timelines(MIB, time.read)

  for (let drops = 0; drops < 12_701; drops++) {
    timelines.dropped('slow-1', 'queue-full', `topic/${drops}`)
    time.now += 1
  }

  t.match(timelines.eventsOf('slow-1'), [
    {
      kind: 'dropped',
      cause: 'queue-full',
      count: 12_701,
      at: 1_700_000_000_000,
      lastAt: 1_700_000_012_700,
      topic: 'topic/0',
    },
  ])
})

test('a client that comes and goes again and again keeps what was before', async t => {
  const time = clock()
  const timelines = new Timelines(MIB, time.read)
  timelines.record('esp', { kind: 'subscribed', topic: 'home/#' })

  for (let round = 0; round < 100; round++) {
    time.now += 1_000
    timelines.record('esp', { kind: 'connected', address: '10.0.0.7' })
    timelines.record('esp', { kind: 'disconnected', by: 'network', cause: 'reset' })
  }

  t.match(timelines.eventsOf('esp'), [
    { kind: 'subscribed', topic: 'home/#', count: 1 },
    { kind: 'connected', address: '10.0.0.7', count: 100 },
    { kind: 'disconnected', by: 'network', cause: 'reset', count: 100 },
  ])
})

test('a noisy client overwrites only its own events, from the oldest on', async t => {
  const timelines = new Timelines(MIB, clock().read)
  timelines.record('calm', { kind: 'connected', address: '10.0.0.1' })

  for (let number = 0; number < 40; number++) {
    timelines.record('noisy', { kind: 'connected', address: `10.0.0.${number}` })
  }

  const noisy = timelines.eventsOf('noisy') ?? []
  t.equal(noisy.length, 16)
  t.equal(noisy[0]?.address, '10.0.0.24')
  t.equal(noisy[15]?.address, '10.0.0.39')
  t.match(timelines.eventsOf('calm'), [{ kind: 'connected', address: '10.0.0.1' }])
})

test('the longest unchanged timeline goes when all memory is used, and the bytes stay below the bound', async t => {
  const bytesMax = MIB
  const timelines = new Timelines(bytesMax, clock().read)
  timelines.record('first', { kind: 'connected' })
  timelines.record('second', { kind: 'connected' })

  for (let number = 0; number < 5_000; number++) {
    timelines.record('first', { kind: 'subscribed', topic: `a/${number}` })
    timelines.record(`client-${number}`, { kind: 'connected', address: `10.1.0.${number % 250}` })
    if (timelines.bytes > bytesMax) t.fail(`${timelines.bytes} bytes`)
  }

  t.not(timelines.eventsOf('first'), null)
  t.equal(timelines.eventsOf('second'), null)
  t.equal(timelines.eventsOf('client-0'), null)
  t.match(timelines.eventsOf('client-4999'), [{ kind: 'connected' }])
  t.equal(timelines.count + timelines.forgotten, 5_002)
})

test('client ids and texts as long as MQTT allows stay within the bound', async t => {
  const bytesMax = MIB
  const timelines = new Timelines(bytesMax, clock().read)

  for (let number = 0; number < 200; number++) {
    const clientId = `${number}${'x'.repeat(65_000)}`
    timelines.record(clientId, { kind: 'subscribed', topic: 'é'.repeat(30_000) })
    if (timelines.bytes > bytesMax) t.fail(`${timelines.bytes} bytes`)
  }

  const [event] = timelines.eventsOf(`199${'x'.repeat(65_000)}`) ?? []
  t.ok(Buffer.byteLength(event?.topic ?? '') <= 128)
})

test('with a bound of no memory at all, the last client has its timeline, and no other', async t => {
  const timelines = new Timelines(0, clock().read)

  timelines.record('one', { kind: 'connected' })
  timelines.record('other', { kind: 'connected' })

  t.equal(timelines.eventsOf('one'), null)
  t.match(timelines.eventsOf('other'), [{ kind: 'connected' }])
})

test('each kind, ender, reason and text comes back as it was written', async t => {
  const timelines = new Timelines(MIB, clock().read)
  const happening = {
    kind: 'disconnected',
    by: 'takeover',
    reasonCode: 0x8e,
    cause: 'another connection came with the same client id',
    topic: '10.0.0.2',
    address: '10.0.0.1',
  } as const

  timelines.record('‮<script>', happening)

  t.match(timelines.eventsOf('‮<script>'), [{ ...happening, count: 1 }])
})

// Traces: the packets of one client, and the way of each message of a filter.

import { test } from 'tap'
import { PacketPieces } from '../../src/records/packet-pieces.ts'
import type { Trace } from '../../src/records/trace.ts'
import { Traces } from '../../src/records/traces.ts'
import { Pond, type PondOptions } from '../pond.ts'

function tracing(options: PondOptions = {}) {
  const pond = new Pond(options)
  const ends: (() => void)[] = []
  const traces = new Traces({
    broker: pond.broker,
    sockets: () => pond.core.sockets,
    now: () => pond.now,
    after: (_milliseconds, act) => ends.push(act),
  })
  const begins = (request: Partial<Trace['request']>): Trace => {
    const trace = traces.begin({ filter: null, clientId: null, seconds: 60, ...request })
    if (typeof trace === 'string') throw new Error(trace)
    return trace
  }
  return { pond, traces, begins, ends }
}

function told({ lines }: Trace): readonly string[] {
  return lines.map(({ kind, direction, clientId, topic, text }) =>
    [direction, kind, clientId, topic, text].filter(word => word !== null && word !== '').join(' '),
  )
}

test('the packets of one client are shown in both directions, with its payloads and without its password', async t => {
  const { pond, begins } = tracing()
  const alice = pond.client('alice')
  const trace = begins({ clientId: 'alice' })

  alice.subscribes('a/#', 1)
  pond.client('bob').publishes('a/b', '{"lat":48}', { qos: 1 })
  pond.client('bob', { password: 'secret', username: 'bob' })
  alice.disconnects()
  pond.client('alice', { username: 'u', password: 'secret' })

  t.strictSame(told(trace), [
    'in subscribe alice "a/#" QoS 1',
    'out suback alice granted QoS 1',
    'out publish alice a/b',
    'in disconnect alice success',
    'disconnected alice by client: the client said DISCONNECT (success)',
    'dropped alice a/b session-ended: its session has ended',
    'connected alice from 192.0.2.1 (tcp) as u, with a new session',
    'out connack alice success',
  ])
  t.match(trace.lines[2], { payload: '{"lat":48}', encoding: 'utf8', payloadBytes: 10, qos: 1 })
  t.notMatch(JSON.stringify(trace.lines), /secret/)
})

test('a client that comes after its trace has begun is traced, and one that is refused too', async t => {
  const { pond, begins } = tracing({
    access: {
      authenticate: ({ username }) =>
        username === 'good'
          ? { kind: 'allowed', permissions: { mayPublish: () => true, maySubscribe: () => true } }
          : { kind: 'refused', reason: 0x86, sentence: 'no such user' },
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  const trace = begins({ clientId: 'esp' })

  pond.client('esp', { username: 'bad' })
  pond.client('other', { username: 'bad' })
  pond.client('esp', { username: 'good' }).pings()

  t.strictSame(told(trace), [
    'refused esp from 192.0.2.1: no such user (bad user name or password)',
    'connected esp from 192.0.2.1 (tcp) as good, with a new session',
    'out connack esp success',
    'in pingreq esp',
    'out pingresp esp',
  ])
})

test('a packet that arrives in pieces, or had begun before the trace, is not shown wrongly', async t => {
  const { pond, begins } = tracing()
  const alice = pond.client('alice')
  alice.saysBytes('30 05 00 01')
  const trace = begins({ clientId: 'alice' })

  alice.saysBytes('61 00 79')
  alice.saysBytes('c0')
  alice.saysBytes('00')

  t.strictSame(told(trace), ['in pingreq alice', 'out pingresp alice'])
})

test('the way of each message is told: who sent it, who got it, who not and why', async t => {
  const { pond, begins } = tracing({ limits: { queuedMessagesMax: 1 } })
  const kept = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  const away = pond.client('away', kept)
  away.subscribes('fleet/#', 1)
  away.vanishes()
  const reader = pond.client('reader', { acknowledges: true })
  reader.subscribes('fleet/+', 1)
  pond.client('light').subscribes('fleet/1', 0)
  const trace = begins({ filter: 'fleet/#' })
  const truck = pond.client('truck')

  truck.publishes('fleet/1', 'first', { qos: 1 })
  truck.publishes('fleet/1', 'second', { qos: 1 })
  truck.publishes('other', 'x', { qos: 1 })
  reader.receives()

  const [first = 0, second = 0] = [...new Set(trace.lines.map(({ sequence }) => sequence ?? 0))]
  const storyOf = (wanted: number): readonly string[] =>
    trace.lines
      .filter(({ sequence }) => sequence === wanted)
      .map(({ kind, clientId, text }) => `${kind} ${clientId ?? ''} ${text}`.trim())
  t.strictSame(storyOf(first).toSorted(), [
    'acknowledged reader',
    'matched  3 receivers',
    'queued away waits as one of 1',
    'received truck',
    'sent light',
    'sent reader',
  ])
  t.ok(storyOf(second).includes('dropped away queue-full: its queue is full'))
  t.equal(trace.lines[0]?.kind, 'received')
  t.equal(trace.lines[0]?.payload, 'first')
})

test('a message to nobody, a refused one and one that waited before the trace are told', async t => {
  const { pond, begins } = tracing({ limits: { topicLevelsMax: 4 } })
  const kept = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  const away = pond.client('away', kept)
  away.subscribes('old', 1)
  away.vanishes()
  const alice = pond.client('alice')
  alice.publishes('old', 'x', { qos: 1 })
  const trace = begins({ filter: '#' })

  alice.publishes('nobody', 'x', { qos: 1 })
  alice.publishes('a/b/c/d/e/f', 'x', { qos: 1 })
  pond.client('away', { ...kept, acknowledges: true })

  t.strictSame(told(trace), [
    'received alice nobody',
    'matched nobody 0 receivers',
    'publish-refused alice a/b/c/d/e/f topic has more than 4 levels (limits.topicLevelsMax)',
    'sent away old',
    'acknowledged away old',
  ])
})

test('a share group is told, and which of its members acknowledged', async t => {
  const { pond, begins } = tracing()
  const worker = pond.client('worker', { acknowledges: true })
  worker.subscribes('$share/g/jobs', 1)
  const trace = begins({ filter: 'jobs' })

  pond.client('alice').publishes('jobs', 'x', { qos: 1 })
  worker.receives()

  const lines = told(trace)
  t.ok(lines.includes('sent worker jobs'))
  t.ok(lines.includes('acknowledged worker jobs'))
  t.ok(lines.some(line => line.startsWith('sent $share/g/jobs')))
})

test('with a client and a filter, only messages from it or to it are told', async t => {
  const { pond, begins } = tracing()
  pond.client('one').subscribes('a', 0)
  pond.client('two').subscribes('a', 0)
  const trace = begins({ filter: 'a', clientId: 'one' })

  pond.client('alice').publishes('a', 'x')

  t.strictSame(told(trace), ['received alice a', 'sent one a', 'matched a 2 receivers'])
})

test('there are four traces at once, and none twice of one client; those that end make room', async t => {
  const { traces, begins, ends } = tracing()
  begins({ clientId: 'a' })
  t.match(traces.begin({ filter: null, clientId: 'a', seconds: 1 }), /traced already/)
  t.match(traces.begin({ filter: null, clientId: null, seconds: 1 }), /needs a filter/)
  for (const filter of ['a', 'b', 'c']) begins({ filter })

  t.match(traces.begin({ filter: 'd', clientId: null, seconds: 1 }), /4 traces run already/)
  ends[0]?.()
  t.equal(traces.all[0]?.isOver, true)
  const last = begins({ filter: 'd' })
  t.equal(traces.all.length, 4)
  t.equal(traces.get(last.id), last)
  t.equal(traces.get(1), null)
})

test('without a trace nothing listens, and after one nothing does any more', async t => {
  const { pond, traces, begins } = tracing()
  const { heard } = pond.broker.faults.observers
  const before = Object.keys(heard).filter(name => Reflect.get(heard, name) !== undefined)
  const alice = pond.client('alice')
  t.equal(heard.sent, undefined)
  t.equal(heard.acknowledged, undefined)
  t.equal(heard.published, undefined)

  for (const trace of [begins({ filter: '#' }), begins({ clientId: 'alice' })]) traces.end(trace)

  t.strictSame(
    Object.keys(heard).filter(name => Reflect.get(heard, name) !== undefined),
    before,
  )
  t.ok([...pond.core.sockets].every(({ tap }) => tap === null))
  alice.pings()
})

test('a flood keeps to the bounds of a trace, and says how much is left out', async t => {
  const { pond, begins } = tracing()
  const alice = pond.client('alice')
  for (let number = 0; number < 50; number++) pond.client(`reader-${number}`).subscribes('a', 0)
  const trace = begins({ filter: 'a' })

  pond.inOneTurn(() => {
    for (let number = 0; number < 500; number++) alice.publishes('a', 'x'.repeat(10_000))
  })

  t.ok(trace.lines.length <= 1_000)
  t.ok(trace.leftOut > 300)
  const [first] = trace.lines
  const receivers = trace.lines.filter(
    ({ sequence, kind }) => sequence === first?.sequence && kind === 'sent',
  )
  t.equal(receivers.length, 32)
  t.ok((first?.payload ?? '').length <= 256)
  t.equal(first?.payloadBytes, 10_000)
})

test('a listener gets each line, up to the end of the trace', async t => {
  const { pond, traces, begins } = tracing()
  const trace = begins({ filter: 'a' })
  const heard: string[] = []
  trace.listen(({ kind }) => heard.push(kind))
  trace.whenOver(() => heard.push('over'))
  const alice = pond.client('alice')

  alice.publishes('a', 'x')
  traces.end(trace)
  alice.publishes('a', 'x')

  t.strictSame(heard, ['received', 'matched', 'over'])
})

test('hostile bytes and names leave a trace in order', async t => {
  const { pond, begins } = tracing()
  const name = '<img onerror>../‮'
  const hostile = pond.client(name)
  const trace = begins({ clientId: name })

  hostile.publishes('a', Buffer.from([0xff, 0xfe, 0x00]))
  hostile.publishes('b', `${'x'.repeat(255)}é`)
  hostile.saysBytes('ff ff ff ff ff 7f')

  t.match(trace.lines[0], { payload: 'fffe00', encoding: 'hex' })
  t.match(trace.lines[1], { payload: 'x'.repeat(255), encoding: 'utf8', payloadBytes: 257 })
  t.ok(told(trace).some(line => line.startsWith('disconnected')))
})

test('pieces of packets are put together, and only their beginnings are kept', async t => {
  const found: string[] = []
  const pieces = new PacketPieces((head, packetBytes) =>
    found.push(`${head.length}/${packetBytes}`),
  )
  const large = Buffer.concat([Buffer.from('30808040', 'hex'), Buffer.alloc(1_048_576)])
  const stream = Buffer.concat([Buffer.from('c000', 'hex'), large, Buffer.from('c000d000', 'hex')])

  for (let at = 0; at < stream.length; at += 1_000) pieces.push(stream.subarray(at, at + 1_000))

  t.strictSame(found, ['2/2', '4096/1048580', '2/2', '2/2'])
})

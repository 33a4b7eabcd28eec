// What a relay answers by itself, and what it passes on.

import { test } from 'tap'
import { carried, crossed, PATH_PROPERTY, type Paths } from '../../src/bridge/bridge-path.ts'
import { BridgeTopics, type BridgeTopic } from '../../src/bridge/bridge-topics.ts'
import { Relay, type RelayCounters } from '../../src/bridge/relay.ts'
import {
  type AcknowledgementPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type PublishPacket,
  type QoS,
} from '../../src/packet/packet.ts'
import { NOT_AUTHORIZED, QUOTA_EXCEEDED, SUCCESS } from '../../src/packet/reason.ts'

const TOPICS: readonly BridgeTopic[] = [
  { filter: 'a/#', direction: 'out', qos: 2, localPrefix: '', remotePrefix: 'site/' },
  { filter: '#', direction: 'in', qos: 2, localPrefix: 'in/', remotePrefix: 'to-site/' },
  { filter: '#', direction: 'out', qos: 1, localPrefix: 'bare/', remotePrefix: '' },
  { filter: '', direction: 'both', qos: 0, localPrefix: 'here', remotePrefix: 'there' },
]

function relay(qosMax: QoS = 2, paths: Paths | null = null) {
  const [toLocal, toRemote]: [string[], string[]] = [[], []]
  const counters: RelayCounters = {
    messagesSent: 0,
    messagesReceived: 0,
    refusedThere: 0,
    refusedHere: 0,
    unmapped: 0,
    looped: 0,
  }
  const it = new Relay({
    topics: new BridgeTopics(TOPICS),
    local: {
      send: packet => toLocal.push(words(packet)),
      offer: packet => toLocal.push(words(packet)) > 0,
    },
    packetBytesMax: 1_000,
    remote: { send: packet => toRemote.push(words(packet)) },
    qosMax,
    retains: true,
    paths,
    looped: () => {},
    counters,
    refused: () => {},
  })
  return { it, toLocal, toRemote, counters }
}

function words(packet: Packet): string {
  if (packet.type === 'publish') return `publish ${packet.topic} q${packet.qos} m${packet.packetId}`
  const { packetId = 0, reason = SUCCESS } = packet as Partial<AcknowledgementPacket>
  return `${packet.type} m${packetId}${reason === SUCCESS ? '' : ` ${reason}`}`
}

function publish(topic: string, qos: QoS, packetId: number): PublishPacket {
  const common = { duplicate: false, retain: false, properties: NO_PROPERTIES }
  return { type: 'publish', topic, qos, packetId, payload: Buffer.from('x'), ...common }
}

function answer(
  type: AcknowledgementPacket['type'],
  packetId: number,
  reason: AcknowledgementPacket['reason'] = SUCCESS,
): AcknowledgementPacket {
  return { type, packetId, reason, properties: NO_PROPERTIES }
}

test('packets keep their identifiers, and each acknowledgement waits for that of the far side', async t => {
  const { it, toLocal, toRemote } = relay()
  it.fromLocal(publish('a/b', 2, 7))
  t.strictSame([toRemote.splice(0), toLocal.splice(0)], [['publish site/a/b q2 m7'], []])
  it.fromRemote(answer('pubrec', 7))
  it.fromLocal(answer('pubrel', 7))
  it.fromRemote(answer('pubcomp', 7))
  t.strictSame(
    [toRemote.splice(0), toLocal.splice(0)],
    [['pubrel m7'], ['pubrec m7', 'pubcomp m7']],
  )

  it.fromRemote(publish('to-site/x', 1, 3))
  t.strictSame([toRemote.splice(0), toLocal.splice(0)], [[], ['publish in/x q1 m3']])
  it.fromLocal(answer('puback', 3))
  t.strictSame(toRemote, ['puback m3'])
})

test('a prefix alone joins two topics', async t => {
  const { it, toLocal, toRemote } = relay()
  it.fromLocal(publish('here', 0, 0))
  it.fromRemote(publish('there', 0, 0))
  t.strictSame([toRemote, toLocal], [['publish there q0 m0'], ['publish here q0 m0']])
})

test('where the other broker takes a lower QoS, PUBREL is answered here', async t => {
  const one = relay(1)
  one.it.fromLocal(publish('a/b', 2, 7))
  one.it.fromRemote(answer('puback', 7))
  one.it.fromLocal(answer('pubrel', 7))
  t.strictSame(
    [one.toRemote, one.toLocal],
    [['publish site/a/b q1 m7'], ['pubrec m7', 'pubcomp m7']],
  )

  const none = relay(0)
  none.it.fromLocal(publish('a/b', 2, 7))
  none.it.fromLocal(answer('pubrel', 7))
  none.it.fromLocal(publish('a/b', 1, 8))
  t.strictSame(none.toRemote, ['publish site/a/b q0 m0', 'publish site/a/b q0 m0'])
  t.strictSame(none.toLocal, ['pubrec m7', 'pubcomp m7', 'puback m8'])
})

test('what no entry fits any more is acknowledged and counted, both ways', async t => {
  const { it, toLocal, toRemote, counters } = relay()
  it.fromLocal(publish('old', 1, 1))
  it.fromRemote(publish('old', 2, 2))
  it.fromRemote(answer('pubrel', 2))
  t.strictSame([toLocal, toRemote], [['puback m1'], ['pubrec m2', 'pubcomp m2']])
  t.equal(counters.unmapped, 2)
})

test('a topic that is nothing without its prefix is acknowledged and counted', async t => {
  const { it, toLocal, toRemote, counters } = relay()
  it.fromLocal(publish('bare/', 1, 1))
  it.fromLocal(publish('bare/x', 1, 2))
  t.strictSame([toLocal, toRemote], [['puback m1'], ['publish x q1 m2']])
  t.equal(counters.unmapped, 1)
})

test('a refusal that passes ends the connection unacknowledged; another is counted', async t => {
  const { it, toLocal, toRemote, counters } = relay()
  t.type(it.fromRemote(answer('puback', 1, QUOTA_EXCEEDED)), 'string')
  t.type(it.fromLocal(answer('pubrec', 1, QUOTA_EXCEEDED)), 'string')
  t.strictSame([toLocal, toRemote], [[], []])

  it.fromRemote(answer('puback', 1, NOT_AUTHORIZED))
  it.fromRemote(answer('pubrec', 2, NOT_AUTHORIZED))
  t.strictSame(toLocal, ['puback m1', `pubrec m2 ${NOT_AUTHORIZED}`])
  it.fromLocal(answer('pubrec', 3, NOT_AUTHORIZED))
  it.fromRemote(answer('pubrel', 3))
  t.strictSame(toRemote, ['pubrec m3', 'pubcomp m3'])
  t.match(counters, { refusedThere: 2, refusedHere: 1 })
})

test('identifiers of a session that the other broker has lost are released first', async t => {
  const { it, toLocal, toRemote } = relay()
  it.forget([4, 5])
  it.fromLocal(answer('pubcomp', 4))
  it.fromRemote(publish('to-site/x', 2, 4))
  it.fromLocal(answer('pubrec', 4))
  it.fromRemote(answer('pubrel', 4))
  it.fromLocal(answer('pubcomp', 4))
  t.strictSame(toLocal, ['pubrel m4', 'pubrel m5', 'publish in/x q2 m4', 'pubrel m4'])
  t.strictSame(toRemote, ['pubrec m4', 'pubcomp m4'])
})

test('what steers the broker that a message was published to does not cross', async t => {
  const userProperties = [
    ['$tx', 'a.1'],
    ['tx', 'mine'],
    ['$message-id', '7'],
  ] as const
  t.strictSame(carried({ userProperties, topicAlias: 1 }), { userProperties: [['tx', 'mine']] })
})

const PATHS: Paths = { brokerId: 'here', userPropertiesMax: 3, arriveThere: true }

function path(...values: string[]): Properties {
  return { userProperties: values.map(value => [PATH_PROPERTY, value] as const) }
}

const CROSSINGS: readonly (readonly [string, string[], 'in' | 'out', string | null])[] = [
  ['a first one', [], 'out', 'out:here'],
  ['one that came in', ['in:here'], 'out', 'in:here out:here'],
  ['one that has left', ['out:here'], 'out', null],
  ['one that has left, and comes back', ['out:here out:there'], 'in', null],
  ['one that comes in again', ['in:here out:there'], 'in', null],
  ['a path in two properties', ['out:here', 'out:there'], 'out', null],
  ['a name within another', ['out:here2 xout:here'], 'out', 'out:here2 xout:here out:here'],
  ['31 crossings', [Array<string>(31).fill('x').join(' ')], 'in', `${'x '.repeat(31)}in:here`],
  ['32 crossings', [Array<string>(32).fill('x').join(' ')], 'in', null],
  ['a text that is too long', ['x'.repeat(60_000)], 'in', null],
]

for (const [what, values, direction, expected] of CROSSINGS) {
  test(`the path of ${what}, ${direction}`, t => {
    const found = crossed(path(...values), 'here', direction)

    t.strictSame(found?.userProperties ?? null, expected && [[PATH_PROPERTY, expected]])
    t.end()
  })
}

test('a message that comes back is acknowledged where it came from, counted, and not carried', t => {
  const { it, toLocal, toRemote, counters } = relay(2, PATHS)
  const left = { properties: path('out:here') }

  for (const qos of [0, 1, 2] as const)
    it.fromRemote({ ...publish('to-site/x', qos, qos), ...left })
  it.fromRemote(answer('pubrel', 2))
  for (const qos of [1, 2] as const) it.fromLocal({ ...publish('a/b', qos, 3 + qos), ...left })

  t.strictSame(toRemote, ['puback m1', 'pubrec m2', 'pubcomp m2'])
  t.strictSame(toLocal, ['puback m4', 'pubrec m5'])
  t.equal(counters.looped, 5)
  t.end()
})

test('a message without room for a path is refused, and not sent without one', t => {
  const { it, toLocal, toRemote, counters } = relay(2, PATHS)
  const full = { userProperties: [0, 1, 2].map(index => ['name', `${index}`] as const) }

  it.fromLocal({ ...publish('a/b', 1, 1), properties: full })

  t.strictSame([toRemote, toLocal, counters.refusedThere], [[], ['puback m1'], 1])
  t.end()
})

test('what does not arrive at a broker of 3.1.1 needs no room', t => {
  const { it, toRemote } = relay(2, { ...PATHS, arriveThere: false, userPropertiesMax: 0 })

  it.fromLocal(publish('a/b', 1, 1))

  t.equal(toRemote.length, 1)
  t.end()
})

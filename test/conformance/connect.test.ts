// Section 3.1 of both specifications: CONNECT.

import type { Access } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'
import { connectBytes, framed } from './bytes.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const
const durable = (version: 4 | 5) =>
  version === 5
    ? { version, cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
    : { version, cleanStart: false }

conforms(
  { v5: ['MQTT-3.1.0-1'], v311: ['MQTT-3.1.0-1'] },
  'a client whose first packet is not CONNECT is closed without an answer',
  t => {
    for (const bytes of [
      'c000',
      'e000',
      '30 03 0001 61',
      '82 06 0001 0001 61 00',
      '40 02 0001',
      'f000',
      '20020000',
    ]) {
      const client = new Pond().stranger('a')
      client.saysBytes(bytes)
      t.strictSame(client.hears(), ['closed'], bytes)
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.0-2'], v311: ['MQTT-3.1.0-2'] },
  'a second CONNECT closes the connection',
  t => {
    for (const version of VERSIONS) {
      const client = new Pond().client('a', { version })
      client.connects()
      t.strictSame(client.hears(), version === 5 ? ['disconnect 0x82', 'closed'] : ['closed'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.2-1'], v311: ['MQTT-3.1.2-1'] },
  'a protocol name that is not MQTT closes the connection',
  t => {
    for (const name of ['0004 4d515458', '0004 6d717474', '0000', '0005 4d51545454']) {
      const client = new Pond().stranger('a')
      client.saysBytes(framed('10', `${name} 04 02 003c 0001 61`))
      t.strictSame(client.hears(), ['closed'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.2-2'], v311: ['MQTT-3.1.2-2'] },
  'an unsupported protocol version hears so before it is closed',
  t => {
    const old = new Pond().stranger('a', { version: 4 })
    old.saysBytes(framed('10', '0004 4d515454 02 02 003c 0001 61'))
    t.equal(old.wire.takes().toString('hex'), '20020001')
    t.ok(old.isClosed)

    const coming = new Pond().stranger('a')
    coming.saysBytes(framed('10', '0004 4d515454 06 02 003c 00 0001 61'))
    t.strictSame(coming.hears(), ['connack 0x84', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.1.2-3'], v311: ['MQTT-3.1.2-3'] },
  'the reserved connect flag closes the connection',
  t => {
    const client = new Pond().stranger('a')
    client.saysBytes(connectBytes(5, '03'))
    t.strictSame(client.hears(), ['connack 0x81', 'closed'])
    const old = new Pond().stranger('a', { version: 4 })
    old.saysBytes(connectBytes(4, '03'))
    t.strictSame(old.hears(), ['closed'])
  },
)

conforms(
  {
    v5: ['MQTT-3.1.2-4', 'MQTT-3.1.4-4', 'MQTT-3.2.2-2'],
    v311: ['MQTT-3.1.2-6', 'MQTT-3.1.4-3', 'MQTT-3.2.2-1'],
  },
  'a clean start discards the session: not present, no subscription, no message of before',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob', durable(version))
      bob.subscribes('a', 1)
      bob.vanishes()
      pond.client('alice').publishes('a', 'missed', { qos: 1 })

      const fresh = pond.client('bob', { version, cleanStart: true })
      t.match(fresh.greeting, { reason: 0, sessionPresent: false })
      pond.client('carol').publishes('a', 'x', { qos: 1 })
      t.strictSame(fresh.hears(), [])
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.2-5', 'MQTT-3.1.2-23', 'MQTT-3.2.2-3', 'MQTT-4.1.0-1'],
    v311: ['MQTT-3.1.2-4', 'MQTT-3.2.2-2', 'MQTT-3.2.2-3', 'MQTT-4.1.0-1', 'MQTT-4.1.0-2'],
  },
  'without a clean start the session goes on: present, with its subscriptions, unsettled and missed messages',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice')
      const bob = pond.client('bob', durable(version))
      t.match(bob.greeting, { sessionPresent: false })
      bob.subscribes('a', 2)
      alice.publishes('a', 'unsettled', { qos: 1 })
      bob.hears()
      bob.vanishes()
      alice.publishes('a', 'missed', { qos: 1 })

      const back = pond.stranger('bob', durable(version))
      back.connects()

      t.strictSame(back.hears(), [
        'connack 0x0 present',
        'publish a unsettled q1 #1 dup',
        'publish a missed q1 #2',
      ])
      alice.publishes('a', 'now')
      t.strictSame(back.hears(), ['publish a now q0'])
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.2-6', 'MQTT-3.1.2-7', 'MQTT-3.1.2-8', 'MQTT-3.1.2-9', 'MQTT-3.1.2-13'],
    v311: ['MQTT-3.1.2-9', 'MQTT-3.1.2-11', 'MQTT-3.1.2-13', 'MQTT-3.1.2-14', 'MQTT-3.1.2-15'],
  },
  'will flags that do not go together, or a will that is missing, refuse CONNECT',
  t => {
    const willOf = (version: 4 | 5): string => `${version === 5 ? '00' : ''} 0001 77 0001 78`
    for (const version of VERSIONS) {
      for (const [flags, rest] of [
        ['0a', ''], // QoS 1 without a will
        ['12', ''], // QoS 2 without a will
        ['22', ''], // retain without a will
        ['1e', willOf(version)], // QoS 3
        ['06', ''], // no will in the payload
        ['06', version === 5 ? '00 0001 77' : '0001 77'], // no will payload
      ] as const) {
        const client = new Pond().stranger('a', { version })
        client.saysBytes(connectBytes(version, flags, rest))
        t.strictSame(client.hears(), version === 5 ? ['connack 0x81', 'closed'] : ['closed'], flags)
      }
      const client = new Pond().stranger('a', { version })
      client.saysBytes(connectBytes(version, '06', willOf(version)))
      t.strictSame(client.hears(), ['connack 0x0'])
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.2-16', 'MQTT-3.1.2-17', 'MQTT-3.1.2-18', 'MQTT-3.1.2-19'],
    v311: ['MQTT-3.1.2-18', 'MQTT-3.1.2-19', 'MQTT-3.1.2-20', 'MQTT-3.1.2-21', 'MQTT-3.1.2-22'],
  },
  'user name and password are there exactly when their flags say so',
  t => {
    for (const version of VERSIONS) {
      const wrong: [string, string][] = [
        ['82', ''],
        ['02', '0001 75'],
        ['c2', '0001 75'],
        ['82', '0001 75 0001 70'],
        ['42', ''],
        ...(version === 4 ? ([['42', '0001 70']] as [string, string][]) : []),
      ]
      for (const [flags, rest] of wrong) {
        const client = new Pond().stranger('a', { version })
        client.saysBytes(connectBytes(version, flags, rest))
        t.ok(client.isClosed, `${version} ${flags}`)
        t.notMatch(client.hears(), ['connack 0x0'])
      }
      const right = new Pond().stranger('a', { version })
      right.saysBytes(connectBytes(version, 'c2', '0001 75 0001 70'))
      t.strictSame(right.hears(), ['connack 0x0'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.2-11', 'MQTT-3.1.2-22'], v311: ['MQTT-3.1.2-24', 'MQTT-3.1.2-23'] },
  'a client that is silent for one and a half keep-alives is closed as if its network had failed, one that pings is not',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const watcher = pond.client('watcher', { keepAliveSeconds: 0, version: 4 })
      watcher.subscribes('gone')
      watcher.hears()
      const silent = pond.client('silent', {
        version,
        keepAliveSeconds: 10,
        will: { topic: 'gone' },
      })
      const lively = pond.client('lively', { version, keepAliveSeconds: 10 })

      pond.passes({ seconds: 14 })
      lively.pings()
      t.notOk(silent.isClosed)
      pond.passes({ seconds: 2 })

      t.strictSame(silent.hears(), version === 5 ? ['disconnect 0x8d', 'closed'] : ['closed'])
      t.notOk(lively.isClosed)
      t.strictSame(watcher.hears(), ['publish gone  q0'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.2-21', 'MQTT-3.2.2-22', 'MQTT-3.2.2-21'] },
  'a keep-alive over the maximum is replaced, said in CONNACK, and kept',
  t => {
    const pond = new Pond({ limits: { keepAliveSecondsMax: 30 } })
    const client = pond.client('a', { keepAliveSeconds: 600 })

    t.match(client.greeting, { properties: { serverKeepAlive: 30 } })
    pond.passes({ seconds: 46 })
    t.strictSame(client.hears(), ['disconnect 0x8d', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.1.2-24', 'MQTT-3.1.2-25', 'MQTT-3.2.2-16'] },
  'what is larger than the client takes is not sent, and counts as delivered',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice')
    const bob = pond.client('bob', { properties: { maximumPacketSize: 64, receiveMaximum: 1 } })
    bob.subscribes('a', 2)
    bob.hears()

    alice.publishes('a', Buffer.alloc(60), { qos: 1 })
    alice.publishes('a', Buffer.alloc(60))
    alice.publishes('a', 'small', { qos: 1 })

    t.strictSame(bob.hears(), ['publish a small q1 #2'])
    t.equal(pond.broker.statistics.dropped['packet-too-large'], 2)
  },
)

conforms(
  { v5: ['MQTT-3.1.2-26', 'MQTT-3.1.2-27', 'MQTT-3.3.2-11'] },
  'the broker sets topic aliases up to the maximum that the client allows, and none where it allows none',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice')
    const two = pond.client('two', { properties: { topicAliasMaximum: 2 } })
    const none = pond.client('none')
    for (const client of [two, none]) {
      client.subscribes('#')
      client.hears()
    }
    for (const topic of ['a', 'b', 'c', 'a', 'b', 'c']) alice.publishes(topic, '')

    t.strictSame(
      two.receivesMessages().map(({ topic, properties }) => [topic, properties.topicAlias]),
      [
        ['a', 1],
        ['b', 2],
        ['c', undefined],
        ['', 1],
        ['', 2],
        ['c', undefined],
      ],
    )
    t.ok(none.receivesMessages().every(({ properties }) => properties.topicAlias === undefined))
  },
)

conforms(
  { v5: ['MQTT-3.1.2-28'] },
  'Response Information is given to a client that asks, and to no other',
  t => {
    const pond = new Pond({ responseInformation: 'answers/' })
    const asking = pond.client('asking', { properties: { requestResponseInformation: 1 } })
    const silent = pond.client('silent', { properties: { requestResponseInformation: 0 } })
    const plain = pond.client('plain')

    t.match(asking.greeting, { properties: { responseInformation: 'answers/' } })
    for (const { greeting } of [silent, plain]) {
      t.equal(greeting?.type === 'connack' && greeting.properties.responseInformation, undefined)
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.2-29'] },
  'a client that wants no problem information gets no reason string but with CONNACK and DISCONNECT',
  t => {
    const pond = new Pond({ limits: { topicLevelsMax: 2 } })
    const quiet = pond.client('quiet', { properties: { requestProblemInformation: 0 } })
    const curious = pond.client('curious')

    for (const client of [quiet, curious]) client.publishes('a/b/c', '', { qos: 1 })

    const [toQuiet] = quiet.receives()
    const [toCurious] = curious.receives()
    t.match(toQuiet, { type: 'puback', reason: 0x90, properties: NO_PROPERTIES })
    t.strictSame(toQuiet?.type === 'puback' && toQuiet.properties, NO_PROPERTIES)
    t.match(toCurious, { type: 'puback', reason: 0x90, properties: { reasonString: /levels/ } })
  },
)

conforms(
  { v5: ['MQTT-3.1.3-2'], v311: ['MQTT-3.1.3-2'] },
  'state belongs to its client id, letter by letter',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const one = pond.client('one', durable(version))
      one.subscribes('a', 1)
      one.vanishes()
      for (const clientId of ['One', 'one ', 'two']) {
        t.match(pond.client(clientId, durable(version)).greeting, { sessionPresent: false })
      }
      t.match(pond.client('one', durable(version)).greeting, { sessionPresent: true })
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.3-1', 'MQTT-3.1.3-3'],
    v311: ['MQTT-3.1.3-5', 'MQTT-3.1.3-3', 'MQTT-3.1.3-1'],
  },
  'client id, will, user name and password are read in this order; ids of 1 to 23 letters and digits are taken, and longer ones',
  t => {
    const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    for (const version of VERSIONS) {
      for (let length = 1; length <= 23; length++) {
        const clientId = letters.slice(length, 2 * length)
        t.match(new Pond().client(clientId, { version }).greeting, { reason: 0 })
      }
      t.match(new Pond().client(letters, { version }).greeting, { reason: 0 })
    }
    const told: string[] = []
    const access: Access = {
      authenticate: ({ clientId, username, password }) => {
        told.push(`${clientId} ${username} ${password?.toString()}`)
        return { kind: 'allowed', permissions: UNRESTRICTED }
      },
      beginExchange: () => null,
      permissionsOf: () => null,
    }
    for (const version of VERSIONS) {
      const pond = new Pond({ access })
      const watcher = pond.client('watcher')
      watcher.subscribes('w')
      watcher.hears()
      const stranger = pond.stranger('a', { version })
      const will = version === 5 ? '00 0001 77 0001 78' : '0001 77 0001 78'
      stranger.saysBytes(connectBytes(version, 'c6', `${will} 0001 75 0001 70`))
      t.strictSame(stranger.hears(), ['connack 0x0'])
      t.equal(told.pop(), 'a u p')
      stranger.vanishes()
      t.strictSame(watcher.hears(), ['publish w x q0'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.3-4', 'MQTT-3.1.3-6', 'MQTT-3.1.3-7'], v311: ['MQTT-3.1.3-6'] },
  'an empty client id is replaced by one that nobody has, which MQTT 5 is told',
  t => {
    const pond = new Pond()
    const [one, two] = [pond.client(''), pond.client('', { cleanStart: false })]
    const old = pond.client('', { version: 4 })
    const ids = [one, two].map(({ greeting }) =>
      greeting?.type === 'connack' ? greeting.properties.assignedClientIdentifier : undefined,
    )

    t.ok(ids.every(id => id !== undefined && id !== ''))
    t.equal(new Set(ids).size, 2)
    t.match(old.greeting, { reason: 0, sessionPresent: false })
    t.equal(pond.broker.sessions.count, 3)
  },
)

conforms(
  { v5: ['MQTT-3.1.3-5', 'MQTT-3.1.3-8'], v311: ['MQTT-3.1.3-7', 'MQTT-3.1.3-8', 'MQTT-3.1.3-9'] },
  'a client id that is not taken is refused by its reason, and the connection closed',
  t => {
    const pond = new Pond()
    const empty = pond.stranger('', { version: 4, cleanStart: false })
    empty.connects()
    t.equal(empty.wire.takes().toString('hex'), '20020002')
    t.ok(empty.isClosed)

    const long = pond.stranger('x'.repeat(257))
    long.connects()
    t.strictSame(long.hears(), ['connack 0x85', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.1.4-1'], v311: ['MQTT-3.1.4-1'] },
  'a CONNECT that is not as specified is closed: without CONNACK in 3.1.1, with its reason in 5.0',
  t => {
    for (const [body, version] of [
      ['0004 4d515454 04 02 003c 0005 61', 4],
      ['0004 4d515454 04 02 003c 0001 61 00', 4],
      ['0004 4d515454 04 02 00', 4],
    ] as const) {
      const client = new Pond().stranger('a', { version })
      client.saysBytes(framed('10', body))
      t.strictSame(client.hears(), ['closed'])
    }
    const client = new Pond().stranger('a')
    client.saysBytes(framed('10', '0004 4d515454 05 02 003c 03 21 0000 0001 61'))
    t.strictSame(client.hears(), ['connack 0x82', 'closed'])
  },
)

conforms(
  {
    v5: ['MQTT-3.1.4-2', 'MQTT-3.1.4-6', 'MQTT-3.2.2-6', 'MQTT-3.2.2-7', 'MQTT-3.2.2-8'],
    v311: ['MQTT-3.1.4-5', 'MQTT-3.2.2-4', 'MQTT-3.2.2-5', 'MQTT-3.2.2-6'],
  },
  'a client that access refuses hears why, with no session present, is closed, and nothing it sent after CONNECT counts',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond({
        access: {
          authenticate: ({ username }) =>
            username === 'frog'
              ? { kind: 'refused', reason: 0x87, sentence: 'not you' }
              : {
                  kind: 'allowed',
                  permissions: { mayPublish: () => true, maySubscribe: () => true },
                },
          beginExchange: () => null,
          permissionsOf: () => null,
        },
      })
      const owner = pond.client('a', { ...durable(version), username: 'pond' })
      owner.subscribes('x', 1)
      owner.hears()

      const frog = pond.stranger('a', { ...durable(version), username: 'frog' })
      pond.inOneTurn(() => {
        frog.connects()
        frog.publishes('x', 'croak', { qos: 1 })
      })

      t.strictSame(frog.hears(), ['connack 0x87', 'closed'])
      t.notOk(owner.isClosed)
      t.strictSame(owner.hears(), [])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.4-3'], v311: ['MQTT-3.1.4-2'] },
  'a second connection with the same client id closes the first, which hears why on MQTT 5',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const first = pond.client('a', { version })
      const second = pond.client('a', { version })

      t.strictSame(first.hears(), version === 5 ? ['disconnect 0x8e', 'closed'] : ['closed'])
      t.notOk(second.isClosed)
      t.equal(pond.broker.sessions.connectedCount, 1)
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.4-5', 'MQTT-3.2.0-1', 'MQTT-3.2.0-2', 'MQTT-3.2.2-1'],
    v311: ['MQTT-3.1.4-4', 'MQTT-3.2.0-1'],
  },
  'CONNACK is the first packet, comes once, and its reserved bits are 0',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob', durable(version))
      bob.subscribes('a', 1)
      bob.vanishes()
      pond.client('alice').publishes('a', 'x', { qos: 1 })

      const back = pond.stranger('bob', durable(version))
      pond.inOneTurn(() => {
        back.connects()
        back.pings()
      })
      const bytes = back.wire.takes()

      t.equal(bytes[0], 0x20)
      t.equal(bytes[2], 0x01)
      t.equal(bytes[3], 0x00)
      const rest = bytes.subarray(2 + (bytes[1] ?? 0))
      t.equal(rest[0], 0x32)
      t.notOk(rest.subarray(2 + (rest[1] ?? 0)).includes(Buffer.from([0x20])))
    }
  },
)

conforms(
  { v5: ['MQTT-3.2.2-19', 'MQTT-3.2.2-20'] },
  'a reason string that would make CONNACK larger than the client takes is left out',
  t => {
    const pond = new Pond()
    for (const [maximumPacketSize, has] of [
      [200, true],
      [20, false],
    ] as const) {
      const client = pond.stranger('x'.repeat(257), { properties: { maximumPacketSize } })
      client.connects()
      const [connack] = client.receives()
      t.match(connack, { type: 'connack', reason: 0x85 })
      t.equal(connack?.type === 'connack' && connack.properties.reasonString !== undefined, has)
      t.ok(client.isClosed)
    }
  },
)

conforms({ v5: ['MQTT-3.2.2-9'] }, 'a subscription is granted at whatever QoS it asks for', t => {
  const client = new Pond().client('a')
  for (const qos of [0, 1, 2] as const) client.subscribes(`q${qos}`, qos)
  t.strictSame(client.hears(), ['suback #1 0x0', 'suback #2 0x1', 'suback #3 0x2'])
})

conforms(
  { v5: ['MQTT-3.2.2-15'] },
  'a packet over the maximum that CONNACK told is refused with 0x95',
  t => {
    const pond = new Pond({ limits: { packetBytesMax: 1_000 } })
    const client = pond.client('a')
    t.match(client.greeting, { properties: { maximumPacketSize: 1_000 } })
    client.publishes('a', Buffer.alloc(1_001))
    t.strictSame(client.hears(), ['disconnect 0x95', 'closed'])
  },
)

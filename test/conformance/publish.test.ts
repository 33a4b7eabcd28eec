// Section 3.3 of both specifications: PUBLISH.

import type { PublishPacket } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'
import { framed } from './bytes.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

conforms(
  {
    v5: ['MQTT-3.3.1-1', 'MQTT-3.3.1-3', 'MQTT-4.3.2-2', 'MQTT-4.3.3-2'],
    v311: ['MQTT-3.3.1-3', 'MQTT-4.4.0-1'],
  },
  'DUP is set on a resend and only there, whatever the publisher had set',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const options =
        version === 5
          ? { version, cleanStart: false, properties: { sessionExpiryInterval: 60 } }
          : { version, cleanStart: false }
      const bob = pond.client('bob', options)
      bob.subscribes('a', 2)
      bob.hears()
      const alice = pond.client('alice')
      alice.publishes('a', '1', { qos: 1, duplicate: true })
      alice.publishes('a', '2', { qos: 2, duplicate: true })
      t.strictSame(bob.hears(), ['publish a 1 q1 #1', 'publish a 2 q2 #2'])
      bob.vanishes()

      const back = pond.stranger('bob', options)
      back.connects()
      t.strictSame(back.hears().slice(1), ['publish a 1 q1 #1 dup', 'publish a 2 q2 #2 dup'])
    }
  },
)

conforms({ v5: ['MQTT-3.3.1-4'], v311: ['MQTT-3.3.1-4'] }, 'QoS 3 closes the connection', t => {
  for (const version of VERSIONS) {
    const client = new Pond().client('a', { version })
    client.saysBytes(framed('36', `0001 61 0001 ${version === 5 ? '00' : ''}`))
    t.strictSame(client.hears(), version === 5 ? ['disconnect 0x81', 'closed'] : ['closed'])
  }
})

conforms(
  { v5: ['MQTT-3.3.2-2', 'MQTT-4.7.0-1'], v311: ['MQTT-3.3.2-2', 'MQTT-4.7.1-1', 'MQTT-4.8.0-1'] },
  'a wildcard in a topic name closes the connection',
  t => {
    for (const version of VERSIONS) {
      for (const topic of ['a/#', '+/a', '#', 'a+']) {
        const client = new Pond().client('a', { version })
        client.publishes(topic, '')
        t.strictSame(client.hears(), version === 5 ? ['disconnect 0x90', 'closed'] : ['closed'])
      }
    }
  },
)

conforms(
  { v5: ['MQTT-4.7.3-1', 'MQTT-4.7.3-3'], v311: ['MQTT-4.7.3-1', 'MQTT-4.7.3-3'] },
  'topic names and filters have at least one character, and at most 65,535 bytes are taken',
  t => {
    const empty = new Pond().client('a', { version: 4 })
    empty.publishes('', '')
    t.ok(empty.isClosed)
    const neither = new Pond().client('a')
    neither.saysBytes(framed('30', '0000 00'))
    t.strictSame(neither.hears(), ['disconnect 0x82', 'closed'])
    for (const version of VERSIONS) {
      const filter = new Pond().client('a', { version })
      filter.subscribes('')
      t.ok(filter.isClosed)
      const pond = new Pond()
      const client = pond.client('a', { version })
      client.subscribes('+')
      client.hears()
      client.publishes('x'.repeat(65_535), 'long')
      t.equal(client.receivesMessages()[0]?.topic.length, 65_535)
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.2-3'], v311: ['MQTT-3.3.2-3'] },
  'what a client is sent matches what it subscribed to',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob', { version })
      bob.subscribes('a/+/c')
      bob.subscribes('x/#')
      bob.hears()
      const alice = pond.client('alice', { version })
      for (const topic of ['a/b/c', 'a/b', 'a/b/c/d', 'x', 'x/y/z', 'y', '/a/b/c', 'a//c'])
        alice.publishes(topic, '')
      t.strictSame(
        bob.receivesMessages().map(({ topic }) => topic),
        ['a/b/c', 'x', 'x/y/z', 'a//c'],
      )
    }
  },
)

const CONTENT = {
  payloadFormatIndicator: 1,
  contentType: 'text/plain; größe',
  responseTopic: 'answers/1',
  correlationData: Buffer.from([0, 1, 255]),
  userProperties: [
    ['b', '1'],
    ['a', '2'],
    ['b', '1'],
    ['', ''],
  ],
} as const

conforms(
  {
    v5: [
      'MQTT-3.3.2-4',
      'MQTT-3.3.2-15',
      'MQTT-3.3.2-16',
      'MQTT-3.3.2-17',
      'MQTT-3.3.2-18',
      'MQTT-3.3.2-20',
    ],
  },
  'payload format, content type, response topic, correlation data and user properties reach every subscriber as they were, in order',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice')
    const online = pond.client('online')
    const durable = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const away = pond.client('away', durable)
    for (const client of [online, away]) client.subscribes('a', 1)
    online.hears()
    away.vanishes()
    alice.publishes('a', 'x', { qos: 1, retain: true, properties: CONTENT })

    const heard: (PublishPacket | undefined)[] = [online.receivesMessages()[0]]
    const back = pond.stranger('away', durable)
    back.connects()
    heard.push(back.receivesMessages()[0])
    const late = pond.client('late')
    late.subscribes('a', 1)
    heard.push(late.receivesMessages()[0])

    for (const message of heard) t.strictSame({ ...message?.properties }, { ...CONTENT })
  },
)

conforms(
  { v5: ['MQTT-3.3.2-5', 'MQTT-3.3.2-6'] },
  'an expired message is not delivered; one that waited bears what is left of its interval',
  t => {
    const pond = new Pond()
    const durable = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const bob = pond.client('bob', durable)
    bob.subscribes('a', 1)
    bob.vanishes()
    const alice = pond.client('alice', { keepAliveSeconds: 0 })
    alice.publishes('a', 'short', { qos: 1, properties: { messageExpiryInterval: 5 } })
    alice.publishes('a', 'long', { qos: 1, properties: { messageExpiryInterval: 100 } })
    pond.passes({ seconds: 10 })

    const back = pond.stranger('bob', durable)
    back.connects()
    const messages = back.receivesMessages()

    t.equal(messages.length, 1)
    t.match(messages[0], { properties: { messageExpiryInterval: 90 } })
    t.equal(messages[0]?.payload.toString(), 'long')
  },
)

conforms(
  { v5: ['MQTT-3.3.2-7', 'MQTT-3.3.2-8', 'MQTT-3.3.2-9', 'MQTT-3.2.2-17', 'MQTT-3.2.2-18'] },
  'a topic alias of 0 or over the maximum closes the connection with 0x94, one that was never set with 0x82',
  t => {
    const pond = new Pond({ limits: { topicAliasMax: 3 } })
    t.match(pond.client('x').greeting, { properties: { topicAliasMaximum: 3 } })
    const cases = [
      { bytes: '0001 61 03 23 0000', reason: '0x94' },
      { bytes: '0001 61 03 23 0004', reason: '0x94' },
      { bytes: '0000 03 23 0002', reason: '0x82' },
    ]
    for (const { bytes, reason } of cases) {
      const client = pond.client('a')
      client.saysBytes(framed('30', bytes))
      t.strictSame(client.hears(), [`disconnect ${reason}`, 'closed'], bytes)
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.2-10', 'MQTT-3.3.2-12'] },
  'an alias stands for the topic it was last set to, on its own connection only',
  t => {
    const pond = new Pond()
    const bob = pond.client('bob')
    bob.subscribes('#')
    bob.hears()
    const options = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const alice = pond.client('alice', options)
    const properties = { topicAlias: 1 }
    alice.publishes('one', '1', { properties })
    alice.publishes('', '2', { properties })
    alice.publishes('two', '3', { properties })
    alice.publishes('', '4', { properties })
    t.strictSame(bob.hears(), [
      'publish one 1 q0',
      'publish one 2 q0',
      'publish two 3 q0',
      'publish two 4 q0',
    ])

    alice.vanishes()
    const again = pond.client('alice', options)
    again.publishes('', '5', { properties })
    t.strictSame(again.hears(), ['disconnect 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.3.2-14', 'MQTT-4.7.3-1'] },
  'a response topic that is empty or has a wildcard breaks the protocol, in a will too',
  t => {
    for (const responseTopic of ['r/#', '+', '']) {
      for (const qos of [0, 1, 2] as const) {
        const client = new Pond().client('a')
        client.publishes('a', '', { qos, properties: { responseTopic } })
        t.strictSame(client.hears(), ['disconnect 0x82', 'closed'], responseTopic)
      }
      const stranger = new Pond().stranger('a', { will: { properties: { responseTopic } } })
      stranger.connects()
      t.strictSame(stranger.hears(), ['connack 0x82', 'closed'], responseTopic)
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.4-2', 'MQTT-3.3.4-3', 'MQTT-3.3.4-4'], v311: ['MQTT-3.3.5-1'] },
  'overlapping subscriptions give one message at the highest QoS, with the identifiers of all of them',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob', { version })
      bob.subscribes('a/+', 0, { properties: { subscriptionIdentifiers: [1] } })
      bob.subscribes('a/b', 2, { properties: { subscriptionIdentifiers: [2] } })
      bob.subscribes('#', 1)
      bob.hears()
      pond.client('alice').publishes('a/b', 'x', { qos: 2 })

      const messages = bob.receivesMessages()
      t.equal(messages.length, 1)
      t.match(messages[0], { qos: 2, packetId: 1 })
      if (version === 5)
        t.strictSame([...(messages[0]?.properties.subscriptionIdentifiers ?? [])].sort(), [1, 2])
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.4-6'] },
  'a PUBLISH from a client with a subscription identifier breaks the protocol',
  t => {
    const client = new Pond().client('a')
    client.publishes('a', '', { properties: { subscriptionIdentifiers: [1] } })
    t.strictSame(client.hears(), ['disconnect 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.3.4-7', 'MQTT-3.3.4-9', 'MQTT-4.9.0-1', 'MQTT-4.9.0-2', 'MQTT-4.9.0-3'] },
  'no more than the receive maximum is sent unacknowledged; QoS 0 and all other packets go on',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice')
    const bob = pond.client('bob', { properties: { receiveMaximum: 2 } })
    bob.subscribes('a', 2)
    bob.hears()
    alice.publishes('a', '1', { qos: 1 })
    alice.publishes('a', '2', { qos: 2 })
    alice.publishes('a', '3', { qos: 1 })
    alice.publishes('a', 'light')
    bob.pings()
    t.strictSame(bob.hears(), [
      'publish a 1 q1 #1',
      'publish a 2 q2 #2',
      'publish a light q0',
      'pingresp',
    ])

    bob.acknowledges('pubrec', 2)
    t.strictSame(bob.hears(), ['pubrel #2 0x0'])
    bob.acknowledges('pubcomp', 2)
    t.strictSame(bob.hears(), ['publish a 3 q1 #3'])
    alice.publishes('a', '4', { qos: 2 })
    bob.acknowledges('puback', 1)
    t.strictSame(bob.hears(), ['publish a 4 q2 #4'])
    alice.publishes('a', '5', { qos: 1 })
    bob.acknowledges('pubrec', 4, 0x80)
    t.strictSame(bob.hears(), ['publish a 5 q1 #5'])
  },
)

conforms(
  { v5: ['MQTT-3.3.4-8'] },
  'a client that sends more than the receive maximum unanswered is disconnected with 0x93',
  t => {
    const pond = new Pond({ limits: { receiveMax: 3, receiveToleratedMax: 3 } })
    const client = pond.client('a')
    t.match(client.greeting, { properties: { receiveMaximum: 3 } })
    for (let count = 0; count < 3; count++) client.publishes('a', '', { qos: 2 })
    t.equal(client.hears().length, 3)
    client.publishes('a', '', { qos: 2 })
    t.strictSame(client.hears(), ['disconnect 0x93', 'closed'])

    const polite = pond.client('b')
    for (let count = 0; count < 10; count++) {
      const packetId = polite.publishes('a', '', { qos: 2 })
      polite.acknowledges('pubrel', packetId)
      polite.publishes('a', '', { qos: 1 })
    }
    t.notOk(polite.isClosed)
  },
)

conforms(
  { v311: ['MQTT-3.3.5-2'] },
  'a publish that is not allowed is acknowledged as usual and goes to nobody',
  t => {
    const pond = new Pond()
    const bob = pond.client('bob')
    bob.subscribes('$secret/#', 2)
    bob.hears()
    const alice = pond.client('alice', { version: 4 })
    alice.publishes('$SYS/x', '', { qos: 1, packetId: 1 })
    alice.publishes('$SYS/x', '', { qos: 2, packetId: 2 })

    t.strictSame(alice.hears(), ['puback #1 0x0', 'pubrec #2 0x0'])
    t.strictSame(bob.hears(), [])
    t.equal(pond.broker.statistics.publishesRefused, 2)
  },
)

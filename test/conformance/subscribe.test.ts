// SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ: sections 3.8 to 3.13.

import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'
import { framed } from './bytes.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const
const plain = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

conforms(
  {
    v5: ['MQTT-3.8.3-2', 'MQTT-3.8.3-3', 'MQTT-3.10.3-2'],
    v311: ['MQTT-3.8.3-3', 'MQTT-3.10.3-2'],
  },
  'SUBSCRIBE and UNSUBSCRIBE without a filter close the connection',
  t => {
    for (const version of VERSIONS) {
      for (const first of ['82', 'a2']) {
        const client = new Pond().client('a', { version })
        client.saysBytes(framed(first, `0001 ${version === 5 ? '00' : ''}`))
        t.strictSame(client.hears(), version === 5 ? ['disconnect 0x82', 'closed'] : ['closed'])
      }
    }
  },
)

conforms(
  { v5: ['MQTT-3.8.3-5'], v311: ['MQTT-3.8.3-2'] },
  'reserved bits of the subscription options close the connection; wildcards are supported',
  t => {
    for (const [version, options] of [
      [4, ['04', '08', '10', '40', '80', '03']],
      [5, ['40', '80', '03', '30']],
    ] as const) {
      for (const option of options) {
        const client = new Pond().client('a', { version })
        client.saysBytes(framed('82', `0001 ${version === 5 ? '00' : ''} 0001 23 ${option}`))
        t.ok(client.isClosed, option)
      }
      const client = new Pond().client('a', { version })
      client.saysBytes(framed('82', `0001 ${version === 5 ? '00' : ''} 0001 23 02`))
      t.strictSame(client.hears(), ['suback #1 0x2'])
    }
  },
)

conforms({ v5: ['MQTT-3.8.3-4'] }, 'no local on a shared subscription breaks the protocol', t => {
  const client = new Pond().client('a')
  client.subscribes('$share/g/a', 0, { noLocal: true })
  t.strictSame(client.hears(), ['disconnect 0x82', 'closed'])
})

conforms(
  { v5: ['MQTT-3.8.4-3'] },
  'a filter that is subscribed again replaces the subscription, and nothing is lost or doubled',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice')
    const bob = pond.client('bob', { properties: { receiveMaximum: 1 } })
    bob.subscribes('a', 2)
    alice.publishes('a', '1', { qos: 1 })
    alice.publishes('a', '2', { qos: 1 })
    bob.subscribes('a', 0)
    alice.publishes('a', '3', { qos: 1 })
    t.strictSame(bob.hears(), [
      'suback #1 0x2',
      'publish a 1 q1 #1',
      'suback #2 0x0',
      'publish a 3 q0',
    ])
    bob.acknowledges('puback', 1)
    t.strictSame(bob.hears(), ['publish a 2 q1 #2'])
    t.equal(pond.broker.subscriptions.count, 1)
  },
)

conforms(
  {
    v5: ['MQTT-3.8.4-5', 'MQTT-3.8.4-6', 'MQTT-3.8.4-7', 'MQTT-3.9.3-1', 'MQTT-3.9.3-2'],
    v311: ['MQTT-3.8.4-4', 'MQTT-3.9.3-1', 'MQTT-3.9.3-2'],
  },
  'one SUBACK answers each filter in order, with the QoS that is granted or the reason that it is not',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond({ limits: { topicLevelsMax: 2, subscriptionsPerClientMax: 3 } })
      const client = pond.client('a', { version })
      client.says({
        type: 'subscribe',
        packetId: 10,
        properties: NO_PROPERTIES,
        subscriptions: [
          { filter: 'a', qos: 2, ...plain },
          { filter: 'a/b/c', qos: 1, ...plain },
          { filter: 'b', qos: 0, ...plain },
          { filter: 'c', qos: 1, ...plain },
          { filter: 'd', qos: 1, ...plain },
        ],
      })
      t.strictSame(client.hears(), [
        version === 5 ? 'suback #10 0x2 0x8f 0x0 0x1 0x97' : 'suback #10 0x2 0x80 0x0 0x1 0x80',
      ])
      t.equal(pond.broker.subscriptions.count, 3)
    }
  },
)

conforms(
  { v5: ['MQTT-3.8.4-8', 'MQTT-4.8.2-3'] },
  'a message arrives at the smaller QoS of message and subscription, for shared ones too',
  t => {
    for (const prefix of ['', '$share/g/']) {
      for (const granted of [0, 1, 2] as const) {
        for (const published of [0, 1, 2] as const) {
          const pond = new Pond()
          const bob = pond.client('bob')
          bob.subscribes(`${prefix}a`, granted)
          bob.hears()
          pond.client('alice').publishes('a', 'x', { qos: published })
          t.equal(bob.receivesMessages()[0]?.qos, Math.min(granted, published))
        }
      }
    }
  },
)

conforms(
  { v5: ['MQTT-3.9.2-2', 'MQTT-3.11.2-2'] },
  'SUBACK and UNSUBACK never bear a reason string that could make them too large',
  t => {
    const client = new Pond().client('a', { properties: { maximumPacketSize: 16 } })
    client.saysBytes(framed('82', '0001 00 0001 61 00'))
    client.saysBytes(framed('a2', '0002 00 0001 61'))
    t.equal(client.wire.takes().toString('hex'), '900400010000b00400020000')
  },
)

conforms(
  {
    v5: [
      'MQTT-3.10.4-1',
      'MQTT-3.10.4-2',
      'MQTT-3.10.4-3',
      'MQTT-3.10.4-6',
      'MQTT-3.11.3-1',
      'MQTT-3.11.3-2',
    ],
    v311: ['MQTT-3.10.4-1', 'MQTT-3.10.4-2', 'MQTT-3.10.4-3', 'MQTT-3.10.4-6'],
  },
  'UNSUBSCRIBE ends exactly the subscriptions it names, delivers what was begun, and is answered once, a reason for each filter',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice')
      const bob = pond.client('bob', { version })
      for (const filter of ['a', 'a/#', 'b', 'c']) bob.subscribes(filter, 2)
      bob.hears()
      alice.publishes('b', 'begun', { qos: 2 })
      t.strictSame(bob.hears(), ['publish b begun q2 #1'])

      bob.unsubscribes('b', 'A', 'c', 'a/+')
      t.strictSame(bob.hears(), [version === 5 ? 'unsuback #5 0x0 0x11 0x0 0x11' : 'unsuback #5'])
      for (const topic of ['b', 'c', 'a']) alice.publishes(topic, 'new')
      t.strictSame(bob.hears(), ['publish a new q0'])
      bob.acknowledges('pubrec', 1)
      t.strictSame(bob.hears(), ['pubrel #1 0x0'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.12.4-1'], v311: ['MQTT-3.12.4-1'] },
  'PINGREQ is answered with PINGRESP',
  t => {
    for (const version of VERSIONS) {
      const client = new Pond().client('a', { version })
      client.saysBytes('c000')
      t.equal(client.wire.takes().toString('hex'), 'd000')
    }
  },
)

// PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7), delivery (4.3, 4.4), order (4.6).

import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { framed } from './bytes.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

function durable(version: 4 | 5) {
  return version === 5
    ? { version, cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    : { version, cleanStart: false }
}

function returning(pond: Pond, clientId: string, version: 4 | 5): PondClient {
  const back = pond.stranger(clientId, durable(version))
  back.connects()
  return back
}

conforms(
  { v5: ['MQTT-3.4.2-1', 'MQTT-3.5.2-1', 'MQTT-3.6.2-1', 'MQTT-3.7.2-1'] },
  'a reason code that a packet does not know breaks the protocol',
  t => {
    for (const [first, wrong, right] of [
      ['40', '92', '10'],
      ['50', '01', '97'],
      ['62', '80', '92'],
      ['70', '10', '92'],
    ] as const) {
      const pond = new Pond()
      const client = pond.client('a')
      client.saysBytes(framed(first, `0001 ${right}`))
      t.notOk(client.isClosed, first)
      client.hears()
      client.saysBytes(framed(first, `0001 ${wrong}`))
      t.strictSame(client.hears(), ['disconnect 0x82', 'closed'], first)
    }
  },
)

conforms(
  {
    v5: [
      'MQTT-3.4.2-2',
      'MQTT-3.4.2-3',
      'MQTT-3.5.2-2',
      'MQTT-3.5.2-3',
      'MQTT-3.6.2-2',
      'MQTT-3.6.2-3',
      'MQTT-3.7.2-2',
      'MQTT-3.7.2-3',
    ],
  },
  'reason strings and user properties are left out of an acknowledgement that they would make too large',
  t => {
    const pond = new Pond({ limits: { topicLevelsMax: 2 } })
    for (const [maximumPacketSize, has] of [
      [100, true],
      [20, false],
    ] as const) {
      const client = pond.client('a', { properties: { maximumPacketSize } })
      client.publishes('a/b/c', '', { qos: 1, packetId: 1 })
      client.publishes('a/b/c', '', { qos: 2, packetId: 2 })
      client.acknowledges('pubrel', 3)
      client.acknowledges('pubrec', 4)
      const answers = client.receives()
      t.strictSame(
        answers.map(each => ('packetId' in each ? [each.type, each.packetId] : [])),
        [
          ['puback', 1],
          ['pubrec', 2],
          ['pubcomp', 3],
          ['pubrel', 4],
        ],
      )
      const [puback, pubrec] = answers
      for (const each of [puback, pubrec]) {
        t.equal(
          each !== undefined && 'properties' in each && each.properties.reasonString !== undefined,
          has,
        )
      }
    }
  },
)

conforms(
  { v5: ['MQTT-4.3.2-5'], v311: ['MQTT-4.3.2-2'] },
  'after PUBACK the same identifier is a new message, whatever its DUP says',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob')
      bob.subscribes('a', 1)
      bob.hears()
      const alice = pond.client('alice', { version })
      alice.publishes('a', '1', { qos: 1, packetId: 5 })
      alice.publishes('a', '2', { qos: 1, packetId: 5, duplicate: true })
      t.equal(bob.receivesMessages().length, 2)
    }
  },
)

conforms(
  { v5: ['MQTT-4.3.3-10', 'MQTT-4.3.3-12'], v311: ['MQTT-4.3.3-2'] },
  'QoS 2 is routed once however often it is repeated before PUBREL, across connections too, and after PUBCOMP it is new',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob')
      bob.subscribes('a', 0)
      bob.hears()
      const alice = pond.client('alice', durable(version))
      alice.publishes('a', 'once', { qos: 2, packetId: 5 })
      alice.publishes('a', 'once', { qos: 2, packetId: 5, duplicate: true })
      alice.vanishes()
      const back = returning(pond, 'alice', version)
      back.publishes('a', 'once', { qos: 2, packetId: 5, duplicate: true })
      t.strictSame(back.hears(), ['connack 0x0 present', 'pubrec #5 0x0'])
      t.strictSame(bob.hears(), ['publish a once q0'])

      back.acknowledges('pubrel', 5)
      t.strictSame(back.hears(), ['pubcomp #5 0x0'])
      back.publishes('a', 'again', { qos: 2, packetId: 5 })
      t.strictSame(bob.hears(), ['publish a again q0'])
    }
  },
)

conforms(
  { v5: ['MQTT-4.3.3-9'] },
  'after a refusing PUBREC the same identifier is a new message',
  t => {
    const pond = new Pond({ limits: { retainedMessagesMax: 0 } })
    const bob = pond.client('bob')
    bob.subscribes('a', 0)
    bob.hears()
    const alice = pond.client('alice')
    alice.publishes('a', 'refused', { qos: 2, packetId: 5, retain: true })
    t.strictSame(alice.hears(), ['pubrec #5 0x97'])
    alice.publishes('a', 'new', { qos: 2, packetId: 5 })
    t.strictSame(alice.hears(), ['pubrec #5 0x0'])
    t.strictSame(bob.hears(), ['publish a new q0'])
  },
)

conforms(
  {
    v5: ['MQTT-4.3.2-3', 'MQTT-4.3.3-3', 'MQTT-4.3.3-5', 'MQTT-4.3.3-6', 'MQTT-4.4.0-1'],
    v311: ['MQTT-4.3.2-1', 'MQTT-4.3.3-1', 'MQTT-4.4.0-1'],
  },
  'what is unacknowledged is resent when the client is back and at no other time: PUBLISH until PUBREC, then PUBREL until PUBCOMP, under the same identifier',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { keepAliveSeconds: 0, version: 4 })
      const bob = pond.client('bob', { ...durable(version), keepAliveSeconds: 1_000 })
      bob.subscribes('a', 2)
      alice.publishes('a', '1', { qos: 1 })
      alice.publishes('a', '2', { qos: 2 })
      alice.publishes('a', '3', { qos: 2 })
      bob.acknowledges('pubrec', 3)
      bob.hears()
      pond.passes({ seconds: 300 })
      t.strictSame(bob.hears(), [])
      bob.vanishes()

      let back = returning(pond, 'bob', version)
      t.strictSame(back.hears().slice(1), [
        'publish a 1 q1 #1 dup',
        'publish a 2 q2 #2 dup',
        'pubrel #3 0x0',
      ])
      back.acknowledges('puback', 1)
      back.acknowledges('pubrec', 2)
      back.acknowledges('pubcomp', 3)
      t.strictSame(back.hears(), ['pubrel #2 0x0'])
      back.vanishes()
      back = returning(pond, 'bob', version)
      t.strictSame(back.hears().slice(1), ['pubrel #2 0x0'])
      back.acknowledges('pubcomp', 2)
      back.vanishes()
      t.strictSame(returning(pond, 'bob', version).hears(), ['connack 0x0 present'])
    }
  },
)

conforms(
  { v5: ['MQTT-4.3.3-7', 'MQTT-4.3.3-13'] },
  'expiry does not touch a message whose delivery was begun: its sequence goes on to the end',
  t => {
    const pond = new Pond()
    const bob = pond.client('bob', durable(5))
    bob.subscribes('a', 2)
    bob.hears()
    const alice = pond.client('alice')
    alice.publishes('a', 'x', { qos: 2, properties: { messageExpiryInterval: 5 } })
    t.equal(bob.receivesMessages().length, 1)
    bob.vanishes()
    pond.passes({ seconds: 20 })

    const back = returning(pond, 'bob', 5)
    t.strictSame(back.hears().slice(1), ['publish a x q2 #1 dup'])
    back.acknowledges('pubrec', 1)
    t.strictSame(back.hears(), ['pubrel #1 0x0'])
  },
)

conforms(
  { v5: ['MQTT-4.4.0-2'] },
  'a PUBACK or PUBREC that refuses settles the message: it is not sent again',
  t => {
    const pond = new Pond()
    const bob = pond.client('bob', durable(5))
    bob.subscribes('a', 2)
    const alice = pond.client('alice')
    alice.publishes('a', '1', { qos: 1 })
    alice.publishes('a', '2', { qos: 2 })
    bob.acknowledges('puback', 1, 0x80)
    bob.acknowledges('pubrec', 2, 0x97)
    bob.vanishes()
    t.strictSame(returning(pond, 'bob', 5).hears(), ['connack 0x0 present'])
  },
)

conforms(
  { v5: ['MQTT-4.5.0-1'], v311: ['MQTT-4.5.0-1'] },
  'a message is added to the session of every client with a matching subscription, here or away',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const clients = ['one', 'two', 'three'].map(name => pond.client(name, durable(version)))
      for (const client of clients) client.subscribes('a', 1)
      for (const client of clients) client.vanishes()
      pond.client('alice').publishes('a', 'x', { qos: 1 })
      for (const name of ['one', 'two', 'three']) {
        t.strictSame(returning(pond, name, version).hears().slice(1), ['publish a x q1 #1'])
      }
    }
  },
)

conforms(
  {
    v5: ['MQTT-4.6.0-5', 'MQTT-4.6.0-6'],
    v311: ['MQTT-4.6.0-5', 'MQTT-4.6.0-6', 'MQTT-4.6.0-1', 'MQTT-4.6.0-4'],
  },
  'messages of one publisher to one topic arrive in their order at each QoS, under a small window, and over a reconnection',
  t => {
    for (const version of VERSIONS) {
      for (const qos of [0, 1, 2] as const) {
        const pond = new Pond({ limits: { inFlightMax: 3 } })
        const alice = pond.client('alice', { acknowledges: true })
        const bob = pond.client('bob', durable(version))
        bob.subscribes('a', qos)
        bob.hears()
        const heard: string[] = []
        const listen = (client: PondClient): void => {
          for (let batch = client.receives(); batch.length > 0; batch = client.receives()) {
            for (const packet of batch) {
              if (packet.type === 'publish') {
                if (!packet.duplicate) heard.push(packet.payload.toString())
                if (packet.qos === 1) client.acknowledges('puback', packet.packetId)
                if (packet.qos === 2) client.acknowledges('pubrec', packet.packetId)
              }
              if (packet.type === 'pubrel') client.acknowledges('pubcomp', packet.packetId)
            }
          }
        }
        for (let count = 0; count < 20; count++) {
          const packetId = alice.publishes('a', `${count}`, { qos })
          if (qos === 2) alice.acknowledges('pubrel', packetId)
          alice.receives()
        }
        if (qos === 0) listen(bob)
        else {
          // The window's first three were sent; the rest waits.
          heard.push(...bob.receivesMessages().map(({ payload }) => payload.toString()))
          bob.vanishes()
          listen(returning(pond, 'bob', version))
        }
        t.strictSame(
          heard,
          Array.from({ length: 20 }, (_, index) => `${index}`),
          `QoS ${qos}`,
        )
      }
    }
  },
)

conforms(
  { v5: ['MQTT-4.6.0-2', 'MQTT-4.6.0-3', 'MQTT-4.6.0-4'], v311: ['MQTT-4.6.0-2', 'MQTT-4.6.0-3'] },
  'PUBACK, PUBREC and PUBREL go out in the order of what they answer',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      pond.inOneTurn(() => {
        for (const packetId of [9, 3, 7]) alice.publishes('a', '', { qos: 1, packetId })
        for (const packetId of [8, 2, 6]) alice.publishes('a', '', { qos: 2, packetId })
      })
      t.strictSame(
        alice.hears().map(each => each.replace(/ 0x.*/, '')),
        ['puback #9', 'puback #3', 'puback #7', 'pubrec #8', 'pubrec #2', 'pubrec #6'],
      )
      const bob = pond.client('bob', { version })
      bob.subscribes('b', 2)
      for (const packetId of [21, 22, 23]) alice.publishes('b', '', { qos: 2, packetId })
      bob.hears()
      for (const packetId of [2, 3, 1]) bob.acknowledges('pubrec', packetId)
      t.strictSame(bob.hears(), ['pubrel #2 0x0', 'pubrel #3 0x0', 'pubrel #1 0x0'])
    }
  },
)

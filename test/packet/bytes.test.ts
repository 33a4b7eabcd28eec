// Bytes are the truth: each packet type in hexadecimal, in each version that writes it otherwise.

import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES, type Packet, type ProtocolVersion } from '../../src/packet/packet.ts'
import { PACKET_TYPES, Random, generatedPacket } from './generated-packets.ts'

const none = NO_PROPERTIES

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

const CONNECT = {
  type: 'connect',
  cleanStart: true,
  keepAliveSeconds: 60,
  clientId: 'a',
  username: null,
  password: null,
  will: null,
  properties: none,
} as const

const PUBLISH = {
  type: 'publish',
  duplicate: false,
  retain: false,
  topic: 'a/b',
  properties: none,
} as const

const EXAMPLES: readonly (readonly [string, ProtocolVersion, string, Packet])[] = [
  ['CONNECT of 3.1', 3, '10 0f 0006 4d5149736470 03 02 003c 0001 61', { ...CONNECT, version: 3 }],
  ['CONNECT of 3.1.1', 4, '10 0d 0004 4d515454 04 02 003c 0001 61', { ...CONNECT, version: 4 }],
  ['CONNECT of 5.0', 5, '10 0e 0004 4d515454 05 02 003c 00 0001 61', { ...CONNECT, version: 5 }],
  [
    'CONNECT with a will, a user and a password',
    4,
    '10 1b 0004 4d515454 04 ee 0000 0001 61 0001 77 0001 78 0001 75 0003 707764',
    {
      ...CONNECT,
      version: 4,
      keepAliveSeconds: 0,
      username: 'u',
      password: Buffer.from('pwd'),
      will: { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: true, properties: none },
    },
  ],
  [
    'CONNECT of 5.0 with properties of its own and of its will',
    5,
    '10 21 0004 4d515454 05 06 0001 08 11 00000e10 21 0014 0001 61 05 18 00000005 0001 77 0000',
    {
      ...CONNECT,
      version: 5,
      keepAliveSeconds: 1,
      properties: { sessionExpiryInterval: 3_600, receiveMaximum: 20 },
      will: {
        topic: 'w',
        payload: Buffer.alloc(0),
        qos: 0,
        retain: false,
        properties: { willDelayInterval: 5 },
      },
    },
  ],
  [
    'CONNACK of 3.1.1',
    4,
    '20 02 01 00',
    { type: 'connack', sessionPresent: true, reason: 0x00, properties: none },
  ],
  [
    'CONNACK that refuses, 3.1.1',
    4,
    '20 02 00 05',
    { type: 'connack', sessionPresent: false, reason: 0x87, properties: none },
  ],
  [
    'CONNACK of 5.0',
    5,
    '20 03 00 87 00',
    { type: 'connack', sessionPresent: false, reason: 0x87, properties: none },
  ],
  [
    'PUBLISH at QoS 0',
    4,
    '30 07 0003 612f62 6869',
    { ...PUBLISH, qos: 0, packetId: 0, payload: Buffer.from('hi') },
  ],
  [
    'PUBLISH at QoS 1, again, retained',
    4,
    '3b 07 0003 612f62 000a',
    { ...PUBLISH, duplicate: true, retain: true, qos: 1, packetId: 10, payload: Buffer.alloc(0) },
  ],
  [
    'PUBLISH of 5.0 at QoS 2',
    5,
    '34 08 0003 612f62 ffff 00',
    { ...PUBLISH, qos: 2, packetId: 65_535, payload: Buffer.alloc(0) },
  ],
  [
    'PUBLISH with an alias and a user property',
    5,
    '30 0f 0000 0b 23 0001 26 0001 6b 0002 7676 78',
    {
      ...PUBLISH,
      topic: '',
      qos: 0,
      packetId: 0,
      payload: Buffer.from('x'),
      properties: { topicAlias: 1, userProperties: [['k', 'vv']] },
    },
  ],
  [
    'PUBACK of 3.1.1',
    4,
    '40 02 0007',
    { type: 'puback', packetId: 7, reason: 0x00, properties: none },
  ],
  [
    'PUBACK of 5.0 that says why',
    5,
    '40 03 0007 10',
    { type: 'puback', packetId: 7, reason: 0x10, properties: none },
  ],
  ['PUBREC', 5, '50 02 0007', { type: 'pubrec', packetId: 7, reason: 0x00, properties: none }],
  ['PUBREL', 5, '62 03 0007 92', { type: 'pubrel', packetId: 7, reason: 0x92, properties: none }],
  ['PUBCOMP', 4, '70 02 0007', { type: 'pubcomp', packetId: 7, reason: 0x00, properties: none }],
  [
    'SUBSCRIBE of 3.1.1',
    4,
    '82 0b 0001 0001 23 00 0002 612f 02',
    {
      type: 'subscribe',
      packetId: 1,
      properties: none,
      subscriptions: [
        { filter: '#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
        { filter: 'a/', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ],
    },
  ],
  [
    'SUBSCRIBE of 5.0 with every option and an identifier',
    5,
    '82 0a 0001 03 0b 8001 0001 2b 2d',
    {
      type: 'subscribe',
      packetId: 1,
      properties: { subscriptionIdentifiers: [128] },
      subscriptions: [
        { filter: '+', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
      ],
    },
  ],
  [
    'SUBACK',
    4,
    '90 04 0001 02 80',
    { type: 'suback', packetId: 1, reasons: [0x02, 0x80], properties: none },
  ],
  [
    'SUBACK of 5.0',
    5,
    '90 05 0001 00 01 87',
    { type: 'suback', packetId: 1, reasons: [0x01, 0x87], properties: none },
  ],
  [
    'UNSUBSCRIBE',
    4,
    'a2 05 0001 0001 61',
    { type: 'unsubscribe', packetId: 1, filters: ['a'], properties: none },
  ],
  [
    'UNSUBACK of 3.1.1',
    4,
    'b0 02 0001',
    { type: 'unsuback', packetId: 1, reasons: [], properties: none },
  ],
  [
    'UNSUBACK of 5.0',
    5,
    'b0 04 0001 00 11',
    { type: 'unsuback', packetId: 1, reasons: [0x11], properties: none },
  ],
  ['PINGREQ', 4, 'c0 00', { type: 'pingreq' }],
  ['PINGRESP', 4, 'd0 00', { type: 'pingresp' }],
  ['DISCONNECT of 3.1.1', 4, 'e0 00', { type: 'disconnect', reason: 0x00, properties: none }],
  ['DISCONNECT of 5.0', 5, 'e0 01 8e', { type: 'disconnect', reason: 0x8e, properties: none }],
  [
    'AUTH',
    5,
    'f0 09 18 07 15 0001 6d 16 0000',
    {
      type: 'auth',
      reason: 0x18,
      properties: { authenticationMethod: 'm', authenticationData: Buffer.alloc(0) },
    },
  ],
]

for (const [name, version, bytes, packet] of EXAMPLES) {
  test(`${name} is ${bytes}`, async t => {
    const raw = hex(bytes)

    t.equal(encode(packet, version).toString('hex'), raw.toString('hex'))
    t.strictSame(decode(raw, 0, raw.length, version), packet)
  })
}

test('what 3.x cannot say is left out', async t => {
  const suback = { type: 'suback', packetId: 1, reasons: [0x87, 0x8f], properties: none } as const
  const reason = { reasonString: 'why' }

  t.equal(encode(suback, 4).toString('hex'), '900400018080')
  t.equal(
    encode({ type: 'puback', packetId: 1, reason: 0x87, properties: reason }, 4).toString('hex'),
    '40020001',
  )
  t.equal(
    encode({ type: 'disconnect', reason: 0x8e, properties: reason }, 4).toString('hex'),
    'e000',
  )
  t.equal(
    encode({ type: 'connack', sessionPresent: true, reason: 0x00, properties: none }, 3).toString(
      'hex',
    ),
    '20020000',
  )
})

test('generated packets of every kind are decoded as they were encoded', async t => {
  const seen = new Set<string>()
  for (const version of [3, 4, 5] as const) {
    const random = new Random(version * 7)
    for (let count = 0; count < 10_000; count++) {
      const packet = generatedPacket(random, version)
      const bytes = encode(packet, version)
      const back = decode(bytes, 0, bytes.length, version)
      seen.add(packet.type)
      if (!encode(back, version).equals(bytes)) t.strictSame(back, packet)
      if (count % 100 === 0) t.strictSame(back, packet)
    }
  }
  t.equal(seen.size, PACKET_TYPES.length)
})

test('properties are written in one order, whichever order they were set in', async t => {
  const one: Packet = {
    type: 'connack',
    sessionPresent: false,
    reason: 0,
    properties: { topicAliasMaximum: 7, serverKeepAlive: 9, receiveMaximum: 20 },
  }
  const other: Packet = {
    ...one,
    properties: { receiveMaximum: 20, serverKeepAlive: 9, topicAliasMaximum: 7 },
  }

  t.equal(encode(one, 5).toString('hex'), '200c000009220007130009210014')
  t.equal(encode(other, 5).toString('hex'), '200c000009220007130009210014')
})

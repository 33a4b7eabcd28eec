// Every malformed case of the specifications, with the reason code it is refused with.

import { test } from 'tap'
import { decode, decodeWithin } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'
import type { ProtocolVersion } from '../../src/packet/packet.ts'
import { Random, generatedPacket } from './generated-packets.ts'

/** The body with its fixed header. */
function packet(first: number, body: string): Buffer {
  const bytes = Buffer.from(body.replaceAll(' ', ''), 'hex')
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7]
  return Buffer.concat([Buffer.from([first, ...length]), bytes])
}

function reasonFor(bytes: Buffer, version: ProtocolVersion): number | 'taken' {
  try {
    decode(bytes, 0, bytes.length, version)
    return 'taken'
  } catch (error) {
    if (error instanceof MalformedPacket) return error.reason
    throw error
  }
}

const MQTT5 = '0004 4d515454 05'
const MQTT4 = '0004 4d515454 04'

const CASES: readonly (readonly [string, ProtocolVersion, number, string, number])[] = [
  ['a protocol name that is not MQTT', 4, 0x10, '0004 4d515455 04 02 003c 0001 61', 0x81],
  ['an unknown protocol level', 4, 0x10, '0004 4d515454 06 02 003c 0001 61', 0x84],
  ['level 4 under the name of 3.1', 4, 0x10, '0006 4d5149736470 04 02 003c 0001 61', 0x84],
  ['the reserved connect flag', 4, 0x10, `${MQTT4} 03 003c 0001 61`, 0x81],
  ['will QoS 3', 4, 0x10, `${MQTT4} 1e 003c 0001 61 0001 77 0000`, 0x81],
  ['will QoS without a will', 4, 0x10, `${MQTT4} 0a 003c 0001 61`, 0x81],
  ['will retain without a will', 4, 0x10, `${MQTT4} 22 003c 0001 61`, 0x81],
  ['a will that is missing', 4, 0x10, `${MQTT4} 06 003c 0001 61`, 0x81],
  ['a password without a user name in 3.1.1', 4, 0x10, `${MQTT4} 42 003c 0001 61 0001 70`, 0x81],
  ['a user name that is missing', 4, 0x10, `${MQTT4} 82 003c 0001 61`, 0x81],
  ['a user name that nobody announced', 4, 0x10, `${MQTT4} 02 003c 0001 61 0001 75`, 0x81],
  ['CONNECT that ends in the client id', 4, 0x10, `${MQTT4} 02 003c 0005 61`, 0x81],
  ['flags in the header of CONNECT', 5, 0x11, `${MQTT5} 02 003c 00 0001 61`, 0x81],
  ['receive maximum 0', 5, 0x10, `${MQTT5} 02 003c 03 21 0000 0001 61`, 0x82],
  ['maximum packet size 0', 5, 0x10, `${MQTT5} 02 003c 05 27 00000000 0001 61`, 0x82],
  ['a flag property that is 2', 5, 0x10, `${MQTT5} 02 003c 02 17 02 0001 61`, 0x82],
  [
    'a property that stands twice',
    5,
    0x10,
    `${MQTT5} 02 003c 0a 11 00000001 11 00000002 0001 61`,
    0x82,
  ],
  ['a property of another packet', 5, 0x10, `${MQTT5} 02 003c 03 23 0001 0001 61`, 0x81],
  ['an unknown property', 5, 0x10, `${MQTT5} 02 003c 02 7f 00 0001 61`, 0x81],
  ['authentication data without a method', 5, 0x10, `${MQTT5} 02 003c 04 16 0001 61 0001 61`, 0x82],
  ['properties longer than their packet', 5, 0x10, `${MQTT5} 02 003c 7f 21 0001 0001 61`, 0x81],
  [
    'a property that ends behind its properties',
    5,
    0x10,
    `${MQTT5} 02 003c 02 21 0001 0001 61`,
    0x81,
  ],
  ['a property length with a needless byte', 5, 0x10, `${MQTT5} 02 003c 8000 0001 61`, 0x81],
  ['QoS 3', 3, 0x36, '0001 61 0001', 0x81],
  ['QoS 3', 4, 0x36, '0001 61 0001', 0x81],
  ['DUP at QoS 0', 4, 0x38, '0001 61', 0x81],
  ['a topic name with +', 4, 0x30, '0001 2b', 0x90],
  ['a topic name with #', 4, 0x30, '0003 612f23', 0x90],
  ['an empty topic name in 3.1.1', 4, 0x30, '0000', 0x81],
  ['neither topic nor alias', 5, 0x30, '0000 00', 0x82],
  ['topic alias 0', 5, 0x30, '0001 61 03 23 0000', 0x94],
  ['a response topic with a wildcard', 5, 0x30, '0001 61 04 08 0001 23', 0x82],
  ['PUBLISH that ends in its topic', 4, 0x30, '0005 61', 0x81],
  ['PUBLISH without a packet identifier at QoS 1', 4, 0x32, '0001 61', 0x81],
  ['packet identifier 0', 4, 0x32, '0001 61 0000', 0x81],
  ['PUBLISH without properties in 5.0', 5, 0x30, '0001 61', 0x81],
  ['U+0000 in a topic', 4, 0x30, '0001 00', 0x81],
  ['a surrogate in a topic', 4, 0x30, '0003 eda080', 0x81],
  ['an overlong sequence in a topic', 4, 0x30, '0002 c0af', 0x81],
  ['half a sequence in a topic', 4, 0x30, '0002 e28x'.replace('x', '2'), 0x81],
  ['a control character in a topic', 4, 0x30, '0001 07', 0x81],
  ['U+0085 in a topic', 4, 0x30, '0002 c285', 0x81],
  ['U+FFFF in a topic', 4, 0x30, '0003 efbfbf', 0x81],
  ['U+1FFFE in a topic', 4, 0x30, '0004 f09fbfbe', 0x81],
  ['U+FDD0 in a topic', 4, 0x30, '0003 efb790', 0x81],
  ['PUBACK for packet identifier 0', 4, 0x40, '0000', 0x81],
  ['PUBACK of 3.1.1 with a reason', 4, 0x40, '0001 00', 0x81],
  ['a reason code that PUBACK does not know', 5, 0x40, '0001 92', 0x82],
  ['PUBREL with the flags of PUBREC', 4, 0x60, '0001', 0x81],
  ['SUBSCRIBE without its flags', 4, 0x80, '0001 0001 61 00', 0x81],
  ['SUBSCRIBE without a filter', 4, 0x82, '0001', 0x82],
  ['SUBSCRIBE at QoS 3', 4, 0x82, '0001 0001 61 03', 0x81],
  ['SUBSCRIBE at QoS 3 in 5.0', 5, 0x82, '0001 00 0001 61 03', 0x82],
  ['SUBSCRIBE with reserved bits in 3.1.1', 4, 0x82, '0001 0001 61 04', 0x81],
  ['SUBSCRIBE with reserved bits in 5.0', 5, 0x82, '0001 00 0001 61 40', 0x81],
  ['retain handling 3', 5, 0x82, '0001 00 0001 61 30', 0x82],
  ['subscription identifier 0', 5, 0x82, '0001 02 0b00 0001 61 00', 0x82],
  ['two subscription identifiers in SUBSCRIBE', 5, 0x82, '0001 04 0b01 0b02 0001 61 00', 0x82],
  ['UNSUBSCRIBE without a filter', 4, 0xa2, '0001', 0x82],
  ['PINGREQ with a body', 4, 0xc0, '00', 0x81],
  ['DISCONNECT of 3.1.1 with a body', 4, 0xe0, '00', 0x81],
  ['a reason code that DISCONNECT does not know', 5, 0xe0, '01', 0x82],
  ['AUTH in 3.1.1', 4, 0xf0, '', 0x81],
  ['AUTH without a method', 5, 0xf0, '18 00', 0x82],
  ['AUTH of success with a reason string and no method', 5, 0xf0, '00 04 1f 0001 61', 0x82],
  ['bytes after the properties of DISCONNECT', 5, 0xe0, '00 00 00', 0x81],
  ['a user property whose value is no UTF-8', 5, 0x30, '0001 61 07 26 0001 6b 0001 ff', 0x81],
]

for (const [name, version, first, body, reason] of CASES) {
  test(`${name} is refused with 0x${reason.toString(16)}`, async t => {
    t.equal(reasonFor(packet(first, body), version), reason)
  })
}

test('as many user properties as the limit says are taken, and one more is not', async t => {
  const property = '26 0001 61 0001 62'.replaceAll(' ', '')
  const of = (count: number): Buffer => {
    const all = property.repeat(count)
    const length = all.length / 2
    const varint = Buffer.from([(length & 0x7f) | 0x80, length >> 7]).toString('hex')
    return packet(0x30, `0001 61 ${varint} ${all}`)
  }

  for (const userPropertiesMax of [20, 100, 1_000]) {
    const read = (bytes: Buffer) => () =>
      decodeWithin(bytes, 0, bytes.length, { version: 5, userPropertiesMax })
    const sentence = `more than ${userPropertiesMax} user properties (limits.userPropertiesMax)`
    t.doesNotThrow(read(of(userPropertiesMax)))
    t.throws(read(of(userPropertiesMax + 1)), { reason: 0x97, message: sentence })
  }
})

test('lists without a bound of their own are read up to one where a client made them', t => {
  const terms = { version: 5, userPropertiesMax: 100 } as const
  const large = (first: string, rest: Buffer): Buffer => {
    const length = rest.length
    const header = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
    return Buffer.concat([Buffer.from(first, 'hex'), Buffer.from(header), rest])
  }
  const identifiers = Buffer.concat([
    Buffer.from('000161 828008'.replaceAll(' ', ''), 'hex'),
    Buffer.from('0b01'.repeat(65_537), 'hex'),
  ])
  const codes = Buffer.concat([Buffer.from('000100', 'hex'), Buffer.alloc(65_537)])

  for (const bytes of [large('30', identifiers), large('90', codes), large('b0', codes)]) {
    const read = (): unknown => decodeWithin(bytes, 0, bytes.length, terms)
    t.throws(read, { reason: 0x82, message: /^more than 65536 / })
    t.equal(reasonFor(bytes, 5), 'taken')
  }
  t.end()
})

test('U+FEFF is a character like any other [MQTT-1.5.4-3]', async t => {
  const bytes = packet(0x30, '0004 efbbbf61')

  t.match(decode(bytes, 0, bytes.length, 4), { topic: '\ufeffa' })
})

test('every first byte has the verdict of the table of fixed headers', async t => {
  // An empty body is right for PINGREQ, PINGRESP, DISCONNECT and, in 5.0, AUTH; all others must be refused.
  for (const version of [3, 4, 5] as const) {
    for (let first = 0x10; first <= 0xff; first++) {
      // 3.1 tells receivers to ignore the flags.
      const fixed = version === 3 ? first & 0xf0 : first
      const isRight =
        fixed === 0xc0 || fixed === 0xd0 || fixed === 0xe0 || (first === 0xf0 && version === 5)
      const verdict = reasonFor(Buffer.from([first, 0]), version)
      t.equal(verdict === 'taken', isRight, `0x${first.toString(16)} in version ${version}`)
    }
  }
})

test('no inner length makes the decoder read its neighbours, or fall over', async t => {
  const CANARY = 'canary'
  for (const version of [3, 4, 5] as const) {
    const random = new Random(version)
    for (let count = 0; count < 600; count++) {
      const bytes = encode(generatedPacket(random, version), version)
      if (bytes.length > 400) continue
      const around = Buffer.from(CANARY.repeat(100))
      const room = Buffer.concat([around, bytes, around])
      const start = around.length
      for (let at = start + 2; at + 1 < start + bytes.length; at++) {
        const was = room.readUInt16BE(at)
        for (const lie of [was + 1, was - 1, 0, 65_535]) {
          room.writeUInt16BE(lie & 0xffff, at)
          try {
            const text = JSON.stringify(decode(room, start, start + bytes.length, version))
            if (text.includes(CANARY)) t.fail(`it read its neighbour: ${bytes.toString('hex')}`)
          } catch (error) {
            if (!(error instanceof MalformedPacket)) throw error
          }
        }
        room.writeUInt16BE(was, at)
      }
    }
  }
  t.pass('it never did')
})

test('an unknown protocol level is reported, and whether it is that of a bridge', async t => {
  for (const [level, sentence] of [
    ['86', 'protocol MQTT of level 6, from a bridge'],
    ['07', 'protocol MQTT of level 7'],
  ] as const) {
    const bytes = packet(0x10, `0004 4d515454 ${level} 02 003c 0001 61`)
    t.throws(() => decode(bytes, 0, bytes.length, 4), { reason: 0x84, message: sentence })
  }
})

test('an unknown protocol name is reported, and cut', async t => {
  const bytes = packet(0x10, `0003 484121 04 02 003c 0001 61`)
  t.throws(() => decode(bytes, 0, bytes.length, 4), {
    reason: 0x81,
    message: 'the protocol name is "HA!", not "MQTT"',
  })
})

import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import type { PublishPacket } from '../../src/packet/packet.ts'
import { PacketScanner } from '../../bench/generator/packet-scanner.ts'
import {
  ALIAS_PROPERTIES,
  connectPacket,
  packetIdOf,
  publishForm,
  subscribePacket,
} from '../../bench/generator/packets.ts'

/** The packets that a scanner finds when the bytes come in pieces of this size: first byte and body, in hex. */
function scanned(bytes: Buffer, pieceBytes: number): readonly string[] {
  const found: string[] = []
  const scanner = new PacketScanner({
    packet: (first, memory, start, end) => {
      found.push(`${first.toString(16)} ${memory.subarray(start, end).toString('hex')}`)
    },
  })
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // The memory is used again for every piece, as a socket's is.
    const memory = Buffer.alloc(pieceBytes + 3, 0xff)
    const size = bytes.copy(memory, 3, at, at + pieceBytes)
    scanner.push(memory, 3, 3 + size)
    memory.fill(0)
  }
  return found
}

const PACKETS = Buffer.concat([
  Buffer.from('20020000', 'hex'),
  Buffer.from('d000', 'hex'),
  Buffer.from('3009000474657374010203', 'hex'),
  publishForm('a/b', 1, 300).bytes,
  Buffer.from('40020001', 'hex'),
])

const EXPECTED = [
  '20 0000',
  'd0 ',
  '30 000474657374010203',
  `32 0003612f620000${'2e'.repeat(300)}`,
  '40 0001',
]

for (const pieceBytes of [1, 2, 3, 4, 5, 7, 64, 1_000]) {
  test(`packets are found when their bytes come ${pieceBytes} at a time`, async t => {
    t.strictSame(scanned(PACKETS, pieceBytes), EXPECTED)
  })
}

test('a length of more than four bytes is no packet', async t => {
  const scanner = new PacketScanner({ packet: () => {} })

  t.throws(() => scanner.push(Buffer.from('30ffffffff7f', 'hex'), 0, 6), /remaining length/)
})

test('the generator sends MQTT 3.1.1', async t => {
  const connect = connectPacket('me', true, false)
  const subscribe = subscribePacket(7, ['a', 'b/#'], 1, false)
  const { bytes, packetIdOffset, payloadOffset } = publishForm('t', 2, 16)

  t.equal(connect.toString('hex'), '100e00044d5154540402000000026d65')
  t.equal(subscribe.toString('hex'), '820c00070001610100' + '03622f2301')
  t.equal(bytes.toString('hex'), `3415000174` + '0000' + '2e'.repeat(16))
  t.same([packetIdOffset, payloadOffset], [5, 7])
})

test('packet identifiers go from 1 to 65,535 and begin again', async t => {
  t.same([0, 65_534, 65_535].map(packetIdOf), [1, 65_535, 1])
})

test('in MQTT 5 it names its alias and two user properties', async t => {
  const connect = connectPacket('me', true, true)
  const subscribe = subscribePacket(7, ['a'], 1, true)
  const { bytes, packetIdOffset, payloadOffset } = publishForm('', 1, 16, false, ALIAS_PROPERTIES)

  t.equal(connect.toString('hex'), '101200044d5154540502000003' + '22000a' + '00026d65')
  t.equal(subscribe.toString('hex'), '82070007' + '00' + '00016101')
  bytes.writeUInt16BE(1, packetIdOffset)
  const { properties } = decode(bytes, 0, bytes.length, 5) as PublishPacket
  t.equal(properties.topicAlias, 1)
  t.strictSame(properties.userProperties, [
    ['sensor', 'north-1'],
    ['unit', 'celsius'],
  ])
  t.equal(bytes.length - payloadOffset, 16)
})

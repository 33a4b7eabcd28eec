import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { EncodedPublish } from '../../src/packet/encode-publish.ts'
import { NO_PROPERTIES, type Properties } from '../../src/packet/packet.ts'
import { SharedTail } from '../../src/packet/shared-tail.ts'
import { LARGE_BYTES_MIN, LOOP_BYTES_MAX } from '../../src/packet/sizes.ts'

const LENGTHS = [1, 2, LOOP_BYTES_MAX - 1, LOOP_BYTES_MAX, LOOP_BYTES_MAX + 1, 200]

test('a topic and a payload of any length are encoded as they are, whatever came before', async t => {
  const encoded = new EncodedPublish()
  for (const length of LENGTHS) {
    for (const topic of [
      'x'.repeat(length),
      'ä'.repeat(length),
      `${'x'.repeat(length)}\u{1f438}`,
      `\u{1f438}${'x'.repeat(length)}`,
    ]) {
      for (const size of [0, ...LENGTHS]) {
        const payload = Buffer.alloc(size, length)
        encoded.encode(topic, payload, 1, false, false, NO_PROPERTIES, 5)
        const bytes = Buffer.from(encoded.head)
        bytes.writeUInt16BE(7, encoded.packetIdOffset)
        t.equal(encoded.size, bytes.length)
        const terms = { duplicate: false, qos: 1, retain: false, packetId: 7 } as const
        const said = { type: 'publish', topic, payload, properties: NO_PROPERTIES, ...terms }
        t.strictSame(decode(bytes, 0, bytes.length, 5), said)
      }
    }
  }
})

test('long user properties are the same bytes for all receivers, with a payload of any size', t => {
  const userProperties = [['name', 'ä'.repeat(20_000)] as const, ['name', ''] as const]
  const towards: readonly Properties[] = [
    { userProperties },
    { userProperties, subscriptionIdentifiers: [1] },
    { messageExpiryInterval: 7, userProperties, subscriptionIdentifiers: [2, 300], topicAlias: 3 },
  ]
  for (const size of [0, 7, LARGE_BYTES_MIN]) {
    const payload = Buffer.alloc(size, 1)
    const shared = new SharedTail()
    const encoded = new EncodedPublish(shared)
    const tails = towards.map(properties => {
      encoded.encode('a/b', payload, 1, false, false, properties, 5)
      const { head, payload: tail } = encoded
      const bytes = Buffer.concat([head, tail ?? Buffer.alloc(0)])
      bytes.writeUInt16BE(7, encoded.packetIdOffset)
      t.equal(encoded.size, bytes.length)
      t.ok(head.length < 100)
      const { properties: found, payload: received } = publishIn(bytes)
      t.same([found, received], [properties, payload])
      return tail
    })
    t.ok(tails.every(tail => tail === tails[0]))

    encoded.encode('a/b', payload, 1, false, false, { userProperties: [['a', 'b']] }, 5)
    t.equal(encoded.payload, size === LARGE_BYTES_MIN ? payload : null)
  }
  t.end()
})

function publishIn(bytes: Buffer) {
  const packet = decode(bytes, 0, bytes.length, 5)
  if (packet.type !== 'publish') throw new Error(packet.type)
  return packet
}

import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { EncodedPublish } from '../../src/packet/encode-publish.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { LOOP_BYTES_MAX } from '../../src/packet/sizes.ts'

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

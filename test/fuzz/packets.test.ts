// The packet target finds faults that are planted in the codec.

import { test } from 'tap'
import { fuzz } from '../../fuzz/driver.ts'
import { OUR_CODEC, type PacketCodec } from '../../fuzz/packet/packet-checks.ts'
import { PacketTarget } from '../../fuzz/packet/packet-target.ts'
import { Framer } from '../../src/packet/framer.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'
import { NO_PROPERTIES, type Packet } from '../../src/packet/packet.ts'
import { MALFORMED_PACKET } from '../../src/packet/reason.ts'

const RUNS = 30_000

/** Changes what the decoder returns. */
function reading(change: (packet: Packet) => Packet): PacketCodec {
  return {
    ...OUR_CODEC,
    decodeWithin: (bytes, start, end, terms) =>
      change(OUR_CODEC.decodeWithin(bytes, start, end, terms)),
  }
}

class ForgetfulFramer extends Framer {
  protected override keepPart(): void {
    // The rest of a chunk stays in memory that is lent.
  }
}

const PLANTED: Readonly<Record<string, PacketCodec>> = {
  'a decoder that loses the second user property': reading(packet => {
    if (!('properties' in packet) || packet.properties.userProperties === undefined) return packet
    const [first] = packet.properties.userProperties
    if (first === undefined) return packet
    return { ...packet, properties: { ...packet.properties, userProperties: [first] } }
  }),
  'a decoder that trims topics': reading(packet =>
    packet.type === 'publish' ? { ...packet, topic: packet.topic.trim() } : packet,
  ),
  'a decoder that strips a byte order mark [MQTT-1.5.4-3]': reading(packet =>
    packet.type === 'connect'
      ? { ...packet, clientId: packet.clientId.replace(/^\uFEFF/, '') }
      : packet,
  ),
  'a decoder that refuses a will of QoS 2': reading(packet => {
    if (packet.type === 'connect' && packet.will?.qos === 2)
      throw new MalformedPacket(MALFORMED_PACKET, 'planted')
    return packet
  }),
  'a decoder that throws something else': reading(packet => {
    if (packet.type === 'suback') throw new RangeError('planted')
    return packet
  }),
  'a decoder that calls each fault malformed': {
    ...OUR_CODEC,
    decodeWithin: (bytes, start, end, terms) => {
      try {
        return OUR_CODEC.decodeWithin(bytes, start, end, terms)
      } catch {
        throw new MalformedPacket(MALFORMED_PACKET, 'planted')
      }
    },
  },
  'a decoder that reads one byte too many': {
    ...OUR_CODEC,
    decodeWithin: (bytes, start, end, terms) => {
      const packet = OUR_CODEC.decodeWithin(bytes, start, end, terms)
      if (packet.type !== 'publish') return packet
      const from = end - packet.payload.length
      return { ...packet, payload: bytes.subarray(from, end + 1) }
    },
  },
  'a payload that stays in lent memory': {
    ...OUR_CODEC,
    decodeWithin: (bytes, start, end, terms) => {
      const packet = OUR_CODEC.decodeWithin(bytes, start, end, terms)
      if (packet.type !== 'publish') return packet
      return { ...packet, payload: bytes.subarray(end - packet.payload.length, end) }
    },
  },
  'an encoder that forgets properties': {
    ...OUR_CODEC,
    encode: (packet, version) =>
      OUR_CODEC.encode(
        packet.type === 'publish' ? { ...packet, properties: NO_PROPERTIES } : packet,
        version,
      ),
  },
  'a framer that keeps a chunk without a copy': {
    ...OUR_CODEC,
    framer: bytesMax => new ForgetfulFramer(bytesMax),
  },
}

for (const [name, codec] of Object.entries(PLANTED)) {
  test(`${name} is found`, async t => {
    const target = new PacketTarget(codec)
    const { findings } = await fuzz(target, {
      from: 1,
      count: RUNS,
      until: Infinity,
      findingsMax: 1,
    })

    t.ok(findings.length > 0)
  })
}

test('one seed is one run, the same every time', async t => {
  const inputs = [new PacketTarget(), new PacketTarget()].map(target => {
    target.run(4_711)
    return target.input
  })

  t.equal(inputs[0], inputs[1])
})

test('a finding is minimised to the bytes that it needs', async t => {
  const target = new PacketTarget(
    reading(packet => (packet.type === 'pingreq' ? { type: 'pingresp' } : packet)),
  )

  const { findings } = await fuzz(target, { from: 1, count: RUNS, until: Infinity })

  t.ok(findings.length > 0)
  t.ok(findings.every(({ input }) => /^\d \d+ \d+ c000$/.test(input)))
})

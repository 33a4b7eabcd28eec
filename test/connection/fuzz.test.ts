// Clients that say anything at all: no exception leaves a connection, and the others are served on.

import { test } from 'tap'
import type { Packet, ProtocolVersion } from '../../src/packet/packet.ts'
import { encode } from '../../src/packet/encode.ts'
import { Random, generatedPacket } from '../packet/generated-packets.ts'
import { Pond } from '../pond.ts'

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 300)

const FROM_CLIENTS = [
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'unsubscribe',
  'pingreq',
]

/** Mostly what a client may say, with identifiers that are in use; now and then anything. */
function likelyPacket(random: Random, version: ProtocolVersion): Packet {
  for (;;) {
    const packet = generatedPacket(random, version)
    if (random.chance(60)) return packet
    if (!FROM_CLIENTS.includes(packet.type)) continue
    if (packet.type === 'publish') {
      const topic = random.of(['a', 'a/b', 'c'])
      const {
        topicAlias: _alias,
        subscriptionIdentifiers: _identifiers,
        ...properties
      } = packet.properties
      return { ...packet, topic, properties, packetId: packet.qos === 0 ? 0 : 1 + random.below(5) }
    }
    if (packet.type === 'subscribe') {
      const filter = random.of(['#', 'a', 'a/+', '$share/g/a', '$share/g/#'])
      const subscriptions = packet.subscriptions.map(each => ({ ...each, filter, noLocal: false }))
      return { ...packet, subscriptions }
    }
    return 'packetId' in packet ? { ...packet, packetId: 1 + random.below(5) } : packet
  }
}

test('packets in any order, right and wrong, harm nobody else', async t => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = new Random(seed)
    const pond = new Pond({ limits: { queuedMessagesMax: 20, turnWorkMax: 50 } })
    const witness = pond.client('witness', { keepAliveSeconds: 0, version: 4 })
    const clients = Array.from({ length: 4 }, () => {
      const version = random.of([3, 4, 5] as const)
      const clientId = random.of(['a', 'b', 'c'])
      return random.chance(5)
        ? pond.stranger(clientId, { version })
        : pond.client(clientId, {
            version,
            cleanStart: random.chance(2),
            properties: version === 5 ? { sessionExpiryInterval: 100 } : {},
          })
    })
    for (let step = 0; step < 60; step++) {
      const client = random.of(clients)
      if (client.isClosed) continue
      const bytes = encode(likelyPacket(random, client.version), client.version)
      if (random.chance(40)) bytes[random.below(bytes.length)] = random.below(256)
      if (random.chance(20)) client.vanishes()
      else if (random.chance(21)) client.freezes()
      else
        client.saysBytes(random.chance(60) ? bytes.subarray(0, random.below(bytes.length)) : bytes)
      if (random.chance(10)) pond.passes({ seconds: random.below(200) })
    }

    witness.hears()
    witness.publishes('w', 'x', { qos: 1, packetId: 1 })
    t.strictSame(witness.hears().at(-1), 'puback #1 0x0', `seed ${seed}`)
  }
})

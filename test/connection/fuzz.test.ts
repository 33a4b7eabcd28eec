// Clients that say anything at all: no exception leaves a connection, and the others are served on.

import { test } from 'tap'
import type { Packet, ProtocolVersion } from '../../src/packet/packet.ts'
import { encode } from '../../src/packet/encode.ts'
import { Dice, generatedPacket } from '../packet/generated-packets.ts'
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
function likelyPacket(dice: Dice, version: ProtocolVersion): Packet {
  for (;;) {
    const packet = generatedPacket(dice, version)
    if (dice.chance(60)) return packet
    if (!FROM_CLIENTS.includes(packet.type)) continue
    if (packet.type === 'publish') {
      const topic = dice.of(['a', 'a/b', 'c'])
      const {
        topicAlias: _alias,
        subscriptionIdentifiers: _identifiers,
        ...properties
      } = packet.properties
      return { ...packet, topic, properties, packetId: packet.qos === 0 ? 0 : 1 + dice.below(5) }
    }
    if (packet.type === 'subscribe') {
      const filter = dice.of(['#', 'a', 'a/+', '$share/g/a', '$share/g/#'])
      const subscriptions = packet.subscriptions.map(each => ({ ...each, filter, noLocal: false }))
      return { ...packet, subscriptions }
    }
    return 'packetId' in packet ? { ...packet, packetId: 1 + dice.below(5) } : packet
  }
}

test('packets in any order, right and wrong, harm nobody else', async t => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const dice = new Dice(seed)
    const pond = new Pond({ limits: { queuedMessagesMax: 20, turnWorkMax: 50 } })
    const witness = pond.client('witness', { keepAliveSeconds: 0, version: 4 })
    const clients = Array.from({ length: 4 }, () => {
      const version = dice.of([3, 4, 5] as const)
      const clientId = dice.of(['a', 'b', 'c'])
      return dice.chance(5)
        ? pond.stranger(clientId, { version })
        : pond.client(clientId, {
            version,
            cleanStart: dice.chance(2),
            properties: version === 5 ? { sessionExpiryInterval: 100 } : {},
          })
    })
    for (let step = 0; step < 60; step++) {
      const client = dice.of(clients)
      if (client.isClosed) continue
      const bytes = encode(likelyPacket(dice, client.version), client.version)
      if (dice.chance(40)) bytes[dice.below(bytes.length)] = dice.below(256)
      if (dice.chance(20)) client.vanishes()
      else if (dice.chance(21)) client.freezes()
      else client.saysBytes(dice.chance(60) ? bytes.subarray(0, dice.below(bytes.length)) : bytes)
      if (dice.chance(10)) pond.passes({ seconds: dice.below(200) })
    }

    witness.hears()
    witness.publishes('w', 'x', { qos: 1, packetId: 1 })
    t.strictSame(witness.hears().at(-1), 'puback #1 0x0', `seed ${seed}`)
  }
})

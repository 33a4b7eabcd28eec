// Chapters 1 and 2 of both specifications: strings, integers, flags, packet identifiers.

import { Pond } from '../pond.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

/** Packets with `STRING` where a string stands; the rest of the bytes fits one string of four bytes. */
const STRINGS = {
  4: {
    'client identifier': '10 10 0004 4d515454 04 02 003c 0004 STRING',
    'will topic': '10 16 0004 4d515454 04 06 003c 0001 61 0004 STRING 0001 78',
    'user name': '10 13 0004 4d515454 04 82 003c 0001 61 0004 STRING',
    'topic name': '30 06 0004 STRING',
    'filter of SUBSCRIBE': '82 09 0001 0004 STRING 00',
    'filter of UNSUBSCRIBE': 'a2 08 0001 0004 STRING',
  },
  5: {
    'client identifier': '10 11 0004 4d515454 05 02 003c 00 0004 STRING',
    'will topic': '10 18 0004 4d515454 05 06 003c 00 0001 61 00 0004 STRING 0001 78',
    'user name': '10 14 0004 4d515454 05 82 003c 00 0001 61 0004 STRING',
    'topic name': '30 07 0004 STRING 00',
    'filter of SUBSCRIBE': '82 0a 0001 00 0004 STRING 00',
    'filter of UNSUBSCRIBE': 'a2 09 0001 00 0004 STRING',
    'content type': '30 0b 0001 61 07 03 0004 STRING',
    'response topic': '30 0b 0001 61 07 08 0004 STRING',
  },
} as const

/** Whether the broker closes the connection over this string in every place where one may stand. */
function closesOver(string: string, version: 4 | 5): string[] {
  const left: string[] = []
  for (const [place, bytes] of Object.entries(STRINGS[version])) {
    const pond = new Pond()
    const client = bytes.startsWith('10')
      ? pond.stranger('a', { version })
      : pond.client('a', { version })
    client.saysBytes(bytes.replace('STRING', string))
    if (!client.isClosed) left.push(place)
  }
  return left
}

conforms(
  {
    v5: [
      'MQTT-1.5.4-1',
      'MQTT-3.1.3-11',
      'MQTT-3.1.3-12',
      'MQTT-3.3.2-1',
      'MQTT-3.3.2-13',
      'MQTT-3.3.2-19',
      'MQTT-3.8.3-1',
      'MQTT-3.10.3-1',
    ],
    v311: [
      'MQTT-1.5.3-1',
      'MQTT-3.1.3-4',
      'MQTT-3.1.3-10',
      'MQTT-3.1.3-11',
      'MQTT-3.3.2-1',
      'MQTT-3.8.3-1',
      'MQTT-3.10.3-1',
    ],
  },
  'ill-formed UTF-8 closes the connection wherever a string stands, and well-formed does not',
  t => {
    for (const version of VERSIONS) {
      // Surrogate, overlong, cut off, and a byte that UTF-8 never has.
      for (const string of ['61eda080', 'c0af6161', '616161e2', '61ff6161']) {
        t.strictSame(closesOver(string, version), [], string)
      }
      t.strictSame(closesOver('c3b6c3a4', version), Object.keys(STRINGS[version]))
    }
  },
)

conforms(
  { v5: ['MQTT-1.5.4-2', 'MQTT-4.7.3-2'], v311: ['MQTT-1.5.3-2', 'MQTT-4.7.3-2'] },
  'U+0000 in a string closes the connection',
  t => {
    for (const version of VERSIONS) t.strictSame(closesOver('61006161', version), [])
  },
)

conforms(
  { v5: ['MQTT-1.5.4-3', 'MQTT-4.7.3-4'], v311: ['MQTT-1.5.3-3', 'MQTT-4.7.3-4'] },
  'U+FEFF is kept, and topics are compared as they are: not normalized, case by case',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      const bob = pond.client('bob', { version })
      for (const filter of ['\ufeffa', 'A', '\u00f6']) bob.subscribes(filter)
      bob.hears()

      for (const topic of ['\ufeffa', 'a', 'A', 'o\u0308', '\u00f6', ' A'])
        alice.publishes(topic, '')

      t.strictSame(
        bob.receivesMessages().map(({ topic }) => topic),
        ['\ufeffa', 'A', '\u00f6'],
      )
    }
  },
)

conforms(
  { v5: ['MQTT-1.5.5-1'] },
  'a variable byte integer with a needless byte is malformed',
  t => {
    for (const bytes of ['308500 0001 61 00 78', '30 06 0001 61 8000 78', 'c0 8000']) {
      const client = new Pond().client('a')
      client.saysBytes(bytes)
      t.strictSame(client.hears(), ['disconnect 0x81', 'closed'], bytes)
    }
  },
)

conforms(
  { v5: ['MQTT-1.5.7-1'] },
  'a user property whose name or value is no UTF-8 is malformed',
  t => {
    for (const pair of ['0001 ff 0001 62', '0001 61 0001 ff']) {
      const client = new Pond().client('a')
      client.saysBytes(`30 0b 0001 61 07 26 ${pair}`)
      t.strictSame(client.hears(), ['disconnect 0x81', 'closed'])
    }
  },
)

conforms(
  {
    v5: [
      'MQTT-2.1.3-1',
      'MQTT-3.1.2-12',
      'MQTT-3.6.1-1',
      'MQTT-3.8.1-1',
      'MQTT-3.10.1-1',
      'MQTT-3.14.1-1',
      'MQTT-3.15.1-1',
    ],
    v311: [
      'MQTT-2.2.2-1',
      'MQTT-2.2.2-2',
      'MQTT-3.6.1-1',
      'MQTT-3.8.1-1',
      'MQTT-3.10.1-1',
      'MQTT-3.14.1-1',
    ],
  },
  'reserved flags of the fixed header other than those listed close the connection',
  t => {
    const right = { 4: 0, 5: 0, 6: 2, 7: 0, 8: 2, 10: 2, 12: 0, 14: 0, 15: 0 }
    const bodies = { 4: '0001', 5: '0001', 6: '0001', 7: '0001', 12: '', 14: '' }
    for (const version of VERSIONS) {
      const empty = version === 5 ? '00' : ''
      const all: Record<string, string> = {
        ...bodies,
        8: `0001${empty}00016100`,
        10: `0001${empty}000161`,
        ...(version === 5 ? { 15: '190403000161'.slice(0, 0) } : {}),
      }
      for (const [type, body] of Object.entries(all)) {
        for (let flags = 0; flags < 16; flags++) {
          if (flags === right[Number(type) as keyof typeof right]) continue
          const client = new Pond().client('a', { version })
          const first = ((Number(type) << 4) | flags).toString(16)
          client.saysBytes(`${first}${(body.length / 2).toString(16).padStart(2, '0')}${body}`)
          t.strictSame(
            client.hears(),
            version === 5 ? ['disconnect 0x81', 'closed'] : ['closed'],
            first,
          )
        }
      }
      const stranger = new Pond().stranger('a', { version })
      stranger.saysBytes(
        version === 5
          ? '11 0e 0004 4d515454 05 02 003c 00 0001 61'
          : '11 0d 0004 4d515454 04 02 003c 0001 61',
      )
      t.ok(stranger.isClosed)
    }
  },
)

conforms(
  {
    v5: ['MQTT-2.2.1-2', 'MQTT-4.3.1-1', 'MQTT-3.3.1-2', 'MQTT-2.2.2-1'],
    v311: ['MQTT-2.3.1-5', 'MQTT-4.3.1-1', 'MQTT-3.3.1-2'],
  },
  'a message of QoS 0 goes out without packet identifier and DUP, and with an empty list of properties',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob', { version })
      bob.subscribes('a')
      bob.hears()
      pond.client('alice').publishes('a', 'x')
      t.equal(
        bob.wire.takes().toString('hex'),
        version === 5 ? '300500016100' + '78' : '3004000161' + '78',
      )
    }
  },
)

conforms({ v5: ['MQTT-3.3.1-2'], v311: ['MQTT-3.3.1-2'] }, 'DUP at QoS 0 is malformed', t => {
  const client = new Pond().client('a')
  client.saysBytes('38 04 0001 61 00')
  t.strictSame(client.hears(), ['disconnect 0x81', 'closed'])
})

conforms(
  {
    v5: ['MQTT-2.2.1-4', 'MQTT-4.3.2-1', 'MQTT-4.3.3-1'],
    v311: ['MQTT-2.3.1-4', 'MQTT-4.3.2-1', 'MQTT-4.3.3-1'],
  },
  'each message of QoS 1 or 2 goes out under an identifier that is not 0 and not in use',
  t => {
    const pond = new Pond({ limits: { inFlightMax: 100 } })
    const alice = pond.client('alice')
    const bob = pond.client('bob')
    bob.subscribes('a', 2)
    bob.hears()

    for (let count = 0; count < 50; count++) {
      alice.publishes('a', '', { qos: 1 })
      alice.publishes('a', '', { qos: 2, packetId: 1_000 + count })
      alice.acknowledges('pubrel', 1_000 + count)
    }
    const ids = bob.receivesMessages().map(({ packetId }) => packetId)

    t.equal(new Set(ids).size, 100)
    t.notOk(ids.includes(0))
    bob.acknowledges('puback', ids[0] ?? 0)
    alice.publishes('a', '', { qos: 1 })
    t.notOk(ids.slice(1).includes(bob.receivesMessages()[0]?.packetId ?? 0))
  },
)

conforms(
  {
    v5: [
      'MQTT-2.2.1-5',
      'MQTT-3.3.4-1',
      'MQTT-4.3.2-4',
      'MQTT-4.3.3-8',
      'MQTT-4.3.3-11',
      'MQTT-4.3.3-4',
    ],
    v311: ['MQTT-2.3.1-6', 'MQTT-3.3.4-1', 'MQTT-4.3.2-2', 'MQTT-4.3.3-2'],
  },
  'every answer bears the packet identifier of what it answers: PUBACK at QoS 1, PUBREC, PUBCOMP and PUBREL at QoS 2, none at QoS 0',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      alice.subscribes('a', 2)
      alice.hears()

      alice.publishes('a', '0')
      t.strictSame(alice.hears(), ['publish a 0 q0'])
      alice.publishes('a', '1', { qos: 1, packetId: 300 })
      t.strictSame(alice.hears(), ['publish a 1 q1 #1', 'puback #300 0x0'])
      alice.publishes('a', '2', { qos: 2, packetId: 400 })
      t.strictSame(alice.hears(), ['publish a 2 q2 #2', 'pubrec #400 0x0'])
      alice.acknowledges('pubrel', 400)
      t.strictSame(alice.hears(), ['pubcomp #400 0x0'])
      alice.acknowledges('pubrec', 2)
      t.strictSame(alice.hears(), ['pubrel #2 0x0'])
    }
  },
)

conforms(
  {
    v5: [
      'MQTT-2.2.1-6',
      'MQTT-3.9.2-1',
      'MQTT-3.8.4-2',
      'MQTT-3.11.2-1',
      'MQTT-3.10.4-5',
      'MQTT-3.8.4-1',
      'MQTT-3.10.4-4',
    ],
    v311: ['MQTT-2.3.1-7', 'MQTT-3.8.4-1', 'MQTT-3.8.4-2', 'MQTT-3.10.4-4', 'MQTT-3.10.4-5'],
  },
  'SUBACK and UNSUBACK answer with the identifier that was sent, even where no subscription is deleted',
  t => {
    for (const version of VERSIONS) {
      const client = new Pond().client('a', { version })
      client.saysBytes(version === 5 ? '82 07 1234 00 0001 61 01' : '82 06 1234 0001 61 01')
      client.saysBytes(version === 5 ? 'a2 06 4321 00 0001 7a' : 'a2 05 4321 0001 7a')
      t.strictSame(client.hears(), [
        'suback #4660 0x1',
        version === 5 ? 'unsuback #17185 0x11' : 'unsuback #17185',
      ])
    }
  },
)

conforms(
  { v5: ['MQTT-2.2.1-3'], v311: ['MQTT-2.3.1-1', 'MQTT-2.3.1-2', 'MQTT-2.3.1-3'] },
  'packet identifier 0 closes the connection, and an identifier may be used anew after its exchange',
  t => {
    for (const version of VERSIONS) {
      const empty = version === 5 ? '00' : ''
      for (const bytes of [
        `32 ${version === 5 ? '06' : '05'} 0001 61 0000 ${empty}`,
        `82 ${version === 5 ? '07' : '06'} 0000 ${empty} 0001 61 00`,
        `a2 ${version === 5 ? '06' : '05'} 0000 ${empty} 0001 61`,
      ]) {
        const client = new Pond().client('a', { version })
        client.saysBytes(bytes)
        t.ok(client.isClosed, bytes)
      }
      const client = new Pond().client('a', { version })
      client.publishes('a', '1', { qos: 1, packetId: 9 })
      client.publishes('a', '2', { qos: 1, packetId: 9 })
      t.equal(client.receives().length, 2)
    }
  },
)

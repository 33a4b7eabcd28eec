// DISCONNECT (3.14), errors (4.13; 4.8 of 3.1.1).

import { Pond } from '../pond.ts'
import { framed } from './bytes.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

conforms(
  { v5: ['MQTT-3.14.4-1', 'MQTT-3.14.4-2'], v311: ['MQTT-3.14.4-1', 'MQTT-3.14.4-2'] },
  'after DISCONNECT nothing more is said or heard, and the connection is closed, whoever said it',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const bob = pond.client('bob')
      bob.subscribes('a')
      bob.hears()
      const alice = pond.client('alice', { version })
      pond.inOneTurn(() => {
        alice.disconnects()
        alice.publishes('a', 'after')
        alice.pings()
      })
      t.strictSame(alice.hears(), ['closed'])
      t.strictSame(bob.hears(), [])
    }
    const client = new Pond().client('a')
    client.subscribes('#')
    client.hears()
    client.saysBytes('2003000000 c000')
    t.strictSame(client.hears(), ['disconnect 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.14.0-1'] },
  'before CONNACK the broker says no DISCONNECT: a refusal is a CONNACK, or nothing',
  t => {
    for (const bytes of ['c000', framed('10', '0004 4d515454 05 03 003c 00 0001 61')]) {
      const stranger = new Pond().stranger('a')
      stranger.saysBytes(bytes)
      t.ok(stranger.hears().every(each => !each.startsWith('disconnect')))
    }
    const late = new Pond()
    const silent = late.stranger('a')
    late.passes({ seconds: 11 })
    t.strictSame(silent.hears(), ['closed'])
  },
)

conforms(
  { v5: ['MQTT-3.14.2-2', 'MQTT-3.14.2-3', 'MQTT-3.14.2-4'] },
  'DISCONNECT from the broker bears no session expiry, and no reason string that makes it too large',
  t => {
    for (const [maximumPacketSize, has] of [
      [200, true],
      [16, false],
    ] as const) {
      const pond = new Pond()
      const client = pond.client('a', {
        properties: { maximumPacketSize, sessionExpiryInterval: 60 },
      })
      client.saysBytes('82 02 0001')
      const [disconnect] = client.receives()
      t.match(disconnect, { type: 'disconnect', reason: 0x81 })
      if (disconnect?.type !== 'disconnect') continue
      t.equal(disconnect.properties.sessionExpiryInterval, undefined)
      t.equal(disconnect.properties.reasonString !== undefined, has)
    }
  },
)

conforms(
  { v5: ['MQTT-4.13.1-1', 'MQTT-4.13.2-1'], v311: ['MQTT-4.8.0-1', 'MQTT-4.8.0-2'] },
  'whatever breaks the protocol closes the connection and no other',
  t => {
    for (const version of VERSIONS) {
      for (const bytes of [
        '00',
        '20020000',
        '9003000100',
        'd000',
        '3600',
        'f0021800',
        '82020001',
        '400100',
        '30ffffffff01',
      ]) {
        const pond = new Pond()
        const other = pond.client('other', { version })
        const client = pond.client('a', { version })
        client.saysBytes(bytes)
        const heard = client.hears()
        t.equal(heard.at(-1), 'closed', bytes)
        t.equal(heard.length, version === 5 ? 2 : 1)
        if (version === 5) t.match(heard[0], /^disconnect 0x8[12]$/)
        other.pings()
        t.strictSame(other.hears(), ['pingresp'])
      }
    }
  },
)

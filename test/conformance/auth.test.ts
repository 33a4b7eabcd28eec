// Enhanced authentication: sections 3.15 and 4.12.

import type { Access, Verdict } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { conforms } from './conforms.ts'

/** The method `riddle`: the client says `ask`, is asked `six times seven`, and must answer `42`. */
const riddles: Access = {
  authenticate: () => ({ kind: 'allowed', permissions: UNRESTRICTED }),
  permissionsOf: () => null,
  beginExchange: method =>
    method !== 'riddle'
      ? null
      : {
          step: ({ data }): Verdict => {
            if (data?.toString() === 'ask')
              return { kind: 'continue', data: Buffer.from('six times seven') }
            if (data?.toString() === '42')
              return { kind: 'allowed', permissions: UNRESTRICTED, data: Buffer.from('well done') }
            return { kind: 'refused', reason: 0x87, sentence: 'that is not it' }
          },
        },
}

function pondOfRiddles(): Pond {
  return new Pond({ access: riddles })
}

function asking(pond: Pond, authenticationMethod = 'riddle'): PondClient {
  const properties = { authenticationMethod, authenticationData: Buffer.from('ask') }
  const client = pond.stranger('a', { properties })
  client.connects()
  return client
}

function answers(
  client: PondClient,
  data: string,
  reason: 0x18 | 0x19 = 0x18,
  method = 'riddle',
): void {
  const properties = { authenticationMethod: method, authenticationData: Buffer.from(data) }
  client.says({ type: 'auth', reason, properties })
}

conforms(
  { v5: ['MQTT-4.12.0-1'] },
  'an authentication method that is not offered is refused with 0x8C and closed',
  t => {
    const client = asking(pondOfRiddles(), 'oracle')
    t.strictSame(client.hears(), ['connack 0x8c', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-4.12.0-2', 'MQTT-4.12.0-3', 'MQTT-4.12.0-5', 'MQTT-3.15.2-1'] },
  'AUTH with 0x18 asks for more, and AUTH and the CONNACK that accepts bear the method of CONNECT',
  t => {
    const client = asking(pondOfRiddles())
    const [auth] = client.receives()
    t.match(auth, {
      type: 'auth',
      reason: 0x18,
      properties: {
        authenticationMethod: 'riddle',
        authenticationData: Buffer.from('six times seven'),
      },
    })
    answers(client, '42')
    const [connack] = client.receives()
    t.match(connack, {
      type: 'connack',
      reason: 0,
      properties: { authenticationMethod: 'riddle', authenticationData: Buffer.from('well done') },
    })
  },
)

conforms({ v5: ['MQTT-4.12.0-4'] }, 'a wrong answer is refused by its reason and closed', t => {
  const client = asking(pondOfRiddles())
  client.hears()
  answers(client, '41')
  t.strictSame(client.hears(), ['connack 0x87', 'closed'])
})

conforms(
  { v5: ['MQTT-3.1.2-30'] },
  'between CONNECT and CONNACK of an enhanced authentication only AUTH and DISCONNECT are taken',
  t => {
    const pond = pondOfRiddles()
    const impatient = asking(pond)
    impatient.hears()
    impatient.publishes('a', 'x')
    t.strictSame(impatient.hears(), ['connack 0x82', 'closed'])
    const leaving = asking(pond)
    leaving.hears()
    leaving.disconnects()
    t.strictSame(leaving.hears(), ['closed'])
    const changing = asking(pond)
    changing.hears()
    answers(changing, '42', 0x18, 'oracle')
    t.strictSame(changing.hears(), ['connack 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-4.12.0-6', 'MQTT-4.12.0-7'] },
  'without a method in CONNECT there is none in CONNACK, no AUTH is said, and one that comes breaks the protocol',
  t => {
    const client = pondOfRiddles().client('a')
    t.equal(
      client.greeting?.type === 'connack' && client.greeting.properties.authenticationMethod,
      undefined,
    )
    answers(client, 'ask', 0x19)
    t.strictSame(client.hears(), ['disconnect 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-4.12.1-1', 'MQTT-4.12.1-2'] },
  'a client may authenticate anew by the same method; a failure disconnects it, and so does another method',
  t => {
    const accepted = (): PondClient => {
      const client = asking(pondOfRiddles())
      answers(client, '42')
      client.hears()
      return client
    }
    const good = accepted()
    answers(good, 'ask', 0x19)
    t.strictSame(good.hears(), ['auth 0x18'])
    answers(good, '42')
    t.strictSame(good.hears(), ['auth 0x0'])
    good.pings()
    t.strictSame(good.hears(), ['pingresp'])

    const bad = accepted()
    answers(bad, 'ask', 0x19)
    answers(bad, '43')
    t.strictSame(bad.hears(), ['auth 0x18', 'disconnect 0x87', 'closed'])

    const other = accepted()
    answers(other, 'ask', 0x19, 'oracle')
    t.strictSame(other.hears(), ['disconnect 0x82', 'closed'])

    const uninvited = accepted()
    answers(uninvited, '42', 0x18)
    t.strictSame(uninvited.hears(), ['disconnect 0x82', 'closed'])
  },
)

conforms(
  { v5: ['MQTT-3.15.2-2', 'MQTT-3.15.2-3'] },
  'AUTH from the broker bears neither reason string nor user properties',
  t => {
    const [auth] = asking(pondOfRiddles()).receives()
    t.strictSame(
      auth !== undefined && 'properties' in auth && Object.keys(auth.properties).sort(),
      ['authenticationData', 'authenticationMethod'],
    )
    t.not(auth !== undefined && 'properties' in auth && auth.properties, NO_PROPERTIES)
  },
)

conforms(
  { v5: ['MQTT-4.12.1-1'] },
  'who authenticates again is asked about with the user name and password of its CONNECT',
  t => {
    const told: string[] = []
    const access: Access = {
      ...riddles,
      beginExchange: (method, credentials) => {
        told.push(`${credentials.username} ${credentials.password?.toString()}`)
        return riddles.beginExchange(method, credentials)
      },
    }
    const pond = new Pond({ access })
    const properties = {
      authenticationMethod: 'riddle',
      authenticationData: Buffer.from('ask'),
    }
    const client = pond.stranger('a', { properties, username: 'alice', password: 'secret' })
    client.connects()
    answers(client, '42')
    pond.client('another', { username: 'somebody', password: 'else' })

    answers(client, 'ask', 0x19)

    t.strictSame(told, ['alice secret', 'alice secret'])
  },
)

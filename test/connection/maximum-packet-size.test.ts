// What a client must not be sent because of its Maximum Packet Size, and would wait for.

import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 600 } } as const

/** CONNACK of 5.0 with what the broker always says in it. */
const CONNACK_BYTES = 16

test('a client whose CONNACK would be too large gets no session, whatever made it too large', async t => {
  const access: Access = {
    authenticate: () => ({
      kind: 'allowed',
      permissions: { mayPublish: () => true, maySubscribe: () => true },
    }),
    permissionsOf: () => null,
    beginExchange: () => ({
      step: () => ({
        kind: 'allowed',
        data: Buffer.alloc(60),
        permissions: { mayPublish: () => true, maySubscribe: () => true },
      }),
    }),
  }
  for (const [clientId, maximumPacketSize, properties] of [
    ['bob', CONNACK_BYTES - 1, {}],
    ['bob', 1, {}],
    ['', CONNACK_BYTES + 5, {}],
    ['bob', 64, { authenticationMethod: 'any' }],
    ['bob', 64, { requestResponseInformation: 1 }],
  ] as const) {
    const pond = new Pond({ access, responseInformation: 'r'.repeat(60) })
    const watcher = pond.client('watcher')
    watcher.subscribes('will')
    watcher.hears()
    const before = pond.client('bob', DURABLE)
    before.subscribes('a', 1)
    before.hears()

    const bob = pond.stranger(clientId, {
      properties: { ...properties, maximumPacketSize, sessionExpiryInterval: 600 },
      will: { topic: 'will', payload: 'never heard' },
    })
    bob.connects()

    const heard = bob.hears()
    t.strictSame(heard, maximumPacketSize === 1 ? ['closed'] : ['connack 0x95', 'closed'])
    // The session of before goes on, and so does its connection.
    pond.client('alice').publishes('a', 'x', { qos: 1 })
    t.strictSame(before.hears(), ['publish a x q1 #1'])
    t.strictSame(watcher.hears(), [])
    t.equal(pond.broker.sessions.count, 3)
  }
})

test('a CONNACK that is just small enough opens the session', async t => {
  const bob = new Pond().client('bob', { properties: { maximumPacketSize: CONNACK_BYTES } })

  bob.pings()

  t.match(bob.greeting, { type: 'connack', reason: 0 })
  t.strictSame(bob.hears(), ['pingresp'])
})

test('a SUBACK or UNSUBACK that is too large ends the connection instead of keeping the client waiting', async t => {
  const filters = Array.from({ length: 40 }, (_, index) => `filter/${index}`)
  for (const type of ['subscribe', 'unsubscribe'] as const) {
    const pond = new Pond()
    const properties = { maximumPacketSize: 32, sessionExpiryInterval: 600 }
    const bob = pond.client('bob', { cleanStart: false, properties })

    if (type === 'unsubscribe') {
      bob.says({ type, packetId: 1, filters, properties: {} })
    } else {
      const options = {
        qos: 1,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      } as const
      const subscriptions = filters.map(filter => ({ filter, ...options }))
      bob.says({ type, packetId: 1, subscriptions, properties: {} })
    }

    t.strictSame(bob.hears(), ['disconnect 0x95', 'closed'], type)
    t.equal(pond.broker.sessions.count, 1)
    t.match(pond.client('bob', DURABLE).greeting, { sessionPresent: true })
  }
})

test('an AUTH that is too large ends the connection', async t => {
  const access: Access = {
    authenticate: () => ({ kind: 'refused', reason: 0x87, sentence: 'never' }),
    permissionsOf: () => null,
    beginExchange: () => ({ step: () => ({ kind: 'continue', data: Buffer.alloc(100) }) }),
  }
  const pond = new Pond({ access })
  const bob = pond.stranger('bob', {
    properties: { maximumPacketSize: 64, authenticationMethod: 'any' },
  })

  bob.connects()

  t.strictSame(bob.hears(), ['connack 0x95', 'closed'])
})

test('the smallest packets that may be allowed are enough to connect, subscribe, publish and leave', async t => {
  const limits = { packetBytesMax: 9, connectPacketBytesMax: 17 }
  for (const version of [3, 4, 5] as const) {
    const pond = new Pond({ limits })
    const client = pond.client('a', { version })
    client.subscribes('b', 2)
    for (const qos of [0, 1, 2] as const) client.publishes('b', 'x', { qos, packetId: 7 })
    client.acknowledges('pubrel', 7)
    const heard = client.hears()
    t.ok(heard.includes('suback #1 0x2') && heard.includes('pubcomp #7 0x0'), heard.join(', '))
    client.acknowledges('pubrec', 2)
    client.unsubscribes('b')
    if (version === 5) client.disconnects(0, { sessionExpiryInterval: 0 })
    else client.disconnects()
    const last = client.hears()
    t.match(last.at(-1), 'closed')
    t.notOk(last.some(each => each.startsWith('disconnect')))
  }
})

// onConnect and onAuthenticate, and the client that hooks are given.

import { test } from 'tap'
import type { Hooks } from '../../src/hooks/contexts.ts'
import type { Client } from '../../src/hooks/client.ts'
import { awaited, HookedPond } from './hooked-pond.ts'

test('onConnect sees CONNECT before anybody is authenticated, and refuses', async t => {
  const pond = new HookedPond()
  const seen: unknown[] = []
  pond.adds('onConnect', context => {
    const { clientId, version, cleanStart, keepAliveSeconds, username, will } = context
    seen.push([clientId, version, cleanStart, keepAliveSeconds, username, will?.topic])
    t.notOk('password' in context)
    return clientId === 'unwanted' ? { reason: 0x8a, sentence: 'go away' } : undefined
  })
  let asked = 0
  pond.adds('onAuthenticate', () => {
    asked += 1
  })

  const wanted = pond.client('wanted', { username: 'pond', password: 'x', will: { topic: 'w' } })
  const unwanted = pond.stranger('unwanted')
  unwanted.connects()

  t.match(wanted.greeting, { type: 'connack', reason: 0 })
  t.strictSame(unwanted.hears(), ['connack 0x8a', 'closed'])
  t.strictSame(seen, [
    ['wanted', 5, true, 60, 'pond', 'w'],
    ['unwanted', 5, true, 60, null, undefined],
  ])
  t.equal(asked, 1)
})

const ANSWERS: readonly (readonly [string, Hooks['onAuthenticate'], string])[] = [
  ['true', () => true, 'connack 0x0'],
  ['false', () => false, 'connack 0x86'],
  ['nothing', () => {}, 'connack 0x0'],
  ['null, later', async () => null, 'connack 0x0'],
  ['a refusal', async () => ({ kind: 'refused', reason: 0x97, sentence: 'full' }), 'connack 0x97'],
  ['something else', () => 7 as unknown as boolean, 'connack 0x88'],
  [
    'an exception',
    () => {
      throw new Error('planted')
    },
    'connack 0x88',
  ],
]

for (const [what, hook, greeting] of ANSWERS) {
  test(`onAuthenticate answers with ${what}`, async t => {
    const pond = new HookedPond({ bearsFaults: true })
    pond.adds('onAuthenticate', hook)
    const client = pond.stranger('a', { username: 'pond', password: 'x' })

    client.connects()
    await pond.answers()

    t.equal(client.hears()[0], greeting)
  })
}

test('a client that onAuthenticate lets in has the rights that the rules give to its user', async t => {
  const asked: (string | null)[] = []
  const pond = new HookedPond({
    access: {
      authenticate: () => ({ kind: 'refused', reason: 0x86, sentence: 'nobody' }),
      beginExchange: () => null,
      permissionsOf: () => null,
      rightsOf: (_, username) => {
        asked.push(username)
        return { mayPublish: topic => topic === username, maySubscribe: () => false }
      },
    },
  })
  pond.adds('onAuthenticate', ({ username, password }) =>
    username === 'ada'
      ? { kind: 'allowed', username: 'lovelace' }
      : password === null
        ? null
        : true,
  )
  const ada = pond.client('1', { username: 'ada', password: 'x' })
  const unknown = pond.stranger('2')
  unknown.connects()

  ada.publishes('lovelace', '', { qos: 1 })
  ada.publishes('ada', '', { qos: 1 })

  t.strictSame(ada.hears(), ['puback #1 0x10', 'puback #2 0x87'])
  t.equal(unknown.hears()[0], 'connack 0x86', 'the access decides on whom no hook knows')
  t.strictSame(asked, ['lovelace'])
})

test('hooks of CONNECT that do not answer in time refuse', async t => {
  const pond = new HookedPond()
  const remove = pond.adds('onConnect', () => awaited<void>().promise)
  const first = pond.stranger('a')
  first.connects()
  await pond.hooksAreLate()
  remove()
  pond.adds('onAuthenticate', () => awaited<boolean>().promise)
  const second = pond.stranger('b')
  second.connects()
  await pond.hooksAreLate()

  t.equal(first.hears()[0], 'connack 0x83')
  t.equal(second.hears()[0], 'connack 0x88')
  t.equal(pond.broker.statistics.hookTimeouts, 2)
  t.match(
    pond.faults.map(({ error }) => String(error)),
    [/onConnect has not answered in 5 s/, /onAuthenticate has not answered in 5 s/],
  )
})

test('a client has the user that it was proved to be, whoever looks first', async t => {
  const pond = new HookedPond()
  const clients: Client[] = []
  pond.adds('onConnect', ({ client }) => void clients.push(client))
  pond.adds('onAuthenticate', () => ({ kind: 'allowed', username: 'lovelace' }))
  pond.client('a', { username: 'ada' })

  t.equal(clients[0]?.username, 'ada', 'what CONNECT says, before anybody has asked')
  t.equal(pond.hooks.clients.get('a'), clients[0])
  t.equal(clients[0]?.username, 'lovelace')
})

test('all hooks of a connection have one client, with data of the program', async t => {
  const pond = new HookedPond()
  const clients = new Set<Client | null>()
  pond.adds('onConnect', ({ client }) => {
    client.data['plan'] = 'free'
    clients.add(client)
  })
  pond.adds('onConnected', ({ client }) => clients.add(client))
  pond.adds('onPublish', ({ client }) => {
    clients.add(client)
    t.equal(client?.data['plan'], 'free')
  })
  pond.adds('onSubscribe', ({ client }) => {
    clients.add(client)
  })
  pond.adds('onDisconnect', ({ client }) => clients.add(client))
  const options = { cleanStart: false, properties: { sessionExpiryInterval: 60 } } as const
  const first = pond.client('a', { ...options, username: 'pond' })

  first.publishes('a', '')
  first.subscribes('b', 1)

  const [client] = clients
  t.match(client, { id: 'a', username: 'pond', version: 5, address: '192.0.2.1', transport: 'tcp' })
  t.equal(client?.isConnected, true)
  t.match(client?.session, { expiryIntervalSeconds: 60, queuedMessages: 0, inFlightMessages: 0 })
  t.strictSame(
    client?.session?.subscriptions.map(({ filter }) => filter),
    ['b'],
  )
  t.equal(pond.hooks.clients.get('a'), client)
  t.strictSame([...pond.hooks.clients], [client])
  first.vanishes()
  t.equal(clients.size, 1)
  t.equal(client?.isConnected, false)
  t.equal(client?.session, null)
  t.equal(pond.hooks.clients.size, 0)
})

test('a client object closes its own connection, and not one that came later', async t => {
  const pond = new HookedPond()
  const first = pond.client('a')
  const old = pond.hooks.clients.get('a')
  const second = pond.client('a')
  first.hears()

  const isOldClosed = old?.close('too late')
  pond.settles()
  t.equal(await isOldClosed, false)
  t.strictSame(second.hears(), [])
  const isClosed = pond.hooks.clients.get('a')?.close('no more')
  pond.settles()

  t.equal(await isClosed, true)
  t.match(second.receives(), [
    { type: 'disconnect', reason: 0x98, properties: { reasonString: 'no more' } },
  ])
})

test('a message to one client waits in its queue, and is acknowledged as any other', async t => {
  const pond = new HookedPond()
  const bounded = { receiveMaximum: 1, sessionExpiryInterval: 60 }
  const client = pond.client('a', { properties: bounded })
  const other = pond.client('b')
  const target = pond.hooks.clients.get('a')

  const sent = ['1', '2'].map(async payload => target?.publish({ topic: 'to/a', payload, qos: 1 }))
  const tooLate = pond.hooks.clients.get('b')
  other.vanishes()
  const lost = tooLate?.publish({ topic: 'to/b', payload: '' })
  pond.settles()

  t.strictSame(client.hears(), ['publish to/a 1 q1 #1'])
  t.strictSame(await Promise.all(sent), [true, true])
  t.equal(await lost, false)
  client.acknowledges('puback', 1)
  t.strictSame(client.hears(), ['publish to/a 2 q1 #2'])
})

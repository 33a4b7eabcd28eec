// Who has the longest queue, who sends most, and what an operator should look at.

import { test } from 'tap'
import { Alarms } from '../../src/records/alarms.ts'
import { Census } from '../../src/records/census.ts'
import { CountedNames } from '../../src/records/counted-names.ts'
import { RefusedClients } from '../../src/records/refused-clients.ts'
import { Pond, type PondOptions } from '../pond.ts'

function counted(options: PondOptions = {}) {
  const pond = new Pond(options)
  const { broker } = pond
  const drops = new CountedNames()
  const refusals = new CountedNames()
  broker.faults.observers.add({
    dropped: (_reason, _message, clientId) => drops.add(clientId ?? ''),
  })
  const fills: string[] = []
  const later: (() => void)[] = []
  const time = { now: 0, step: 0 }
  const census = new Census({
    broker,
    drops,
    refusals,
    queueFills: (clientId, cause) => fills.push(`${clientId}: ${cause}`),
    now: () => (time.now += time.step),
    later: proceed => later.push(proceed),
  })
  const counts = (): number => {
    time.now += 5_000
    census.begin()
    let slices = 1
    for (let proceed = later.shift(); proceed !== undefined; proceed = later.shift()) {
      slices += 1
      proceed()
    }
    return slices
  }
  return { pond, census, fills, counts, time }
}

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }

test('the top has who sends most, who gets most, the longest queues and the most drops', async t => {
  const { pond, census, counts } = counted({ limits: { queuedMessagesMax: 50 } })
  for (const clientId of ['away-1', 'away-2']) {
    const away = pond.client(clientId, KEPT)
    away.subscribes(clientId, 1)
    away.vanishes()
  }
  const flood = pond.client('flood')
  const reader = pond.client('reader')
  reader.subscribes('away-1', 0)
  for (let number = 0; number < 60; number++) flood.publishes('away-1', 'x', { qos: 1 })
  for (let number = 0; number < 10; number++) {
    pond.client('calm').publishes('away-2', 'x', { qos: 1 })
  }

  counts()

  t.match(census.top, {
    queues: [
      { name: 'away-1', value: 50 },
      { name: 'away-2', value: 10 },
    ],
    drops: [{ name: 'away-1', value: 10 }],
    sent: [{ name: 'reader', value: 12 }],
  })
  t.match(census.top.received[0], { name: 'flood', value: 12 })
  t.equal(census.queuedMessages, 60)
  counts()
  t.strictSame(census.top.received, [], 'nobody has sent anything since')
  t.strictSame(census.top.drops, [])
})

test('a queue that fills is told once, and again after it was emptied', async t => {
  const { pond, census, fills, counts } = counted({ limits: { queuedMessagesMax: 10 } })
  const away = pond.client('away', KEPT)
  away.subscribes('a', 1)
  away.vanishes()
  const alice = pond.client('alice')
  for (let number = 0; number < 8; number++) alice.publishes('a', 'x', { qos: 1 })

  counts()
  counts()

  t.strictSame(fills, ['away: its queue has 8 of 10 messages'])
  t.strictSame(census.filling, [{ clientId: 'away', queuedMessages: 8 }])
  pond.client('away', { ...KEPT, acknowledges: true }).vanishes()
  counts()
  t.strictSame(census.filling, [])
  for (let number = 0; number < 9; number++) alice.publishes('a', 'x', { qos: 1 })
  counts()
  t.equal(fills.length, 2)
})

test('many sessions are looked at in slices', async t => {
  const { pond, census, counts, time } = counted()
  pond.inOneTurn(() => {
    for (let number = 0; number < 1_000; number++) pond.stranger(`client-${number}`).connects()
  })
  // Each look at the clock takes a millisecond: a slice has two pieces of 64 sessions.
  time.step = 1

  t.ok(counts() >= 8)
  t.equal(census.queuedMessages, 0)
})

function watched(options: PondOptions = {}) {
  const world = counted(options)
  const refusedClients = new RefusedClients(() => world.pond.now, false)
  const state = {
    free: 1_048_576 * 64,
    delay: 0,
    troubles: [''],
    notAfter: Infinity,
    refused: { connectionsMax: 0, connectionsPerAddressMax: 0 },
    bridge: { name: 'centre', state: 'connected', cause: null as string | null },
  }
  const alarms = new Alarms({
    broker: world.pond.broker,
    census: world.census,
    refusedClients,
    storeFreeBytes: () => state.free,
    loopDelaySeconds: () => state.delay,
    troubles: () => state.troubles,
    certificates: () => [{ name: 'server.pem', subject: 'CN=server', notAfter: state.notAfter }],
    connectionsRefused: () => state.refused,
    bridges: () => [state.bridge],
  })
  const codes = (): readonly string[] => {
    alarms.update(world.pond.now)
    return alarms.all.map(({ code }) => code)
  }
  return { ...world, alarms, refusedClients, state, codes }
}

test('a calm broker has no alarm', async t => {
  t.strictSame(watched().codes(), [])
})

test('each alarm has its cause, stays since it began, and ends with its cause', async t => {
  const { pond, alarms, state, codes } = watched()
  const begin = pond.now
  pond.broker.storeIsFull = true
  state.delay = 0.08
  t.strictSame(codes(), ['disk-full', 'loop-slow'])

  pond.now += 60_000

  t.strictSame(codes(), ['disk-full', 'loop-slow'])
  t.match(alarms.all[0], {
    level: 'fault',
    since: begin,
    cause: 'The disk of the store is full: what must be stored is refused. 64 MiB are free.',
  })
  pond.broker.storeIsFull = false
  state.delay = 0
  t.strictSame(codes(), [])
})

test('drops name the client that has most of them, for five minutes', async t => {
  const { pond, alarms, codes, counts } = watched({ limits: { queuedMessagesMax: 1 } })
  const away = pond.client('slow-1', KEPT)
  away.subscribes('a', 1)
  away.vanishes()
  const alice = pond.client('alice')
  for (let number = 0; number < 6; number++) alice.publishes('a', 'x', { qos: 1 })
  counts()

  t.ok(codes().includes('drops'))
  const drops = alarms.all.find(({ code }) => code === 'drops')
  t.equal(drops?.cause, '5 messages were dropped in 5 minutes, most of them for slow-1.')
  t.equal(drops?.link, '#/client?id=slow-1')
  pond.now += 300_000
  t.notOk(codes().includes('drops'))
})

test('refusals, contested ids, certificates and files that were not reloaded are alarms', async t => {
  const { pond, alarms, refusedClients, state, codes } = watched()
  const client = { version: 5, username: null, address: '10.0.0.7', transport: 'mqtt' } as const
  refusedClients.add({ ...client, clientId: 'esp-7' }, 0x86, 'no such user')
  alarms.contested('twins', pond.now)
  state.notAfter = pond.now + 10 * 86_400_000
  state.troubles = ['The users file cannot be read.']

  t.strictSame(codes(), ['reload-failed', 'certificate-expires', 'refusals', 'client-id-contested'])
  t.match(
    alarms.all.map(({ cause }) => cause),
    [
      'The users file cannot be read.',
      'The certificate server.pem expires in 10 days.',
      '1 client was refused in 5 minutes, the last one esp-7: no such user.',
      /twins/,
    ],
  )
  pond.now += 300_000
  state.troubles = []
  state.notAfter = pond.now + 100 * 86_400_000
  t.strictSame(codes(), [])
})

test('connections that are closed unread are an alarm that names the limit, for five minutes', async t => {
  const { pond, alarms, state, codes } = watched()
  state.refused = { connectionsMax: 0, connectionsPerAddressMax: 180 }
  codes()
  pond.now += 1_000
  state.refused = { connectionsMax: 0, connectionsPerAddressMax: 181 }

  t.strictSame(codes(), ['connections-refused'])
  t.equal(
    alarms.all[0]?.cause,
    '181 connections were refused in 5 minutes: limits.connectionsPerAddressMax was reached.',
  )
  pond.now += 300_000
  t.strictSame(codes(), [])
})

test('a bridge that is not connected is an alarm with its cause, until it is', async t => {
  const { alarms, state, codes } = watched()
  state.bridge = { name: 'centre', state: 'connecting', cause: null }
  t.strictSame(codes(), [], 'it has just begun')
  state.bridge = { name: 'centre', state: 'waiting', cause: 'connect ECONNREFUSED' }

  t.strictSame(codes(), ['bridge-lost'])
  t.equal(alarms.all[0]?.cause, 'The bridge centre is not connected: connect ECONNREFUSED.')
  state.bridge = { name: 'centre', state: 'connected', cause: 'connect ECONNREFUSED' }
  t.strictSame(codes(), [])
})

test('links and causes of alarms are harmless for hostile client ids', async t => {
  const { pond, alarms, codes } = watched()
  alarms.contested('"><script>\r\n../‮', pond.now)

  codes()

  t.equal(alarms.all[0]?.link, '#/client?id=%22%3E%3Cscript%3E%0D%0A..%2F%E2%80%AE')
})

// What a broker writes down of its clients.

import { test } from 'tap'
import { BadEnds } from '../../src/records/bad-ends.ts'
import { CountedNames } from '../../src/records/counted-names.ts'
import { RecordObserver } from '../../src/records/record-observer.ts'
import { RefusedClients } from '../../src/records/refused-clients.ts'
import { Timelines } from '../../src/records/timelines.ts'
import { type Pond as World, Pond, type PondOptions } from '../pond.ts'

function recorded(options: PondOptions = {}) {
  const world: { pond: World | null } = { pond: null }
  const now = (): number => world.pond?.now ?? 0
  const books = {
    timelines: new Timelines(1_048_576, now),
    badEnds: new BadEnds(now),
    refusedClients: new RefusedClients(now, true),
    drops: new CountedNames(),
    refusals: new CountedNames(),
  }
  const pond = new Pond({ ...options, observer: new RecordObserver(books) })
  world.pond = pond
  return { pond, books }
}

test('a timeline says who ended each connection', async t => {
  const { pond, books } = recorded()

  pond.client('leaves').disconnects()
  pond.client('lost').vanishes()
  pond.client('taken')
  pond.client('taken')
  const rude = pond.client('rude')
  rude.saysBytes('00 00')

  const endsOf = (clientId: string) =>
    books.timelines.eventsOf(clientId)?.filter(({ kind }) => kind === 'disconnected')
  t.match(endsOf('leaves'), [{ by: 'client', reasonCode: 0, cause: null }])
  t.match(endsOf('lost'), [{ by: 'network' }])
  t.match(endsOf('taken'), [{ by: 'takeover', reasonCode: 0x8e }])
  t.match(endsOf('rude'), [{ by: 'broker', reasonCode: 0x81, cause: 'packet type 0' }])
})

test('a takeover names both addresses', async t => {
  const { pond, books } = recorded()

  pond.client('two')
  pond.client('two')

  const takeover = books.timelines.eventsOf('two')?.find(({ kind }) => kind === 'takeover')
  t.ok(takeover?.address)
  t.ok(takeover?.topic)
})

test('drops are counted by reason, and are among the bad ends with their topic', async t => {
  const { pond, books } = recorded({ limits: { queuedMessagesMax: 2 } })
  const slow = pond.client('slow', {
    cleanStart: false,
    properties: { sessionExpiryInterval: 600 },
  })
  slow.subscribes('fleet/#', 1)
  slow.vanishes()
  const alice = pond.client('alice')

  for (let number = 0; number < 5; number++) alice.publishes(`fleet/${number}`, 'x', { qos: 1 })

  const events = books.timelines.eventsOf('slow') ?? []
  t.match(
    events.map(({ kind, count }) => `${count} ${kind}`),
    ['1 connected', '1 subscribed', '1 disconnected', '3 dropped'],
  )
  t.match(
    [...books.badEnds.newest()].map(({ topic, cause, clientId }) => [clientId, topic, cause]),
    [
      ['slow', 'fleet/4', 'queue-full'],
      ['slow', 'fleet/3', 'queue-full'],
      ['slow', 'fleet/2', 'queue-full'],
    ],
  )
  t.strictSame(books.drops.take(5), [{ name: 'slow', value: 3 }])
})

test('a will, an expired session and a kept session are in the timeline', async t => {
  const { pond, books } = recorded()
  const session = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
  pond.client('device', { ...session, will: { topic: 'gone', payload: 'x' } }).vanishes()
  pond.client('device', session).vanishes()

  pond.passes({ seconds: 61 })

  t.strictSame(
    books.timelines.eventsOf('device')?.map(({ kind, cause }) => `${kind} ${cause ?? ''}`.trim()),
    [
      'connected with a new session',
      'disconnected the connection was reset',
      'will-published',
      'connected its session continues',
      'session-expired',
    ],
  )
})

test('refused clients are in groups with a mend, and strangers drive no timeline out', async t => {
  const { pond, books } = recorded({
    access: {
      authenticate: ({ clientId }) =>
        clientId === 'good'
          ? { kind: 'allowed', permissions: { mayPublish: () => true, maySubscribe: () => true } }
          : { kind: 'refused', reason: 0x86, sentence: 'no such user' },
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  pond.client('good')

  for (let count = 0; count < 3; count++) pond.client('esp32-7f', { username: 'esp' })
  pond.client('other')

  t.match(books.refusedClients.all, [
    { clientId: 'other', username: null, count: 1, mend: 'pondhawk user add other' },
    {
      clientId: 'esp32-7f',
      username: 'esp',
      count: 3,
      cause: 'no such user',
      mend: 'pondhawk user passwd esp, or for a new user pondhawk user add esp',
    },
  ])
  t.equal(books.timelines.count, 1)
})

for (const clientId of ['esp', 'x'.repeat(1_000)]) {
  test(`a client with an id of ${clientId.length} bytes that is let in after all is no longer among those that wait`, async t => {
    const { books } = recorded()
    const observer = new RecordObserver(books)
    const facts = { version: 5, username: null, address: '', transport: 'tcp' } as const
    const client = { clientId, ...facts }

    observer.refused(client, 0x86, 'no such user')
    observer.connected(client, false)
    t.ok(books.refusedClients.all[0]?.letInAt)
    observer.refused(client, 0x86, 'no such user')

    t.match(books.refusedClients.all, [{ count: 2, letInAt: null }])
  })
}

test('a flood of refused strangers keeps to the bounds of all lists', async t => {
  const { books } = recorded()
  const observer = new RecordObserver(books)
  const client = { version: 5, username: null, address: '10.0.0.9', transport: 'mqtt' } as const

  for (let number = 0; number < 20_000; number++) {
    observer.refused({ ...client, clientId: `stranger-${number}` }, 0x86, 'no such user')
  }

  t.equal(books.refusedClients.all.length, 1_000)
  t.equal(books.refusedClients.forgotten, 19_000)
  t.equal([...books.badEnds.newest()].length + books.badEnds.leftOut, 20_000)
  t.ok([...books.badEnds.newest()].length <= 200, 'no more than what one second may add')
  t.equal(books.timelines.count, 0)
  t.equal(books.refusals.take(5).length, 5)
})

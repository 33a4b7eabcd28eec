// Many clients connect at once: those with a session come first, and nobody waits for ever.

import { test } from 'tap'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient, PondClientOptions } from '../pond-client.ts'

const DURABLE: PondClientOptions = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 86_400 },
}

/** Two CONNECT packets a second are answered, and two at once. */
function stormyPond(options: PondOptions = {}): Pond {
  return new Pond({ ...options, limits: { connectsPerSecondMax: 2, ...options.limits } })
}

function arriving(pond: Pond, clientId: string, options: PondClientOptions = {}): PondClient {
  const client = pond.stranger(clientId, options)
  client.connects()
  return client
}

function letIn(clients: readonly PondClient[]): readonly string[] {
  return clients
    .filter(client => client.hears()[0]?.startsWith('connack 0x0'))
    .map(each => each.clientId)
}

test('within the rate a CONNECT is answered in its own turn', async t => {
  const pond = stormyPond()

  t.strictSame(letIn([arriving(pond, 'one'), arriving(pond, 'two')]), ['one', 'two'])
  t.equal(pond.broker.statistics.limited.connectsPerSecondMax, 0)
})

test('beyond the rate clients with a session come before those without, in the order of their coming', async t => {
  const pond = stormyPond()
  for (const clientId of ['known-1', 'known-2']) {
    pond.client(clientId, DURABLE).vanishes()
    pond.passes({ seconds: 10 })
  }
  const names = ['a', 'b', 'new-1', 'new-2', 'known-1', 'new-3', 'known-2']
  const all = names.map(clientId => arriving(pond, clientId, DURABLE))
  t.strictSame(letIn(all), ['a', 'b'])
  t.equal(pond.core.connects.length, 5)

  const order: string[] = []
  for (let half = 0; half < 5; half++) {
    pond.passes({ seconds: 0.5 })
    order.push(...letIn(all))
  }

  t.strictSame(order, ['known-1', 'known-2', 'new-1', 'new-2', 'new-3'])
  t.equal(pond.core.connects.length, 0)
  t.equal(pond.broker.statistics.limited.connectsPerSecondMax, 5)
})

test('a client that comes later does not overtake one that waits', async t => {
  const pond = stormyPond()
  const all = ['a', 'b', 'waits'].map(clientId => arriving(pond, clientId))
  // Half a second is one more token; the one that waits gets it in this turn.
  pond.now += 500
  all.push(arriving(pond, 'late'))

  t.strictSame(letIn(all), ['a', 'b', 'waits'])
})

test('who waited for as long as CONNECT has time is told that the server is busy', async t => {
  const pond = stormyPond({ limits: { connectTimeoutSeconds: 2 } })
  for (const clientId of ['known-1', 'known-2', 'known-3', 'known-4']) {
    pond.client(clientId, DURABLE).vanishes()
    pond.passes({ seconds: 10 })
  }
  const first = ['a', 'b'].map(clientId => arriving(pond, clientId))
  const strangers = [arriving(pond, 'new'), arriving(pond, 'old', { version: 4 })]
  const known = ['known-1', 'known-2', 'known-3', 'known-4'].map(clientId =>
    arriving(pond, clientId, DURABLE),
  )

  pond.passes({ seconds: 2 })

  t.strictSame(letIn([...first, ...known]), ['a', 'b', ...known.map(each => each.clientId)])
  t.strictSame(
    strangers.map(each => each.hears()),
    [
      ['connack 0x89', 'closed'],
      // The return code 3 of 3.1.1.
      ['connack 0x88', 'closed'],
    ],
  )
  t.equal(pond.broker.statistics.connectsGivenUp, 2)
  t.equal(pond.core.connects.length, 0)
})

test('a line is as long as can be served in time, and further clients are refused at once', async t => {
  const pond = stormyPond({ limits: { connectTimeoutSeconds: 2 } })
  const all = Array.from({ length: 8 }, (_, index) => arriving(pond, `client-${index}`))

  t.equal(pond.core.connects.length, 4)
  t.strictSame(
    all.slice(6).map(each => each.hears()),
    [
      ['connack 0x89', 'closed'],
      ['connack 0x89', 'closed'],
    ],
  )
  t.equal(pond.broker.statistics.connectsGivenUp, 2)
})

test('a client that goes away while it waits leaves its place', async t => {
  const pond = stormyPond()
  const all = ['a', 'b', 'goes', 'stays'].map(clientId => arriving(pond, clientId))
  all[2]?.vanishes()
  t.equal(pond.core.connects.length, 1)

  pond.passes({ seconds: 0.5 })

  t.strictSame(letIn(all), ['a', 'b', 'stays'])
})

test('packets behind a CONNECT that waits are handled after it', async t => {
  const pond = stormyPond()
  const all = ['a', 'b'].map(clientId => arriving(pond, clientId))
  const eager = pond.stranger('eager')
  eager.inOneChunk(() => {
    eager.connects()
    eager.pings()
  })
  eager.pings()
  t.strictSame(eager.hears(), [])
  t.ok(eager.wire.isPaused, 'no more is read meanwhile')

  pond.passes({ seconds: 0.5 })

  t.strictSame(eager.hears(), ['connack 0x0', 'pingresp', 'pingresp'])
  t.notOk(eager.wire.isPaused)
  t.equal(letIn(all).length, 2)
})

test('the authentication has its own time after the wait', async t => {
  const pond = stormyPond({
    limits: { connectTimeoutSeconds: 3 },
    access: {
      authenticate: () => new Promise(() => {}),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  const all = Array.from({ length: 5 }, (_, index) => arriving(pond, `client-${index}`))

  pond.passes({ seconds: 4 })
  t.strictSame(all[4]?.hears(), [], 'it came in after 1.5 s, and has 3 s more')
  pond.passes({ seconds: 1 })
  t.strictSame(all[4]?.hears(), ['connack 0x88', 'closed'])
})

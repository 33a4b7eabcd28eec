// Rights that end: whoever is connected is disconnected, and whoever is away has none until it comes back.

import { test } from 'tap'
import type { Access, Verdict } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { Pond } from '../pond.ts'

const METHOD = { authenticationMethod: 'renew', authenticationData: Buffer.from('x') }

/** Everybody but the watcher is let in for a minute, as what the answer says. */
function pondFor(answer: Partial<Extract<Verdict, { kind: 'allowed' }>> = {}): Pond {
  const verdict: Verdict = {
    kind: 'allowed',
    permissions: UNRESTRICTED,
    username: 'alice',
    authentication: 'jwt',
    validForMs: 60_000,
    ...answer,
  }
  const access: Access = {
    authenticate: ({ clientId }) =>
      clientId === 'watcher' ? { kind: 'allowed', permissions: UNRESTRICTED } : verdict,
    beginExchange: () => ({ step: () => verdict }),
    permissionsOf: () => null,
  }
  return new Pond({ access })
}

function watcherOf(pond: Pond) {
  const watcher = pond.client('watcher', { keepAliveSeconds: 0 })
  watcher.subscribes('#')
  watcher.hears()
  return watcher
}

test('a client whose rights end is disconnected with 0x87, and before MQTT 5 without a word', async t => {
  const pond = pondFor()
  const client = pond.client('new', { keepAliveSeconds: 0 })
  const old = pond.client('old', { version: 4, keepAliveSeconds: 0 })

  pond.passes({ seconds: 59 })
  t.strictSame([client.hears(), old.hears()], [[], []])
  pond.passes({ seconds: 2 })

  t.strictSame(client.hears(), ['disconnect 0x87', 'closed'])
  t.strictSame(old.hears(), ['closed'])
  t.equal(pond.broker.deadlines.count, 0)
})

test('a will without delay is published when the rights end, and a delayed one is not any more', async t => {
  const pond = pondFor()
  const watcher = watcherOf(pond)
  pond.client('a', { keepAliveSeconds: 0, will: { topic: 'at-once' } })
  pond.client('b', {
    keepAliveSeconds: 0,
    will: { topic: 'later', properties: { willDelayInterval: 10 } },
    properties: { sessionExpiryInterval: 600 },
  })

  pond.passes({ seconds: 90 })

  t.match(watcher.hears(), [/^publish at-once/])
  t.equal(pond.broker.statistics.dropped['not-authorized'], 1)
})

test('the rights of a client that is away end as well', async t => {
  const pond = pondFor()
  const watcher = watcherOf(pond)
  const client = pond.client('a', {
    will: { topic: 'later', properties: { willDelayInterval: 100 } },
    properties: { sessionExpiryInterval: 600 },
  })
  client.wire.hangsUp()
  pond.settles()

  pond.passes({ seconds: 120 })

  t.strictSame(watcher.hears(), [])
  t.equal(pond.broker.statistics.dropped['not-authorized'], 1)
})

test('a re-authentication renews the rights', async t => {
  const pond = pondFor()
  const client = pond.client('a', { keepAliveSeconds: 0, properties: METHOD })
  client.hears()

  pond.passes({ seconds: 50 })
  client.says({ type: 'auth', reason: 0x19, properties: METHOD })
  t.strictSame(client.hears(), ['auth 0x0'])
  pond.passes({ seconds: 50 })
  t.strictSame(client.hears(), [])
  pond.passes({ seconds: 20 })

  t.strictSame(client.hears(), ['disconnect 0x87', 'closed'])
})

test('a re-authentication does not make another user of a client, or a user of one without', async t => {
  for (const username of ['alice', null]) {
    let step = 0
    const verdict = (name: string | null): Verdict => ({
      kind: 'allowed',
      permissions: UNRESTRICTED,
      username: name,
    })
    const pond = new Pond({
      access: {
        authenticate: () => verdict(null),
        beginExchange: () => ({ step: () => verdict(step++ === 0 ? username : 'bob') }),
        permissionsOf: () => null,
      },
    })
    const client = pond.client('a', { properties: METHOD })
    client.hears()

    client.says({ type: 'auth', reason: 0x19, properties: METHOD })

    t.strictSame(client.hears(), ['disconnect 0x87', 'closed'])
  }
})

test('a session that ends, or whose client comes with lasting rights, leaves no deadline', async t => {
  const pond = pondFor({ validForMs: 3_600_000 })
  const client = pond.client('a', { keepAliveSeconds: 0 })
  t.ok(pond.broker.deadlines.count > 0)

  client.wire.hangsUp()
  pond.settles()

  t.equal(pond.broker.deadlines.count, 0)
})

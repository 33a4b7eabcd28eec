// Two devices have one client id, and each takes the session from the other whenever it comes back.

import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import type { ClientFacts } from '../../src/broker/observer.ts'
import { NOT_AUTHORIZED } from '../../src/packet/reason.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient, PondClientOptions } from '../pond-client.ts'

const LIMITS = { takeoversPerMinuteMax: 5, takeoverDelaySecondsMax: 8 }

interface Quarrel {
  readonly clientId: string
  readonly usernames: readonly (string | null)[]
  readonly takeovers: number
}

function watchedPond(options: PondOptions = {}): { pond: Pond; quarrels: Quarrel[] } {
  const quarrels: Quarrel[] = []
  const contested = (present: ClientFacts, newcomer: ClientFacts, takeovers: number): void => {
    const usernames = [present.username, newcomer.username]
    quarrels.push({ clientId: newcomer.clientId, usernames, takeovers })
  }
  const pond = new Pond({
    ...options,
    observer: { contested },
    limits: { ...LIMITS, ...options.limits },
  })
  return { pond, quarrels }
}

function arriving(pond: Pond, username: string, options: PondClientOptions = {}): PondClient {
  const client = pond.stranger('twin', { username, ...options })
  client.connects()
  return client
}

/** Six connections, so five takeovers. The last one stays. */
function quarrel(pond: Pond, seconds = 1): PondClient {
  let last = arriving(pond, 'left')
  for (let count = 0; count < 5; count++) {
    pond.passes({ seconds })
    last = arriving(pond, count % 2 === 0 ? 'right' : 'left')
  }
  if (last.hears()[0] !== 'connack 0x0') throw new Error('it was not let in')
  return last
}

test('ordinary takeovers have no delay, and are not reported', async t => {
  const { pond, quarrels } = watchedPond()
  for (let count = 0; count < 20; count++) {
    t.strictSame(arriving(pond, 'left').hears(), ['connack 0x0'])
    pond.passes({ seconds: 16 })
  }
  t.strictSame(quarrels, [])
  t.equal(pond.broker.statistics.limited.takeoversPerMinuteMax, 0)
})

test('five takeovers within a minute are reported once with both users, and again when they have doubled', async t => {
  const { pond, quarrels } = watchedPond({ limits: { takeoverDelaySecondsMax: 0 } })

  for (let count = 0; count < 25; count++) {
    arriving(pond, count % 2 === 0 ? 'left' : 'right')
    pond.passes({ seconds: 2 })
  }

  t.strictSame(quarrels, [
    { clientId: 'twin', usernames: ['left', 'right'], takeovers: 5 },
    { clientId: 'twin', usernames: ['right', 'left'], takeovers: 10 },
    { clientId: 'twin', usernames: ['right', 'left'], takeovers: 20 },
  ])
  t.equal(pond.broker.statistics.clientIdsContested, 1)
  t.equal(pond.broker.statistics.sessionsTakenOver, 24)
})

test('then each newcomer waits twice as long as the one before, up to the bound, and the other is served meanwhile', async t => {
  const { pond } = watchedPond()
  let present = quarrel(pond)
  const waits: number[] = []
  for (let round = 0; round < 6; round++) {
    const newcomer = arriving(pond, 'next')
    let seconds = 0
    while (newcomer.hears().length === 0) {
      present.pings()
      t.strictSame(present.hears(), ['pingresp'])
      pond.passes({ seconds: 0.5 })
      seconds += 0.5
    }
    t.strictSame(present.hears(), ['disconnect 0x8e', 'closed'])
    waits.push(seconds)
    present = newcomer
  }
  t.strictSame(waits, [1, 2, 4, 8, 8, 8])
  t.equal(pond.broker.statistics.limited.takeoversPerMinuteMax, 6)
})

test('a minute without a takeover ends it', async t => {
  const { pond, quarrels } = watchedPond()
  quarrel(pond)
  pond.passes({ seconds: 61 })

  t.strictSame(arriving(pond, 'left').hears(), ['connack 0x0'])
  t.equal(quarrels.length, 1)
})

test('a newcomer that waits comes in at once when the other leaves by itself', async t => {
  const { pond } = watchedPond()
  const present = quarrel(pond)
  const newcomer = arriving(pond, 'next')
  t.strictSame(newcomer.hears(), [])

  present.disconnects()
  pond.passes({ seconds: 0 })

  t.strictSame(newcomer.hears(), ['connack 0x0'])
})

test('no newcomer waits while nobody has the client id', async t => {
  const { pond } = watchedPond()
  quarrel(pond).vanishes()

  t.strictSame(arriving(pond, 'next').hears(), ['connack 0x0'])
})

test('of several that wait the first comes in, and the others are told that the server is busy', async t => {
  const { pond } = watchedPond()
  const present = quarrel(pond)
  const first = arriving(pond, 'next')
  pond.passes({ seconds: 0.5 })
  const others = [arriving(pond, 'another'), arriving(pond, 'older', { version: 4 })]

  pond.passes({ seconds: 0.5 })
  t.strictSame(first.hears(), ['connack 0x0'])
  t.strictSame(present.hears(), ['disconnect 0x8e', 'closed'])
  pond.passes({ seconds: 0.5 })
  t.strictSame(
    others.map(each => each.hears()),
    [
      ['connack 0x89', 'closed'],
      ['connack 0x88', 'closed'],
    ],
  )
  t.equal(pond.broker.takeovers.waitedFor, 0)
  first.pings()
  t.strictSame(first.hears(), ['pingresp'])
})

test('a client that comes again while its CONNECT waits is served on its later connection', async t => {
  const { pond } = watchedPond()
  const present = quarrel(pond)
  const lost = arriving(pond, 'next')
  pond.passes({ seconds: 0.3 })
  const again = arriving(pond, 'next')
  t.strictSame(lost.hears(), ['connack 0x89', 'closed'])
  pond.passes({ seconds: 1.1 })

  t.strictSame(again.hears(), ['connack 0x0'])
  t.strictSame(present.hears(), ['disconnect 0x8e', 'closed'])
  pond.passes({ seconds: 30 })
  again.pings()
  t.strictSame(again.hears(), ['pingresp'], 'the lost one takes nothing over')
  t.equal(pond.broker.takeovers.waitedFor, 0)
})

test('strangers who know the client id do not keep its client from coming in', async t => {
  const access: Access = {
    ...openAccess,
    authenticate: credentials =>
      credentials.username === 'stranger'
        ? { kind: 'refused', reason: NOT_AUTHORIZED, sentence: 'no' }
        : openAccess.authenticate(credentials),
  }
  const { pond } = watchedPond({ access })
  const present = quarrel(pond)
  const before = arriving(pond, 'stranger')
  const client = arriving(pond, 'next')
  const after = arriving(pond, 'stranger')

  pond.passes({ seconds: 1 })

  t.strictSame(client.hears(), ['connack 0x0'])
  t.strictSame(present.hears(), ['disconnect 0x8e', 'closed'])
  t.strictSame(before.hears(), ['connack 0x87', 'closed'])
  t.ok(after.hears().includes('closed'))
  t.equal(pond.broker.statistics.sessionsTakenOver, 6)
})

test('a newcomer that goes away leaves nothing behind', async t => {
  const { pond } = watchedPond()
  const present = quarrel(pond)
  arriving(pond, 'next').vanishes()

  pond.passes({ seconds: 20 })

  present.pings()
  t.strictSame(present.hears(), ['pingresp'])
  t.equal(pond.broker.takeovers.waitedFor, 0)
})

test('a wait may be longer than the time for CONNECT', async t => {
  const { pond } = watchedPond({
    limits: { takeoverDelaySecondsMax: 60, connectTimeoutSeconds: 2 },
  })
  let present = quarrel(pond)
  for (const seconds of [1, 2, 4, 8]) {
    const newcomer = arriving(pond, 'next', { keepAliveSeconds: 0 })
    pond.passes({ seconds })
    t.strictSame(newcomer.hears(), ['connack 0x0'])
    t.strictSame(present.hears(), ['disconnect 0x8e', 'closed'])
    present = newcomer
  }
})

test('other client ids are not delayed', async t => {
  const { pond } = watchedPond()
  quarrel(pond)
  pond.client('other')
  t.strictSame(pond.client('other').greeting?.type, 'connack')
})

const REFUSING = { limits: { clientIdInUse: 'refuse' as const } }

test('a client id in use is refused where that is chosen, while the client was heard of within its keep-alive', async t => {
  const { pond } = watchedPond(REFUSING)
  const present = pond.client('twin', { keepAliveSeconds: 30 })
  pond.passes({ seconds: 20 })
  present.pings()
  present.hears()
  pond.passes({ seconds: 30 })

  t.strictSame(arriving(pond, 'next').hears(), ['connack 0x85', 'closed'])
  // The return code 2 of 3.1.1.
  t.strictSame(arriving(pond, 'next', { version: 4 }).hears(), ['connack 0x85', 'closed'])
  t.equal(pond.broker.statistics.limited.clientIdInUse, 2)
  present.pings()
  t.strictSame(present.hears(), ['pingresp'])
})

test('a silent connection does not keep its own device out', async t => {
  const { pond } = watchedPond(REFUSING)
  const dead = pond.client('twin', { keepAliveSeconds: 30 })
  pond.passes({ seconds: 30.001 })
  t.notOk(dead.isClosed)

  t.strictSame(arriving(pond, 'next').hears(), ['connack 0x0'])
  t.strictSame(dead.hears(), ['disconnect 0x8e', 'closed'])
})

test('a client without a keep-alive may always be taken over', async t => {
  const { pond } = watchedPond(REFUSING)
  pond.client('twin', { keepAliveSeconds: 0, version: 4 })

  t.strictSame(arriving(pond, 'next').hears(), ['connack 0x0'])
})

// The rates that all clients of one user share.

import { test } from 'tap'
import type { Limits } from '../../src/limits.ts'
import { UserRates } from '../../src/connection/user-rates.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { trustingAccess } from '../trusting-access.ts'

function ratedPond(limits: Partial<Limits>): { pond: Pond; slowed: string[] } {
  const slowed: string[] = []
  const pond = new Pond({
    limits,
    access: trustingAccess,
    observer: { slowed: (clientId, limit) => slowed.push(`${clientId} ${limit}`) },
  })
  return { pond, slowed }
}

function publishes(client: PondClient, count: number, payload = 'x'): void {
  for (let each = 0; each < count; each++) client.publishes('t', payload)
}

test('the clients of a user share a rate: each that sends beyond it is read more slowly, and other users are not', async t => {
  const { pond, slowed } = ratedPond({ messagesPerSecondPerUserMax: 10 })
  const [one, two] = ['one', 'two'].map(id => pond.client(id, { username: 'ann' }))
  const other = pond.client('other', { username: 'ben' })
  if (one === undefined || two === undefined) throw new Error('there are two')

  publishes(one, 10)
  publishes(two, 10)
  t.notOk(one.wire.isPaused)
  t.notOk(two.wire.isPaused)
  publishes(two, 1)
  t.ok(two.wire.isPaused)
  t.notOk(one.wire.isPaused, 'it sent nothing since')
  publishes(one, 1)
  t.ok(one.wire.isPaused)
  publishes(other, 20)
  t.notOk(other.wire.isPaused)

  t.strictSame(slowed, ['two messagesPerSecondPerUserMax', 'one messagesPerSecondPerUserMax'])
  t.equal(pond.broker.statistics.limited.messagesPerSecondPerUserMax, 2)
  pond.passes({ seconds: 0.2 })
  t.notOk(one.wire.isPaused)
  t.notOk(two.wire.isPaused)
})

test('a client is read again when the debt of all is paid, not only its own', async t => {
  const { pond } = ratedPond({ bytesPerSecondPerUserMax: 1_000 })
  const [one, two] = ['one', 'two'].map(id => pond.client(id, { username: 'ann' }))
  if (one === undefined || two === undefined) throw new Error('there are two')

  one.publishes('t', Buffer.alloc(3_000))
  two.publishes('t', Buffer.alloc(2_000))
  pond.passes({ seconds: 2 })
  t.ok(one.wire.isPaused)
  pond.passes({ seconds: 1.1 })
  t.notOk(one.wire.isPaused)
  t.notOk(two.wire.isPaused)
})

test('nobody is disconnected for what other clients of its user send', async t => {
  const { pond } = ratedPond({ messagesPerSecondPerUserMax: 1, slowedSecondsMax: 5 })
  const busy = pond.client('busy', { username: 'ann', keepAliveSeconds: 0 })
  const calm = pond.client('calm', { username: 'ann', keepAliveSeconds: 0 })
  for (let round = 0; round < 10; round++) {
    publishes(busy, 10)
    calm.pings()
    pond.passes({ seconds: 9 })
  }
  t.notOk(calm.isClosed)
  t.equal(pond.broker.statistics.limited.slowedSecondsMax, 0)
})

test('a client without a user shares the rate of its address', async t => {
  const { pond } = ratedPond({ messagesPerSecondPerUserMax: 10 })
  publishes(pond.client('one'), 20)
  const two = pond.client('two')
  publishes(two, 1)
  t.ok(two.wire.isPaused)
})

test('a new connection is not rid of the debt, and users without one are forgotten when it is paid', async t => {
  const rates = new UserRates({ ...DEFAULT_LIMITS, messagesPerSecondPerUserMax: 10 })
  const of = (username: string) => ({
    clientId: username,
    username,
    address: '192.0.2.1',
    authentication: 'password',
  })
  const first = rates.join(of('ann'), 0)
  first?.messages?.charge(120, 0)
  if (first !== null) first.connections -= 1

  t.equal(rates.join(of('ann'), 1_000), first)
  t.equal(first?.debtMs(1_000), 9_000)
  if (first !== null) first.connections -= 1
  for (let each = 0; each < 1_000; each++) {
    const rate = rates.join(of(`user ${each}`), 20_000)
    if (rate !== null) rate.connections -= 1
  }
  t.ok(rates.count < 10, `${rates.count}`)
})

test('without a bound nothing is kept', async t => {
  const rates = new UserRates(DEFAULT_LIMITS)
  const identity = { clientId: 'a', username: 'ann', address: '', authentication: 'password' }
  t.equal(rates.join(identity, 0), null)
  t.equal(rates.count, 0)
})

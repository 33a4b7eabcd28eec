// The rates that all clients of one user share.

import { test } from 'tap'
import type { Limits } from '../../src/limits.ts'
import { UserRates } from '../../src/connection/user-rates.ts'
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
  const rates = new UserRates({ messages: 10, bytes: 0 })
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
  const rates = new UserRates({ messages: 0, bytes: 0 })
  const identity = { clientId: 'a', username: 'ann', address: '', authentication: 'password' }
  t.equal(rates.join(identity, 0), null)
  t.equal(rates.count, 0)
})

function subscriber(pond: Pond, clientId: string, username: string, qos: 0 | 1): PondClient {
  const client = pond.client(clientId, { username, acknowledges: true })
  client.subscribes('t', qos)
  client.receives()
  return client
}

test('what all clients of a user are sent has a rate too: QoS 0 beyond it is dropped, and other users get all', async t => {
  const { pond, slowed } = ratedPond({ outgoingMessagesPerSecondPerUserMax: 10 })
  const clients = ['one', 'two'].map(id => subscriber(pond, id, 'ann', 0))
  const other = subscriber(pond, 'other', 'ben', 0)

  publishes(pond.client('publisher', { username: 'cat' }), 20)

  const sent = clients.map(client => client.receivesMessages().length)
  // Those of two seconds; then each of them gets the message with which it finds out.
  t.strictSame(sent, [11, 11])
  t.equal(other.receivesMessages().length, 20)
  t.equal(pond.broker.statistics.dropped['rate-reached'], 18)
  t.strictSame(slowed.sort(), [
    'one outgoingMessagesPerSecondPerUserMax',
    'two outgoingMessagesPerSecondPerUserMax',
  ])
  t.equal(pond.broker.statistics.limited.outgoingMessagesPerSecondPerUserMax, 2)
})

test('messages of QoS 1 beyond the rate of a user come in order, shared fairly by its clients, and no more of them than it allows', async t => {
  const { pond } = ratedPond({ outgoingMessagesPerSecondPerUserMax: 10 })
  const clients = ['one', 'two', 'three'].map(id => subscriber(pond, id, 'ann', 1))
  const publisher = pond.client('publisher', { username: 'cat' })
  for (let each = 0; each < 100; each++) publisher.publishes('t', String(each), { qos: 1 })

  for (const client of clients) client.receivesMessages()
  const got: string[][] = clients.map(() => [])
  for (let tenth = 0; tenth < 100; tenth++) {
    pond.passes({ seconds: 0.1 })
    for (const [index, client] of clients.entries()) {
      got[index]?.push(...client.receivesMessages().map(({ payload }) => payload.toString()))
    }
  }

  const counts = got.map(({ length }) => length)
  const all = counts.reduce((sum, count) => sum + count, 0)
  t.ok(all >= 90 && all <= 103, `${all} in ten seconds`)
  for (const count of counts) t.ok(count >= all / 3 - 2, `${counts.join(', ')}`)
  for (const payloads of got) {
    t.strictSame(
      payloads,
      [...payloads].sort((a, b) => Number(a) - Number(b)),
    )
  }
})

test('a user has a rate of bytes that it is sent, and the connection that ends leaves it', async t => {
  const { pond, slowed } = ratedPond({ outgoingBytesPerSecondPerUserMax: 1_000 })
  const one = subscriber(pond, 'one', 'ann', 0)
  const two = subscriber(pond, 'two', 'ann', 0)
  publishes(pond.client('publisher', { username: 'cat' }), 1, 'x'.repeat(5_000))
  t.equal(one.receivesMessages().length + two.receivesMessages().length, 2)
  const deadlines = pond.broker.deadlines.count
  two.vanishes()
  t.equal(pond.broker.deadlines.count, deadlines - 2, 'its keep-alive and its rate')
  // 10,000 bytes and some at 1,000 a second, of which two seconds come at once.
  pond.passes({ seconds: 7.5 })
  publishes(pond.client('second', { username: 'cat' }), 1)
  t.equal(one.receivesMessages().length, 0)
  pond.passes({ seconds: 1 })
  publishes(pond.client('third', { username: 'cat' }), 1)
  t.equal(one.receivesMessages().length, 1)
  t.ok(slowed.every(each => each.endsWith('outgoingBytesPerSecondPerUserMax')))
})

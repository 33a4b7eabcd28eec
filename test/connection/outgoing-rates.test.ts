// The rates of what one client is sent.

import { test } from 'tap'
import { CALM } from '../../src/broker/overload-levels.ts'
import type { Limits } from '../../src/limits.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { AttackedBroker, arrivalAt } from '../threats/attacked-broker.ts'

function slowPond(limits: Partial<Limits>): { pond: Pond; slowed: string[] } {
  const slowed: string[] = []
  const pond = new Pond({
    limits,
    observer: { slowed: (clientId, limit) => slowed.push(`${clientId} ${limit}`) },
  })
  return { pond, slowed }
}

function subscriber(pond: Pond, clientId: string, qos: 0 | 1 | 2, filter = 'a'): PondClient {
  const client = pond.client(clientId, { acknowledges: true })
  client.subscribes(filter, qos)
  client.receives()
  return client
}

function payloads(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

function publishes(pond: Pond, count: number, qos: 0 | 1 | 2, size = 1): void {
  const publisher = pond.client('publisher')
  for (let each = 0; each < count; each++) {
    publisher.publishes('a', String(each).padEnd(size, '.'), { qos })
  }
}

test('without a bound nothing is counted and no deadline is set', async t => {
  const pond = new Pond()
  const bob = subscriber(pond, 'bob', 0)
  const before = pond.broker.deadlines.count
  publishes(pond, 100, 0)
  t.equal(payloads(bob).length, 100)
  t.ok(pond.broker.deadlines.count <= before + 1, 'the publisher has one')
})

test('messages of QoS 0 beyond the rate are dropped and counted, and the client is named', async t => {
  const { pond, slowed } = slowPond({ outgoingMessagesPerSecondMax: 5 })
  const bob = subscriber(pond, 'bob', 0)

  publishes(pond, 30, 0)

  // Those of two seconds, and the one that is too many.
  t.equal(payloads(bob).length, 11)
  t.equal(pond.broker.statistics.dropped['rate-reached'], 19)
  t.equal(pond.broker.statistics.limited.outgoingMessagesPerSecondMax, 1)
  t.strictSame(slowed, ['bob outgoingMessagesPerSecondMax'])
  pond.passes({ seconds: 1 })
  publishes(pond, 10, 0)
  t.equal(payloads(bob).length, 5)
})

for (const qos of [1, 2] as const) {
  test(`messages of QoS ${qos} beyond the rate wait in the queue, and come in order with time`, async t => {
    const { pond } = slowPond({ outgoingMessagesPerSecondMax: 5 })
    const bob = subscriber(pond, 'bob', qos)

    publishes(pond, 30, qos)

    const all = [...payloads(bob)]
    t.equal(all.length, 11)
    for (let second = 0; second < 4; second++) {
      pond.passes({ seconds: 1 })
      const some = payloads(bob)
      t.ok(some.length <= 6, `${some.length}`)
      all.push(...some)
    }
    t.strictSame(
      all,
      Array.from({ length: 30 }, (_, each) => String(each)),
    )
    t.equal(pond.broker.statistics.dropped['rate-reached'], 0)
  })
}

test('bytes have a rate as well, and a message that is larger than it is paid for afterwards', async t => {
  const { pond, slowed } = slowPond({ outgoingBytesPerSecondMax: 1_000 })
  const bob = subscriber(pond, 'bob', 1)

  publishes(pond, 3, 1, 10_000)

  t.equal(payloads(bob).length, 1)
  pond.passes({ seconds: 8 })
  t.equal(payloads(bob).length, 0)
  pond.passes({ seconds: 0.1 })
  t.equal(payloads(bob).length, 1)
  t.strictSame(slowed, ['bob outgoingBytesPerSecondMax', 'bob outgoingBytesPerSecondMax'])
})

test('retained messages come at the rate, none is dropped, and pings are answered meanwhile', async t => {
  const { pond } = slowPond({ outgoingMessagesPerSecondMax: 5 })
  const alice = pond.client('alice')
  for (let each = 0; each < 30; each++) alice.publishes(`r/${each}`, 'x', { retain: true })
  const bob = pond.client('bob')
  bob.subscribes('r/#')
  t.equal(bob.receivesMessages().length, 11)
  bob.pings()
  t.strictSame(bob.hears(), ['pingresp'])

  pond.passes({ seconds: 4 })

  t.equal(bob.receivesMessages().length, 19)
  t.equal(pond.broker.statistics.dropped['rate-reached'], 0)
})

test('a client whose own PUBLISH packets wait is not read further because it is sent messages again', async t => {
  const { pond } = slowPond({ outgoingMessagesPerSecondMax: 5 })
  const alice = subscriber(pond, 'alice', 1)
  publishes(pond, 30, 1)
  payloads(alice)
  pond.core.overloaded({ ...CALM, 'loop-delay': 3 })
  while (!alice.wire.isPaused) alice.publishes('b', Buffer.alloc(1_000))
  const resumes = t.capture(alice.wire, 'resume')

  pond.passes({ seconds: 1 })

  t.ok(payloads(alice).length > 0)
  t.equal(resumes().length, 0)
})

test('a share group gives its messages to members whose rate is not reached', async t => {
  const { pond } = slowPond({ outgoingMessagesPerSecondMax: 5 })
  const members = ['one', 'two'].map(clientId => subscriber(pond, clientId, 1, '$share/g/a'))

  publishes(pond, 22, 1)

  t.strictSame(
    members.map(member => payloads(member).length),
    [11, 11],
  )
})

test('a client that leaves while it is slowed leaves no deadline, and gets the rest when it comes back', async t => {
  const { pond } = slowPond({ outgoingMessagesPerSecondMax: 5 })
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  const bob = pond.client('bob', { ...durable, acknowledges: true })
  bob.subscribes('a', 1)
  publishes(pond, 20, 1)
  const first = payloads(bob).length
  const deadlines = pond.broker.deadlines.count
  bob.vanishes()
  // The keep-alive and the rate go, the end of the session comes.
  t.equal(pond.broker.deadlines.count, deadlines - 1)
  pond.passes({ seconds: 10 })

  const again = pond.stranger('bob', { ...durable, acknowledges: true })
  again.connects()

  t.equal(first + payloads(again).length, 20)
})

test('a real subscriber gets all messages of QoS 1, more slowly, and the log says so', async t => {
  const broker = await AttackedBroker.started(t, { limits: { outgoingMessagesPerSecondMax: 50 } })
  const { client: bob, heard } = await broker.listener({ clientId: 'bob' })
  await bob.subscribeAsync('#', { qos: 1 })
  const alice = await broker.client()
  const topics = Array.from({ length: 150 }, (_, each) => `t/${each}`)

  await Promise.all(topics.map(topic => alice.publishAsync(topic, 'x', { qos: 1 })))
  while (heard.length < topics.length) await arrivalAt(bob)

  t.strictSame(heard, topics)
  await broker.logs('client.slowed', /^messages for it come faster than its rate allows$/)
  t.ok((await broker.limited('outgoingMessagesPerSecondMax')) > 0)
})

// What strangers did to named queues, and what it costs them now.

import { test } from 'tap'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

type Named = Readonly<Record<string, Partial<QueueSettings>>>

function pondWith(named: Named, options: PondOptions = {}): Pond {
  return new Pond({ ...options, queues: { named: new Map(Object.entries(named)) } })
}

function consumer(pond: Pond, clientId: string, maximumPacketSize?: number): PondClient {
  const properties = maximumPacketSize === undefined ? {} : { maximumPacketSize }
  const client = pond.client(clientId, { properties })
  client.subscribes('$queue/jobs', 1)
  return client
}

function queueOf(pond: Pond, name = 'jobs') {
  const queue = pond.broker.subscriptions.queues.get(name)
  if (queue === null) throw new Error(`there is no queue ${name}`)
  return queue
}

test('a message that is refused at once more than a thousand times still comes again', async t => {
  const settings = { filters: ['work'], retryDelaySeconds: 0, deliveriesMax: 65_535 }
  const pond = pondWith({ jobs: settings })
  const one = consumer(pond, 'one')
  pond.client('alice').publishes('work', 'job', { qos: 1 })

  let refusals = 0
  for (let message = one.receivesMessages()[0]; message; message = one.receivesMessages()[0]) {
    if (refusals === 1_100) break
    one.acknowledges('puback', message.packetId, 0x80)
    refusals += 1
    pond.passes({ seconds: 0.001 })
  }

  t.equal(refusals, 1_100)
})

test('what is too large for its consumer, or what that may not receive, is tried once a second', async t => {
  const settings = { filters: ['work/#'], retryDelaySeconds: 0, deliveriesMax: 65_535 }
  const pond = pondWith({ jobs: settings })
  consumer(pond, 'one', 30)
  pond.client('alice').publishes('work/x', 'x'.repeat(100), { qos: 1 })
  pond.passes({ seconds: 0.9 })
  t.equal(queueOf(pond).counts.handedOut, 1)

  pond.passes({ seconds: 4 })

  t.ok(queueOf(pond).counts.handedOut <= 5)
})

test('two full queues with each other for their dead letters move one message', async t => {
  const settings = { filters: ['work'], messagesMax: 50 }
  const pond = pondWith({
    jobs: { ...settings, deadLetter: 'other' },
    other: { filters: ['else'], messagesMax: 50, deadLetter: 'jobs' },
  })
  const alice = pond.client('alice')
  for (let job = 0; job < 50; job++) {
    alice.publishes('work', `${job}`, { qos: 1 })
    alice.publishes('else', `${job}`, { qos: 1 })
  }

  alice.publishes('work', 'one more', { qos: 1 })

  t.equal(queueOf(pond).counts.deadLetters, 1)
  t.equal(queueOf(pond, 'other').counts.deadLetters, 0)
  t.equal(queueOf(pond, 'other').queue.messages, 50)
})

test('a consumer that lets each deadline pass holds up what is behind, and uses no turn without end', async t => {
  const limits = { queuedInMemoryMax: 20, inFlightMax: 100, turnWorkMax: 30, turnWorkTotalMax: 30 }
  const pond = pondWith({ jobs: { filters: ['work'], ackDeadlineSeconds: 1 } }, { limits })
  const alice = pond.client('alice')
  consumer(pond, 'one')
  for (let job = 0; job < 30; job++) alice.publishes('work', `${job}`, { qos: 1 })

  pond.passes({ seconds: 1.1 })
  for (let job = 30; job < 90; job++) alice.publishes('work', `${job}`, { qos: 1 })

  t.equal(queueOf(pond).counts.handedOut, 30)
  const two = pond.client('two', { acknowledges: true })
  two.subscribes('$queue/jobs', 1)
  for (let second = 0; second < 10; second++) {
    two.receives()
    pond.passes({ seconds: 1 })
  }
  t.equal(queueOf(pond).counts.settled, 90, 'somebody else gets all of them')
})

test('the queue of dead letters of a queue that a subscriber made counts for its user, and ends', async t => {
  const pond = new Pond({ limits: { namedQueuesPerUserMax: 2 } })
  const userProperties = [
    ['deliveriesMax', '1'],
    ['idleExpirySeconds', '1'],
  ] as const
  for (let round = 0; round < 5; round++) {
    const mallory = pond.client('mallory')
    mallory.subscribes(`$queue/q${round}/work`, 1, { properties: { userProperties } })
    mallory.publishes('work', 'job', { qos: 1 })
    for (const { packetId } of mallory.receivesMessages()) {
      mallory.acknowledges('puback', packetId, 0x80)
    }
    mallory.disconnects()
    pond.passes({ seconds: 2 })
  }

  const { queues } = pond.broker.subscriptions
  t.strictSame(queues.all.map(({ name }) => name).toSorted(), ['q0.dead', 'q1.dead'])
  pond.passes({ seconds: 604_800 })
  t.equal(queues.count, 0)
  t.equal(queues.madeBy(''), 0)
})

test('a message that is too large for a consumer at QoS 0 is not lost', async t => {
  const pond = pondWith({ jobs: { filters: ['work'], deliveriesMax: 2 } })
  const one = pond.client('one', { properties: { maximumPacketSize: 30 } })
  one.subscribes('$queue/jobs', 0)
  const alice = pond.client('alice')
  alice.publishes('work', 'x'.repeat(100), { qos: 1 })
  alice.publishes('work', 'small', { qos: 1 })
  pond.passes({ seconds: 10 })

  t.strictSame(
    one.receivesMessages().map(({ payload }) => payload.toString()),
    ['small'],
  )
  const dead = pond.client('dead')
  dead.subscribes('$queue/jobs.dead', 1)
  const marks = dead.receivesMessages()[0]?.properties.userProperties
  t.strictSame(marks, [
    ['dead-letter-queue', 'jobs'],
    ['dead-letter-reason', 'refused'],
    ['delivery-count', '2'],
  ])
})

test('a consumer at QoS 0 whose outbox is full gets the rest when it is not any more', async t => {
  for (const order of ['parallel', 'fifo'] as const) {
    const limits = { outboxBytesMax: 10_000 }
    const pond = pondWith({ jobs: { filters: ['work'], order } }, { limits })
    const alice = pond.client('alice')
    for (let job = 0; job < 50; job++) {
      const payload = String(job).padStart(1_000)
      alice.publishes('work', payload, { qos: 1 })
    }
    const one = pond.client('one')
    one.freezes()
    one.subscribes('$queue/jobs', 0)
    t.equal(queueOf(pond).handOuts.aside.length, 0, order)
    t.ok(one.wire.pendingBytes < 15_000, `${one.wire.pendingBytes} bytes`)

    one.thaws()

    const jobs = one.receivesMessages().map(({ payload }) => Number(payload.toString()))
    t.strictSame(
      jobs,
      Array.from({ length: 50 }, (_, job) => job),
    )
  }
})

test('refused messages are a part of the memory, which bounds them', async t => {
  const limits = { keptHeapBytesMax: 100_000_000, keptBufferBytesMax: 100_000 }
  const settings = { filters: ['work'], retryDelaySeconds: 20 }
  const pond = pondWith({ jobs: settings }, { limits, store: new MemoryStore(3) })
  const { memory } = pond.broker
  const alice = pond.client('alice')
  const one = consumer(pond, 'one')
  for (let job = 0; job < 50; job++) alice.publishes('work', Buffer.alloc(10_000), { qos: 1 })
  let refusals = 0
  const refuses = (): void => {
    for (let some = one.receivesMessages(); some.length > 0; some = one.receivesMessages()) {
      for (const { packetId } of some) one.acknowledges('puback', packetId, 0x80)
      refusals += some.length
    }
  }

  refuses()

  t.ok(refusals >= 9 && refusals < 20, `${refusals} refusals`)
  t.ok(memory.bufferBytes >= 90_000, `${memory.bufferBytes} bytes`)
  t.equal(queueOf(pond).handOuts.aside.length, refusals)
  pond.passes({ seconds: 20 })
  t.ok(one.receivesMessages().length > 0)
  pond.inOneTurn(() => pond.broker.subscriptions.queues.delete('jobs'))
  one.vanishes()
  t.equal(memory.bufferBytes, 0)
})

test('a queue that waits for memory goes on when there is some', async t => {
  const limits = { keptHeapBytesMax: 100_000_000, keptBufferBytesMax: 100_000 }
  const settings = { filters: ['work'], retryDelaySeconds: 1_000, retryDelaySecondsMax: 1_000 }
  const pond = pondWith({ jobs: settings }, { limits, store: new MemoryStore(3) })
  const alice = pond.client('alice')
  const one = consumer(pond, 'one')
  alice.publishes('work', Buffer.alloc(1_000), { qos: 1 })
  const [first] = one.receivesMessages()
  one.acknowledges('puback', first?.packetId ?? 0, 0x80)
  pond.broker.memory.addBuffer(100_000)
  alice.publishes('work', 'next', { qos: 1 })
  pond.passes({ seconds: 5 })
  t.strictSame(one.receivesMessages(), [])

  pond.broker.memory.addBuffer(-100_000)
  pond.passes({ seconds: 1 })

  t.strictSame(
    one.receivesMessages().map(({ payload }) => payload.toString()),
    ['next'],
  )
})

test('messages past their deadlines that nobody else may have do not keep those that wait from the consumer', async t => {
  const limits = { inFlightMax: 30, turnWorkMax: 30, turnWorkTotalMax: 30 }
  const pond = pondWith({ jobs: { filters: ['work'], ackDeadlineSeconds: 1 } }, { limits })
  const alice = pond.client('alice')
  const one = consumer(pond, 'one')
  for (let job = 0; job < 40; job++) alice.publishes('work', `${job}`, { qos: 1 })
  pond.passes({ seconds: 1.1 })

  const held = one.receivesMessages()
  t.equal(held.length, 30)
  for (const { packetId } of held.slice(0, 10)) one.acknowledges('puback', packetId)

  t.equal(one.receivesMessages().length, 10)
})

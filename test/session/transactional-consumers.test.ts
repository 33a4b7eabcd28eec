import { test } from 'tap'
import type { PublishPacket } from '../../src/packet/packet.ts'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'

const STORED = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const TRANSACTIONAL = { properties: { userProperties: [['transactional', 'true'] as const] } }

function pondWith(settings: Partial<QueueSettings> = {}, options: PondOptions = {}): Pond {
  const named = new Map([['jobs', { filters: ['work/#'], ...settings }]])
  return new Pond({ ...options, queues: { named } })
}

function consumer(pond: Pond, clientId: string, options = {}): PondClient {
  const client = pond.client(clientId, { acknowledges: true, ...options })
  client.subscribes('$queue/jobs', 1, TRANSACTIONAL)
  return client
}

function fills(pond: Pond, ...jobs: string[]): void {
  const alice = pond.client('alice')
  for (const job of jobs) alice.publishes(`work/${job}`, job, { qos: 1 })
}

function idOf({ properties }: PublishPacket): string {
  return properties.userProperties?.findLast(([name]) => name === 'delivery-id')?.[1] ?? ''
}

/** What came, with the count, and with the id where the test is about it. */
function hears(client: PondClient): string[] {
  return client.receivesMessages().map(({ payload, properties }) => {
    const count = properties.userProperties?.find(([name]) => name === 'delivery-count')?.[1]
    return `${payload.toString()}${count === undefined ? '' : ` ${count}`}`
  })
}

function idsOf(client: PondClient): string[] {
  return client.receivesMessages().map(idOf)
}

/** As a transaction does it. */
function settles(pond: Pond, clientId: string, deliveryId: string): boolean {
  const held = pond.broker.heldMessages.find(clientId, deliveryId)
  pond.inOneTurn(() => {
    pond.turn.begin()
    held?.settle()
  })
  return held !== null
}

test('PUBACK frees the packet identifier only: the consumer holds as many as its window has, until each is settled', async t => {
  const pond = pondWith()
  const one = consumer(pond, 'one', { properties: { receiveMaximum: 2 } })

  fills(pond, 'a', 'b', 'c')

  const held = idsOf(one)
  t.equal(new Set(held).size, 2)
  t.equal(pond.broker.subscriptions.queues.get('jobs')?.inFlight, 2)
  t.ok(settles(pond, 'one', held[0] ?? ''))
  t.strictSame(hears(one), ['c'])
  t.equal(pond.broker.heldMessages.find('one', held[0] ?? ''), null)
  t.equal(pond.broker.heldMessages.find('two', held[1] ?? ''), null, 'it is of another client')
})

test('other messages of QoS 1 come while the window is full of held ones', async t => {
  const pond = pondWith()
  const one = consumer(pond, 'one', { properties: { receiveMaximum: 1 } })
  one.subscribes('news', 1)
  fills(pond, 'a')
  t.strictSame(hears(one), ['a'])

  pond.client('alice').publishes('news', 'now', { qos: 1 })

  t.strictSame(hears(one), ['now'])
})

test('a consumer that leaves gives back what it holds, and what was settled never comes again', async t => {
  const pond = pondWith()
  const one = consumer(pond, 'one', STORED)
  fills(pond, 'a', 'b')
  const held = idsOf(one)
  settles(pond, 'one', held[0] ?? '')

  one.vanishes()

  t.strictSame(hears(consumer(pond, 'two')), ['b 2'])
  t.equal(pond.broker.heldMessages.find('one', held[1] ?? ''), null)
})

test('what was settled before its PUBACK is not sent again, whether or not its consumer has unsubscribed', async t => {
  const pond = pondWith()
  const one = consumer(pond, 'one', { ...STORED, acknowledges: false })
  fills(pond, 'a', 'b')
  const held = idsOf(one)
  for (const id of held) settles(pond, 'one', id)
  one.acknowledges('puback', 1)
  one.unsubscribes('$queue/jobs')
  one.vanishes()

  t.strictSame(hears(pond.client('one', STORED)), [])
  t.equal(pond.broker.subscriptions.queues.get('jobs')?.inFlight, 0)
  t.match(pond.broker.memory.kinds, { messages: 0, deliveries: 0, keys: 0 })
})

test('past the deadline it goes to somebody else, and the first consumer does not hold it any more', async t => {
  const pond = pondWith({ ackDeadlineSeconds: 10 })
  const one = consumer(pond, 'one')
  fills(pond, 'a')
  const [id = ''] = idsOf(one)
  pond.passes({ seconds: 11 })
  t.not(pond.broker.heldMessages.find('one', id), null, 'while nobody else is there it stays')

  const two = consumer(pond, 'two')

  t.strictSame(hears(two), ['a 2'])
  t.notOk(settles(pond, 'one', id))
  fills(pond, 'b')
  t.strictSame([...hears(one), ...hears(two)], ['b'], 'its window is free again')
})

test('what is given back comes again after the retry delay, and at last is a dead letter', async t => {
  const pond = pondWith({ deliveriesMax: 2, retryDelaySeconds: 5 })
  const one = consumer(pond, 'one')
  fills(pond, 'a')
  const givesBack = (): void => {
    const [id = ''] = idsOf(one)
    const held = pond.broker.heldMessages.find('one', id)
    pond.inOneTurn(() => {
      pond.turn.begin()
      held?.giveBack()
      held?.giveBack()
      held?.settle()
    })
  }
  givesBack()
  pond.passes({ seconds: 4 })
  t.strictSame(hears(one), [])
  pond.passes({ seconds: 2 })
  givesBack()

  const dead = pond.client('dead', { acknowledges: true })
  dead.subscribes('$queue/jobs.dead', 1, TRANSACTIONAL)
  const names = dead.receivesMessages()[0]?.properties.userProperties?.map(([name]) => name)
  t.strictSame(names, ['dead-letter-queue', 'dead-letter-reason', 'delivery-count', 'delivery-id'])
})

test('a PUBACK that refuses gives it back, and nothing of it is held', async t => {
  const pond = pondWith({ retryDelaySeconds: 5 })
  const one = consumer(pond, 'one', { acknowledges: false })
  fills(pond, 'a')
  const [id = ''] = idsOf(one)

  one.acknowledges('puback', 1, 0x80)

  t.notOk(settles(pond, 'one', id))
  pond.passes({ seconds: 5 })
  t.strictSame(hears(one), ['a 2'])
})

for (const order of ['fifo', 'keyed'] as const) {
  test(`a queue with the order ${order} waits until the held message is settled`, async t => {
    const pond = pondWith({ order, key: 'topic.1' })
    const one = consumer(pond, 'one')
    const two = consumer(pond, 'two')
    fills(pond, 'a', 'b')
    const [id = ''] = idsOf(one)
    t.strictSame(hears(two), [])

    settles(pond, 'one', id)

    t.strictSame([...hears(one), ...hears(two)], ['b'])
  })
}

test('after a restart what was held waits again with its count, and the consumer is transactional still', async t => {
  const store = new MemoryStore()
  const pond = pondWith({}, { store })
  const one = consumer(pond, 'one', STORED)
  fills(pond, 'a', 'b')
  settles(pond, 'one', idsOf(one)[0] ?? '')

  const then = pondWith({}, { store, snapshot: await store.open() })
  const again = then.stranger('one', { ...STORED, acknowledges: true })
  again.connects()

  const messages = again.receivesMessages()
  t.strictSame(
    messages.map(({ payload }) => payload.toString()),
    ['b'],
  )
  t.ok(settles(then, 'one', idOf(messages[0] as PublishPacket)))
})

test('what a prepared transaction has locked stays so: no deadline, no leaving, no refusal and no restart gives it to somebody else', async t => {
  const store = new MemoryStore()
  const pond = pondWith({ ackDeadlineSeconds: 10, order: 'fifo' }, { store })
  const one = consumer(pond, 'one', { acknowledges: false })
  fills(pond, 'a', 'b')
  const [id = ''] = idsOf(one)
  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.heldMessages.find('one', id)?.lock('t.1')
  })
  one.acknowledges('puback', 1, 0x80)
  one.vanishes()
  pond.passes({ seconds: 20 })

  t.strictSame(hears(consumer(pond, 'two')), [])
  const then = pondWith({ order: 'fifo' }, { store, snapshot: await store.open() })
  const two = consumer(then, 'two')
  t.strictSame(hears(two), [])
  t.equal(then.broker.heldMessages.find('one', id), null)
  const [locked] = then.broker.heldMessages.lockedBy('one', 't.1')
  then.inOneTurn(() => {
    then.turn.begin()
    locked?.settle()
    locked?.giveBack()
  })
  t.strictSame(hears(two), ['b'])
  t.strictSame(then.broker.heldMessages.lockedBy('one', 't.1'), [])
})

test('what is held and what is locked is counted, over a restart too', async t => {
  const store = new MemoryStore()
  const pond = pondWith({}, { store })
  const one = consumer(pond, 'one')
  const countsIn = ({ broker }: Pond) =>
    broker.subscriptions.queues.get('jobs')?.handOuts.holdCounts
  fills(pond, 'a', 'b', 'c')
  const [first = '', second = ''] = idsOf(one)

  t.strictSame(countsIn(pond), { held: 3, locked: 0 })
  settles(pond, 'one', first)
  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.heldMessages.find('one', second)?.lock('t.1')
  })
  t.strictSame(countsIn(pond), { held: 1, locked: 1 })
  one.vanishes()
  t.strictSame(countsIn(pond), { held: 0, locked: 1 })

  const then = pondWith({}, { store, snapshot: await store.open() })
  t.strictSame(countsIn(then), { held: 0, locked: 1 })
  then.inOneTurn(() => {
    then.turn.begin()
    then.broker.heldMessages.lockedBy('one', 't.1')[0]?.giveBack()
  })
  t.strictSame(countsIn(then), { held: 0, locked: 0 })
})

test('what was locked and is given back after a restart waits again, in the store too', async t => {
  const store = new MemoryStore()
  const pond = pondWith({}, { store })
  const one = consumer(pond, 'one')
  fills(pond, 'a')
  const [id = ''] = idsOf(one)
  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.heldMessages.find('one', id)?.lock('t.1')
  })
  const then = pondWith({}, { store, snapshot: await store.open() })
  then.inOneTurn(() => {
    then.turn.begin()
    then.broker.heldMessages.lockedBy('one', 't.1')[0]?.giveBack()
  })

  await store.close()
  const snapshot = await store.open()
  t.strictSame(snapshot.locked, [])
  const last = pondWith({}, { store, snapshot })
  t.strictSame(hears(consumer(last, 'two')), ['a 2'])
})

test('the end of its queue ends what is held, counted', async t => {
  const pond = pondWith()
  const one = consumer(pond, 'one', { acknowledges: false })
  fills(pond, 'a', 'b')
  const ids = idsOf(one)

  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.subscriptions.queues.delete('jobs')
  })
  one.acknowledges('puback', 1)
  one.acknowledges('puback', 2, 0x80)

  t.strictSame(
    ids.map(id => settles(pond, 'one', id)),
    [false, false],
  )
  t.equal(pond.broker.statistics.dropped['queue-ended'], 2)
  t.match(pond.broker.memory.kinds, { messages: 0, deliveries: 0, keys: 0 })
})

test('a transactional consumer asks for QoS 1, and says true or false', async t => {
  const pond = pondWith()
  const one = pond.client('one')
  const wish = (said: string, qos: 0 | 1, name = 'transactional'): unknown => {
    const properties = { userProperties: [[name, said] as const] }
    one.subscribes('$queue/jobs', qos, { properties })
    const [packet] = one.receives()
    return packet?.type === 'suback' && [packet.reasons, packet.properties.reasonString]
  }

  t.strictSame(wish('true', 0), [[0x8f], 'a transactional consumer subscribes with QoS 1'])
  t.strictSame(wish('yes', 1), [[0x8f], 'transactional is true or false, and not "yes"'])
  for (const name of ['Transactional', 'transactionnal']) {
    const sentence = `a consumer has no setting ${name} (did you mean transactional?)`
    t.strictSame(wish('true', 1, name), [[0x8f], sentence])
  }
  t.strictSame(wish('true', 1, 'owner'), [[1], undefined])
  t.strictSame(wish('false', 0), [[0], undefined])
  t.strictSame(wish('true', 1), [[1], undefined])
})

/** Takes a message of `jobs` and publishes its answer to the queue `done`, as one. */
function works(pond: Pond, store: DelayingStore, clientId: string): PondClient {
  const worker = consumer(pond, clientId, STORED)
  store.commitsAll()
  const [job] = worker.receivesMessages()
  if (job === undefined) return worker
  worker.publishes('$tx/work.1/publish/$queue/done', 'answer', { qos: 1 })
  worker.publishes('$tx/work.1/ack', idOf(job), { qos: 1 })
  worker.publishes('$tx/work.1/commit', '2', { qos: 1 })
  return worker
}

test('consume, process, publish: after a power cut at any commit the job waits, or its answer, and never both', async t => {
  const store = new DelayingStore()
  const named = new Map([
    ['jobs', {}],
    ['done', {}],
  ])
  const pond = new Pond({ store, queues: { named } })
  pond.client('alice').publishes('$queue/jobs', 'job', { qos: 1 })
  store.commitsAll()
  const filled = store.groups.length

  const worker = works(pond, store, 'one')
  t.strictSame(
    worker.hears().filter(sentence => sentence.startsWith('puback #4')),
    [],
  )
  store.commitsAll()
  t.equal(worker.hears().at(-1), 'puback #4 0x0')

  const left = store.groups.slice(filled).map((_group, index) => {
    const state = new DurableState()
    for (const group of store.groups.slice(0, filled + index + 1)) state.apply(group)
    const { queues } = state.snapshot()
    return queues.map(({ name, deliveries }) => (deliveries.length > 0 ? name : '')).join('')
  })
  t.strictSame([...new Set(left)], ['jobs', 'done'])
})

test('a worker that was given up cannot commit: the sentence names the message that it does not hold any more', async t => {
  const pond = pondWith({ ackDeadlineSeconds: 10 })
  const one = consumer(pond, 'one')
  fills(pond, 'a')
  const [id = ''] = idsOf(one)
  one.publishes('$tx/work.1/publish/result', 'late', { qos: 1 })
  one.publishes('$tx/work.1/ack', id, { qos: 1 })
  one.receives()
  pond.passes({ seconds: 11 })
  const two = consumer(pond, 'two')
  two.subscribes('result', 1)
  two.hears()

  one.publishes('$tx/work.1/commit', '2', { qos: 1 })

  const [answer] = one.receives()
  t.match(answer, {
    reason: 0x83,
    properties: { reasonString: `this client does not hold the message "${id}" any more` },
  })
  t.strictSame(hears(two), [])
})

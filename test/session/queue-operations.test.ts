import { test } from 'tap'
import type { QueueSweep, QueueTask } from '../../src/broker/queue-tasks.ts'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { reportExpressions } from '../../src/server/store-report.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'

type Changes = Partial<QueueSettings>

function pondWith(queues: Readonly<Record<string, Changes>>, options: PondOptions = {}): Pond {
  return new Pond({ ...options, queues: { named: new Map(Object.entries(queues)) } })
}

function payloads(client: PondClient): string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

function consumer(pond: Pond, name: string, acknowledges = false): PondClient {
  const client = pond.client(`of ${name}`, { acknowledges })
  client.subscribes(`$queue/${name}`, 1)
  return client
}

function fills(pond: Pond, name: string, count: number, first = 0): void {
  const publisher = pond.client('publisher')
  for (let job = first; job < first + count; job++) {
    publisher.publishes(`$queue/${name}`, `${job}`, { qos: 1 })
  }
}

function waiting(pond: Pond, name: string): number | undefined {
  return pond.broker.subscriptions.queues.get(name)?.queue.messages
}

/** Returns the sweep when it is over. */
async function does(
  pond: Pond,
  name: string,
  task: QueueTask,
  max = Infinity,
): Promise<QueueSweep> {
  const begun = pond.commands.queues.begin(name, task, max)
  pond.passes({ seconds: 0 })
  const sweep = await begun
  if (!('done' in sweep)) throw new Error(sweep.sentence)
  for (let turns = 0; turns < 1_000 && !sweep.isOver; turns++) pond.passes({ seconds: 0 })
  return sweep
}

async function answered<Result>(pond: Pond, asked: Promise<Result>): Promise<Result> {
  pond.passes({ seconds: 0 })
  return asked
}

const MANY = 500
const SMALL = { queuedInMemoryMax: 16, turnWorkTotalMax: 2_000 }

test('a purge drops all that waits, over many turns, and nothing that consumers have or that comes later', async t => {
  const pond = pondWith({ jobs: {} }, { limits: { ...SMALL, inFlightMax: 3 } })
  const one = consumer(pond, 'jobs')
  fills(pond, 'jobs', MANY)
  const had = one.receivesMessages()
  t.equal(had.length, 3)

  const begun = pond.commands.queues.begin('jobs', { kind: 'purge' }, Infinity)
  pond.passes({ seconds: 0 })
  fills(pond, 'jobs', 2, MANY)
  const sweep = await begun
  t.ok('done' in sweep)
  for (let turns = 0; turns < 500; turns++) pond.passes({ seconds: 0 })

  t.match(sweep, { done: MANY - 3, isOver: true, stopped: null })
  t.equal(pond.broker.statistics.dropped['queue-purged'], MANY - 3)
  for (const { packetId } of had) one.acknowledges('puback', packetId)
  t.strictSame(payloads(one), [`${MANY}`, `${MANY + 1}`])
})

test('a move keeps the order, counts hand-outs anew, and goes on after a restart where it was begun again', async t => {
  const store = new MemoryStore()
  const queues = { jobs: { deliveriesMax: 2 }, later: { deliveriesMax: 2 } }
  const pond = pondWith(queues, { store, limits: SMALL })
  fills(pond, 'jobs', 100)
  const one = consumer(pond, 'jobs')
  one.receives()
  one.vanishes()

  const first = await does(pond, 'jobs', { kind: 'move', to: 'later' }, 30)
  t.match(first, { done: 30, stopped: null })
  await store.close()
  const snapshot = await store.open()
  const again = pondWith(queues, { store, snapshot, limits: SMALL })
  t.equal(waiting(again, 'jobs'), 70)
  await does(again, 'jobs', { kind: 'move', to: 'later' })

  const moved = consumer(again, 'later', true).receivesMessages()
  t.strictSame(
    moved.map(({ payload }) => payload.toString()),
    Array.from({ length: 100 }, (_, job) => `${job}`),
  )
  t.ok(moved.every(({ properties }) => properties.userProperties === undefined))
})

test('a redrive puts dead letters back where they came from, and those that had expired do not expire again', async t => {
  const store = new MemoryStore()
  const queues = {
    slow: { messageExpirySeconds: 10, deadLetter: 'lost' },
    weak: { deliveriesMax: 1, deadLetter: 'lost' },
  }
  const pond = pondWith(queues, { store })
  fills(pond, 'weak', 2)
  const weak = consumer(pond, 'weak')
  for (const { packetId } of weak.receivesMessages()) weak.acknowledges('puback', packetId, 0x80)
  weak.disconnects()
  const publisher = pond.client('publisher')
  const expiring = { qos: 1, properties: { messageExpiryInterval: 5 } } as const
  publisher.publishes('$queue/slow', 'old', expiring)
  pond.passes({ seconds: 11 })
  consumer(pond, 'slow').vanishes()
  t.equal(waiting(pond, 'lost'), 3)

  const sweep = await does(pond, 'lost', { kind: 'redrive' })

  t.match(sweep, { done: 3, stopped: null })
  await store.close()
  const again = pondWith(queues, { store, snapshot: await store.open(), now: pond.now })
  again.passes({ seconds: 9 })
  t.strictSame(payloads(consumer(again, 'slow')), ['old'], 'its expiry counts anew')
  const back = consumer(again, 'weak').receivesMessages()
  t.strictSame(
    back.map(({ payload }) => payload.toString()),
    ['0', '1'],
  )
  t.equal(waiting(again, 'lost'), 0)
})

test('a redrive of messages that wait for another hand-out, or are in order, keeps what consumers have', async t => {
  const pond = pondWith({ jobs: { order: 'fifo', retryDelaySeconds: 100 }, other: {} })
  fills(pond, 'jobs', 3)
  const one = consumer(pond, 'jobs')
  const [refused] = one.receivesMessages()
  one.acknowledges('puback', refused?.packetId ?? 0, 0x80)

  await does(pond, 'jobs', { kind: 'move', to: 'other' })

  t.strictSame(payloads(consumer(pond, 'other', true)), ['0', '1', '2'])
  fills(pond, 'jobs', 1, 3)
  t.strictSame(payloads(one), ['3'], 'the order waits for none of them')
})

test('what has no place stays where it is, and the reason is said', async t => {
  const pond = pondWith({ jobs: {}, small: { messagesMax: 2 } })
  fills(pond, 'jobs', 5)

  t.match(await does(pond, 'jobs', { kind: 'move', to: 'small' }), {
    done: 2,
    stopped: 'the queue small is full',
  })
  t.match(await does(pond, 'jobs', { kind: 'move', to: 'nowhere' }), {
    done: 0,
    stopped: 'there is no queue nowhere',
  })
  t.match(await does(pond, 'jobs', { kind: 'redrive' }), { done: 0, stopped: /this queue itself/ })

  t.strictSame(payloads(consumer(pond, 'jobs', true)), ['2', '3', '4'])
})

test('a queue that is deleted ends what an operator does with it, and another cannot begin meanwhile', async t => {
  const pond = pondWith({ jobs: {} }, { limits: SMALL })
  fills(pond, 'jobs', MANY)
  const { queues } = pond.commands

  const asked = Promise.all([
    queues.begin('jobs', { kind: 'purge' }, Infinity),
    queues.begin('jobs', { kind: 'purge' }, 1),
    queues.set('jobs', { order: 'fifo' }),
    queues.delete('jobs'),
    queues.begin('jobs', { kind: 'purge' }, 1),
    queues.delete('jobs'),
  ])

  t.match(await answered(pond, asked), [
    { isOver: true, stopped: 'the queue was deleted' },
    { isThere: true, sentence: /goes on/ },
    { isThere: true, sentence: /goes on/ },
    true,
    { isThere: false },
    false,
  ])
})

test('a peek shows what waits, page by page and in order, and takes nothing out', async t => {
  for (const store of [new MemoryStore(), null]) {
    const pond = pondWith({ jobs: { deliveriesMax: 1 } }, { limits: { inFlightMax: 1 } })
    t.ok(store === null || pond.broker.storesSessions)
    const one = consumer(pond, 'jobs')
    fills(pond, 'jobs', 4)
    one.receives()
    const { queues } = pond.commands

    const first = await answered(pond, queues.peek('jobs', 0, 2))
    const rest = await answered(pond, queues.peek('jobs', first?.next ?? 0, 2))

    const seen = [...(first?.messages ?? []), ...(rest?.messages ?? [])]
    t.strictSame(
      seen.map(({ message }) => message.payload.toString()),
      ['1', '2', '3'],
    )
    t.equal(await answered(pond, queues.peek('nothing', 0, 2)), null)
    one.vanishes()
    const dead = await answered(pond, queues.peek('jobs.dead', 0, 10))
    t.match(dead?.messages, [{ handOuts: { count: 1, reason: 'deliveries', queue: 'jobs' } }])
  }
})

test('an operator makes a queue and changes it, and what a subscriber made is the operator’s then', async t => {
  const pond = new Pond({ limits: { namedQueuesMax: 1 } })
  const { queues } = pond.commands
  const alice = pond.client('alice', { keepAliveSeconds: 60_000 })
  alice.subscribes('$queue/jobs/work/#', 1)
  alice.disconnects()

  t.match(await answered(pond, queues.set('more', {})), { sentence: /limits.namedQueuesMax/ })
  t.match(await answered(pond, queues.set('jobs', { order: 'wild' })), { sentence: /^order is/ })
  t.equal(await answered(pond, queues.set('jobs', { overflow: 'refuse', messagesMax: 1 })), 'done')
  pond.passes({ seconds: 8 * 86_400 })

  const bob = pond.client('bob')
  for (const job of ['a', 'b']) bob.publishes('work/x', job, { qos: 1 })
  t.strictSame(bob.hears(), ['puback #1 0x0', 'puback #2 0x97'])
})

test('a queue takes in what its expression wants, and all that is published to it; an operator changes it', async t => {
  const pond = pondWith({})
  const alice = pond.client('alice')
  const wishes = (where: string) => ({
    properties: { userProperties: [['where', where]] as const },
  })
  alice.subscribes('$queue/bad/work/#', 1, wishes('size >'))
  alice.subscribes('$queue/jobs/work/#', 1, wishes('size > 9'))
  t.match(alice.hears(), ['suback #1 0x8f', 'suback #2 0x1'])
  alice.unsubscribes('$queue/jobs/work/#')
  const sized = (size: string) =>
    ({ qos: 1, properties: { userProperties: [['size', size]] } }) as const
  for (const size of ['5', '10']) alice.publishes('work/x', size, sized(size))
  alice.publishes('$queue/jobs', 'direct', { qos: 1 })
  t.equal(waiting(pond, 'jobs'), 2)
  t.equal(pond.broker.statistics.messagesFiltered, 1)

  await answered(pond, pond.commands.queues.set('jobs', { where: 'size < 9' }))
  for (const size of ['5', '10']) alice.publishes('work/x', size, sized(size))

  t.strictSame(payloads(consumer(pond, 'jobs', true)), ['10', 'direct', '5'])
  t.equal(pond.broker.expressions.count, 1)
  await answered(pond, pond.commands.queues.delete('jobs'))
  t.equal(pond.broker.expressions.count, 0)
})

test('a queue of the store takes in nothing by an expression that cannot be read, keeps it, and the log says so', async t => {
  const store = new MemoryStore()
  const first = new Pond({ store })
  await answered(first, first.commands.queues.set('jobs', { filters: ['work/#'] }))
  await answered(first, first.commands.queues.set('newer', { filters: ['work/#'] }))
  const snapshot = await store.open()
  const whereOf = new Map<string, unknown>([
    ['jobs', 'size ~~ 9'],
    ['newer', { size: 9 }],
  ])
  const queues = snapshot.queues.map(each => {
    const record = JSON.parse(each.settings)
    record.settings.where = whereOf.get(each.name)
    return { ...each, settings: JSON.stringify(record) }
  })
  const lines: object[] = []
  const line = (fields: object): void => void lines.push(fields)

  const pond = new Pond({ store, snapshot: { ...snapshot, queues } })
  reportExpressions({ debug: line, info: line, warn: line, error: line }, pond.broker)
  const alice = pond.client('alice')
  alice.publishes('work/x', 'by the filter', { qos: 1 })
  for (const name of ['jobs', 'newer']) alice.publishes(`$queue/${name}`, 'direct', { qos: 1 })

  t.strictSame([waiting(pond, 'jobs'), waiting(pond, 'newer')], [1, 1])
  const bad = { queue: 'jobs', where: 'size ~~ 9' }
  t.strictSame(lines, [{ event: 'queue.unreadable', queues: 2, ...bad }])

  await answered(pond, pond.commands.queues.set('jobs', { messagesMax: 9 }))
  t.match(pond.broker.subscriptions.queues.get('jobs')?.settings, { where: bad.where })
})

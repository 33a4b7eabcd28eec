import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'

const STORED = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

function pondWith(settings: Partial<QueueSettings>, options: PondOptions = {}): Pond {
  const named = new Map([['jobs', { filters: ['work/#'], ...settings }]])
  return new Pond({ ...options, queues: { named } })
}

function payloads(client: PondClient): string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

function consumer(pond: Pond, clientId: string, acknowledges = false): PondClient {
  const client = pond.client(clientId, { acknowledges })
  client.subscribes('$queue/jobs', 1)
  return client
}

function marksOf(client: PondClient): unknown[] {
  return client
    .receivesMessages()
    .map(({ payload, properties }) => [
      payload.toString(),
      ...(properties.userProperties ?? []).map(([name, value]) => `${name}=${value}`),
    ])
}

test('a subscriber makes a queue, which collects without consumers whatever comes at any QoS', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const maker = pond.client('maker', { version: 4 })
  maker.subscribes('$queue/jobs/work/#', 2)
  t.strictSame(maker.hears(), ['suback #1 0x1'])
  maker.unsubscribes('$queue/jobs/work/#')

  for (const qos of [0, 1, 2] as const) alice.publishes(`work/${qos}`, `${qos}`, { qos })
  alice.publishes('$queue/jobs', 'direct', { qos: 1, retain: true })

  t.strictSame(alice.hears(), ['puback #1 0x0', 'pubrec #2 0x0', 'puback #3 0x0'])
  t.equal(pond.broker.retained.count, 0)
  const one = pond.client('one', { acknowledges: true })
  one.subscribes('$queue/jobs', 1)
  t.strictSame(one.hears().slice(1), [
    'publish work/0 0 q1 #1',
    'publish work/1 1 q1 #2',
    'publish work/2 2 q1 #3',
    'publish $queue/jobs direct q1 #4',
  ])
})

test('each message goes to one consumer, whether it subscribed by the name or by a filter', async t => {
  const pond = pondWith({})
  const [one, two] = [consumer(pond, 'one', true), pond.client('two', { acknowledges: true })]
  two.subscribes('$queue/jobs/work/#', 1)
  two.hears()

  for (let job = 0; job < 4; job++) pond.client('alice').publishes('work/x', `${job}`, { qos: 1 })

  t.strictSame(
    [payloads(one), payloads(two)],
    [
      ['0', '2'],
      ['1', '3'],
    ],
  )
})

test('a consumer that leaves gives its messages back, and they bear how often they were handed out', async t => {
  const pond = pondWith({})
  const one = consumer(pond, 'one')
  pond.client('alice').publishes('work/x', 'job', { qos: 1 })
  t.strictSame(marksOf(one), [['job']])

  one.vanishes()

  t.strictSame(marksOf(consumer(pond, 'two')), [['job', 'delivery-count=2']])
})

test('a consumer that unsubscribes keeps what it has, and what it does not settle comes back when it leaves', async t => {
  const pond = pondWith({})
  const one = pond.client('one', STORED)
  one.subscribes('$queue/jobs', 1)
  one.hears()
  const alice = pond.client('alice')
  for (const job of ['a', 'b']) alice.publishes('work/x', job, { qos: 1 })
  t.strictSame(payloads(one), ['a', 'b'])
  one.unsubscribes('$queue/jobs')
  const two = consumer(pond, 'two')
  t.strictSame(payloads(two), [])

  one.acknowledges('puback', 1)
  one.disconnects()

  t.strictSame(payloads(two), ['b'])
  t.strictSame(payloads(pond.client('one', STORED)), [])
})

test('a refused message comes again after the retry delay, doubled each time, and at last is a dead letter', async t => {
  const pond = pondWith({ deliveriesMax: 3, retryDelaySeconds: 2 })
  const one = consumer(pond, 'one')
  pond.client('alice').publishes('work/x', 'job', { qos: 1 })
  for (const [seconds, packetId] of [
    [2, 1],
    [4, 2],
  ] as const) {
    t.strictSame(payloads(one), ['job'])
    one.acknowledges('puback', packetId, 0x80)
    pond.passes({ seconds: seconds - 0.1 })
    t.strictSame(payloads(one), [])
    pond.passes({ seconds: 0.2 })
  }
  t.strictSame(payloads(one), ['job'])
  one.acknowledges('puback', 3, 0x80)

  const dead = pond.client('dead')
  dead.subscribes('$queue/jobs.dead', 1)
  const marks = ['dead-letter-queue=jobs', 'dead-letter-reason=refused', 'delivery-count=3']
  t.strictSame(marksOf(dead), [['job', ...marks]])
})

test('after the deadline a message goes to somebody else, and the late PUBACK settles nothing', async t => {
  const pond = pondWith({ ackDeadlineSeconds: 10 })
  const one = consumer(pond, 'one')
  pond.client('alice').publishes('work/x', 'job', { qos: 1 })
  pond.passes({ seconds: 11 })
  t.strictSame(payloads(one), ['job'], 'while nobody else is there it stays')

  const two = consumer(pond, 'two')
  t.strictSame(payloads(two), ['job'])
  one.acknowledges('puback', 1)
  two.vanishes()

  t.strictSame(payloads(one), [], 'it never comes to the same connection again')
  t.equal(pond.broker.subscriptions.queues.get('jobs')?.counts.lateAcknowledgements, 1)
  t.strictSame(payloads(consumer(pond, 'three')), ['job'])
})

test('a queue in order has one message in flight, and waits for one that was refused', async t => {
  const pond = pondWith({ order: 'fifo', retryDelaySeconds: 5 })
  const [one, two] = [consumer(pond, 'one'), consumer(pond, 'two')]
  const alice = pond.client('alice')
  for (const job of ['a', 'b']) alice.publishes('work/x', job, { qos: 1 })
  t.strictSame([payloads(one), payloads(two)], [['a'], []])

  one.acknowledges('puback', 1, 0x80)
  t.strictSame([payloads(one), payloads(two)], [[], []])
  pond.passes({ seconds: 5 })

  t.strictSame([payloads(one), payloads(two)], [[], ['a']])
  two.acknowledges('puback', 1)
  t.strictSame([payloads(one), payloads(two)], [['b'], []])
})

test('a full queue in order that drops all it has in memory goes on with what is in the store', async t => {
  const limits = { queuedInMemoryMax: 1 }
  const pond = pondWith({ order: 'fifo', messagesMax: 3, overflow: 'drop-oldest' }, { limits })
  const one = consumer(pond, 'one', true)
  const alice = pond.client('alice')
  for (const job of [1, 2, 3, 4, 5]) alice.publishes('work/a', `${job}`, { qos: 1 })

  t.strictSame([...payloads(one), ...payloads(one)], ['1', '3', '4', '5'])
})

test('a full queue in order that refuses goes on with what is in the store when all in memory has expired', async t => {
  const settings = { order: 'fifo', overflow: 'refuse', bytesMax: 100_000 } as const
  const pond = pondWith(settings, { limits: { queuedInMemoryMax: 1 } })
  const one = consumer(pond, 'one')
  const alice = pond.client('alice')
  const properties = { messageExpiryInterval: 1 }
  alice.publishes('work/a', '1', { qos: 1 })
  alice.publishes('work/a', '2', { qos: 1, properties })
  for (const job of ['3', '4']) alice.publishes('work/a', job.repeat(1_000), { qos: 1 })
  pond.passes({ seconds: 2 })
  alice.publishes('work/a', 'x'.repeat(99_000), { qos: 1 })

  const [first] = one.receivesMessages()
  one.acknowledges('puback', first?.packetId ?? 0)

  t.strictSame(payloads(one), ['3'.repeat(1_000)])
})

test('keys are handed out side by side, one message of each', async t => {
  const pond = pondWith({ order: 'keyed', key: 'topic.2' })
  const one = consumer(pond, 'one')
  const alice = pond.client('alice')
  for (const job of ['a1', 'b1', 'a2', 'b2']) {
    alice.publishes(`work/${job.slice(0, 1)}`, job, { qos: 1 })
  }
  t.strictSame(payloads(one), ['a1', 'b1'])
  one.acknowledges('puback', 2)
  t.strictSame(payloads(one), ['b2'])
})

test('a queue in order looks for other keys as far as its bytes in memory allow', async t => {
  const limits = { queuedInMemoryMax: 1_000, queuedInMemoryBytesMax: 20_000 }
  const pond = pondWith({ order: 'keyed', key: 'topic.2' }, { limits, store: new MemoryStore(3) })
  const one = consumer(pond, 'one')
  const alice = pond.client('alice')
  for (let job = 0; job < 40; job++) alice.publishes('work/a', 'a'.repeat(4_000), { qos: 1 })
  alice.publishes('work/b', 'b', { qos: 1 })
  const most: number[] = []
  const taken: string[] = []
  const received = [...one.receivesMessages()]
  for (let next = received.shift(); next !== undefined; next = received.shift()) {
    most.push(pond.broker.subscriptions.queues.get('jobs')?.queue.waiting.bytes ?? 0)
    taken.push(next.payload.toString('latin1', 0, 1))
    one.acknowledges('puback', next.packetId)
    received.push(...one.receivesMessages())
  }

  t.equal(taken.sort().join(''), `${'a'.repeat(40)}b`)
  t.ok(Math.max(...most) <= 20_000 + 3 * 5_000, `${Math.max(...most)} bytes`)
})

test('what a full queue drops, and what expires, are dead letters', async t => {
  const pond = pondWith({ messagesMax: 2, messageExpirySeconds: 60 })
  const alice = pond.client('alice')
  for (const job of ['a', 'b', 'c']) alice.publishes('work/x', job, { qos: 1 })
  pond.passes({ seconds: 61 })
  t.strictSame(payloads(consumer(pond, 'one')), [])

  const dead = pond.client('dead')
  dead.subscribes('$queue/jobs.dead', 1)
  t.strictSame(
    marksOf(dead).map(String),
    [
      ['a', 'overflow'],
      ['b', 'expired'],
      ['c', 'expired'],
    ].map(
      ([job, reason]) =>
        `${job},dead-letter-queue=jobs,dead-letter-reason=${reason},delivery-count=0`,
    ),
  )
})

test('a full queue that refuses has the whole PUBLISH refused, and what cannot be refused passes it by', async t => {
  const pond = pondWith({ messagesMax: 1, overflow: 'refuse' })
  const [alice, bob, old] = [
    pond.client('alice'),
    pond.client('bob'),
    pond.client('old', { version: 4 }),
  ]
  bob.subscribes('work/#', 1)
  bob.hears()
  alice.publishes('work/x', 'a', { qos: 1 })
  alice.publishes('work/x', 'b', { qos: 1 })
  const [, refusal] = alice.receives()
  t.match(refusal, { reason: 0x97, properties: { reasonString: 'the queue jobs is full' } })
  old.publishes('work/x', 'c', { qos: 1 })
  t.strictSame(old.hears(), ['closed'])
  alice.publishes('work/x', 'd')

  t.strictSame(payloads(bob), ['a', 'd'])
  t.strictSame(payloads(consumer(pond, 'one', true)), ['a'])
  t.equal(pond.broker.statistics.dropped['queue-full'], 1)
})

test('what is no queue is refused with a reason', async t => {
  const pond = pondWith({}, { limits: { namedQueuesPerUserMax: 1 } })
  const alice = pond.client('alice')
  const refused = [
    ['$queue/#', 0x8f],
    ['$queue/+', 0x8f],
    ['$queue', 0x8f],
    ['$queue/na me', 0x8f],
    ['$queue/jobs/other', 0x8f],
    ['$queue/new/$SYS/#', 0x8f],
    ['$share/g/$queue/jobs', 0x8f],
    ['$queue/nobody-made-it', 1],
    ['$queue/first/a', 1],
    ['$queue/second/a', 0x97],
  ] as const
  for (const [filter] of refused) alice.subscribes(filter, 1)
  t.strictSame(
    alice.receives().map(packet => (packet.type === 'suback' ? packet.reasons[0] : null)),
    refused.map(([, reason]) => reason),
  )
  alice.subscribes('$queue/jobs', 1, { noLocal: true })
  alice.publishes('$queue/unknown', 'x', { qos: 1 })
  alice.publishes('$queue/jobs/more', 'x', { qos: 1 })
  t.strictSame(
    alice
      .receives()
      .map(packet =>
        'reasons' in packet ? packet.reasons[0] : 'reason' in packet && packet.reason,
      ),
    [0x8f, 0x90, 0x90],
  )
})

test('consumers of a queue that is deleted wait for a new one, and what was in flight is settled', async t => {
  const pond = pondWith({})
  const one = consumer(pond, 'one')
  const alice = pond.client('alice')
  alice.publishes('work/x', 'old', { qos: 1 })
  t.strictSame(payloads(one), ['old'])
  const { queues } = pond.broker.subscriptions
  const settings = queues.get('jobs')?.settings

  pond.inOneTurn(() => queues.delete('jobs'))
  alice.publishes('work/x', 'nowhere', { qos: 1 })
  pond.inOneTurn(
    () => settings !== undefined && queues.create('jobs', settings, { kind: 'operator' }),
  )
  alice.publishes('work/x', 'new', { qos: 1 })

  t.strictSame(payloads(one), ['new'])
  t.equal(pond.broker.statistics.dropped['queue-ended'], 1)
})

test('what a SUBSCRIBE wishes of its new queue and cannot have is refused with a sentence', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const { queues } = pond.broker.subscriptions
  const answerTo = (name: string, value: string, queue = 'jobs'): unknown => {
    const properties = { userProperties: [[name, value]] } as const
    alice.subscribes(`$queue/${queue}/work/#`, 1, { properties })
    const [packet] = alice.receives()
    return packet?.type === 'suback' && [packet.reasons[0], packet.properties.reasonString]
  }

  for (const [name, value, sentence] of [
    ['order', 'lifo', 'order is parallel or fifo or keyed'],
    ['Order', 'fifo', 'a queue has no setting Order (did you mean order?)'],
    [
      'ackDeadlineSecs',
      '5',
      'a queue has no setting ackDeadlineSecs (did you mean ackDeadlineSeconds?)',
    ],
    ['overflow', 'refuse', 'only operators let a queue refuse'],
    ['deadLetter', 'others', 'only operators set deadLetter of a queue'],
    ['filters', 'work/#', 'only operators set filters of a queue'],
  ] as const) {
    t.strictSame(answerTo(name, value), [0x8f, sentence])
    t.equal(queues.count, 0)
  }

  // What is like no setting, or of a queue that exists, is the client's own affair.
  t.strictSame(answerTo('owner', 'alice'), [1, undefined])
  t.strictSame(answerTo('overflow', 'drop-oldest', 'more'), [1, undefined])
  t.strictSame(answerTo('Order', 'fifo'), [1, undefined])
})

test('only the first user properties of a SUBSCRIBE are compared with the names of settings', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const others = Array.from({ length: 16 }, (_, index) => [`color${index}`, 'red'] as const)
  const userProperties = [...others, ['ackDeadlineSecs', '5'], ['order', 'fifo']] as const
  alice.subscribes('$queue/jobs/work/#', 1, { properties: { userProperties } })

  t.strictSame(alice.hears(), ['suback #1 0x1'])
  t.equal(pond.broker.subscriptions.queues.get('jobs')?.settings.order, 'fifo')
})

for (const meanwhile of ['is deleted', 'has filters that it has no right to'] as const) {
  test(`who unsubscribed while a message was in flight gets nothing of a queue that ${meanwhile}`, async t => {
    const permissions = { ...UNRESTRICTED, maySubscribe: (filter: string) => filter !== 'secret/#' }
    const authenticate: Access['authenticate'] = () => ({ kind: 'allowed', permissions })
    const access = { ...openAccess, authenticate, permissionsOf: () => permissions }
    const pond = pondWith({}, { access })
    const one = consumer(pond, 'one')
    const alice = pond.client('alice')
    alice.publishes('work/x', 'old', { qos: 1 })
    t.strictSame(payloads(one), ['old'])
    one.unsubscribes('$queue/jobs')
    const { queues } = pond.broker.subscriptions

    pond.inOneTurn(() => {
      if (meanwhile === 'is deleted') queues.delete('jobs')
      else queues.setByOperator('jobs', { filters: ['secret/#'] })
      queues.setByOperator('jobs', { filters: ['work/#'] })
    })
    alice.publishes('work/x', 'new', { qos: 1 })

    t.strictSame(payloads(one), [])
    t.equal(queues.get('jobs')?.consumers.count, 0)
  })
}

test('a queue that a subscriber made ends after a time without a subscription', async t => {
  const pond = new Pond()
  const { queues } = pond.broker.subscriptions
  const alice = pond.client('alice', { keepAliveSeconds: 1_000 })
  const userProperties = [
    ['idleExpirySeconds', '100'],
    ['order', 'fifo'],
    ['color', 'red'],
  ] as const
  alice.subscribes('$queue/jobs/work/#', 1, { properties: { userProperties } })
  pond.passes({ seconds: 600 })
  t.match(queues.get('jobs')?.settings, { order: 'fifo', idleExpirySeconds: 100 })
  alice.unsubscribes('$queue/jobs/work/#')
  pond.passes({ seconds: 99 })
  t.equal(queues.count, 1)

  pond.passes({ seconds: 1 })

  t.equal(queues.count, 0)
})

test('a broker that stops does not hand messages to consumers that it disconnects as well', async t => {
  const pond = pondWith({ deliveriesMax: 2 })
  for (const clientId of ['one', 'two', 'three']) consumer(pond, clientId)
  pond.client('alice').publishes('work/1', 'mine', { qos: 1 })

  pond.stops()

  const queue = pond.broker.subscriptions.queues.get('jobs')
  t.equal(queue?.counts.handedOut, 1)
  t.equal(queue?.queue.messages, 1)
})

test('a consumer that comes back while it still has messages in flight is handed more', async t => {
  const pond = pondWith({})
  const alice = pond.client('alice')
  const one = consumer(pond, 'one')
  for (const payload of ['1', '2']) alice.publishes('work/a', payload, { qos: 1 })
  const [first, second] = one.receivesMessages()
  one.unsubscribes('$queue/jobs')
  // Its session reports that it is ready, while it is no consumer.
  one.acknowledges('puback', first?.packetId ?? 0)
  one.subscribes('$queue/jobs', 1)
  one.acknowledges('puback', second?.packetId ?? 0)

  alice.publishes('work/a', '3', { qos: 1 })

  t.strictSame(payloads(one), ['3'])
})

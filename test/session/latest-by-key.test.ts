// Named queues with `latestByKey`.

import { test } from 'tap'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'

const LATEST = { filters: ['t/#'], order: 'keyed', key: 'topic', latestByKey: true } as const
const SMALL = { queuedInMemoryMax: 2, turnWorkTotalMax: 2_000 }

function pondWith(settings: Partial<QueueSettings>, options: PondOptions = {}): Pond {
  return new Pond({ ...options, queues: { named: new Map([['q', settings]]) } })
}

function publishes(pond: Pond, ...values: readonly string[]): void {
  const client = pond.client('publisher')
  for (const value of values) client.publishes(`t/${value.split('=')[0]}`, value, { qos: 1 })
}

function consumer(pond: Pond, acknowledges = false): PondClient {
  const client = pond.client('consumer', { acknowledges })
  client.subscribes('$queue/q', 1)
  return client
}

function payloads(client: PondClient): string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

function waiting({ broker }: Pond): number | undefined {
  return broker.subscriptions.queues.get('q')?.queue.messages
}

/** Counted by the queue, and by the broker as dropped. */
function replaced({ broker }: Pond): readonly [number | undefined, number] {
  const { counts } = broker.subscriptions.queues.get('q') ?? {}
  return [counts?.replaced, broker.statistics.dropped.replaced]
}

test('the newest of each key waits, and what has no key is not replaced', async t => {
  const pond = pondWith({ ...LATEST, key: 'topic.3' })

  publishes(pond, 'a/1=old', 'a/2=old', 'none=1', 'a/1=new', 'none=2')

  t.equal(waiting(pond), 4)
  t.strictSame(replaced(pond), [1, 1])
  t.strictSame(payloads(consumer(pond, true)), ['a/2=old', 'none=1', 'a/1=new', 'none=2'])
})

test('what a consumer has stays with it; what comes back and finds a newer one is dropped', async t => {
  const pond = pondWith({ ...LATEST, ackDeadlineSeconds: 5, retryDelaySeconds: 60 })
  const one = consumer(pond)
  publishes(pond, 'a=1', 'a=2', 'a=3')
  const [first] = one.receivesMessages()
  t.equal(first?.payload.toString(), 'a=1')
  t.strictSame(replaced(pond), [1, 1])

  one.acknowledges('puback', first?.packetId ?? 0, 0x80)
  const [third] = one.receivesMessages()
  t.equal(third?.payload.toString(), 'a=3')
  t.strictSame(replaced(pond), [2, 2])

  one.acknowledges('puback', third?.packetId ?? 0, 0x80)
  publishes(pond, 'a=4')
  t.strictSame(payloads(one), ['a=4'], 'what waits for its retry is replaced at once')
  pond.passes({ seconds: 6 })
  publishes(pond, 'a=5')
  t.strictSame(payloads(one), ['a=5'], 'and what is past its deadline')
  publishes(pond, 'a=6')
  pond.passes({ seconds: 6 })
  t.strictSame(payloads(one), ['a=6'], 'at the deadline, if a newer one waits')
  publishes(pond, 'a=7')
  one.disconnects()

  t.strictSame(payloads(consumer(pond, true)), ['a=7'])
  t.strictSame(replaced(pond), [6, 6])
  t.equal(waiting(pond), 0)
  t.equal(pond.broker.memory.kinds.keys, 0)
})

test('a long queue keeps the newest of each key in the store, over a restart, without a key in memory at the end', async t => {
  const store = new MemoryStore(3)
  const first = pondWith(LATEST, { store, limits: SMALL })
  const keys = Array.from({ length: 10 }, (_, key) => `${key}`)
  for (const round of [1, 2, 3]) publishes(first, ...keys.map(key => `${key}=${round}`))
  t.equal(waiting(first), 10)
  t.strictSame(replaced(first), [20, 20])

  const pond = pondWith(LATEST, { store, limits: SMALL, snapshot: await store.open() })
  t.equal(waiting(pond), 10)
  publishes(pond, '0=4', '9=4')
  const got = payloads(consumer(pond, true))
  pond.passes({ seconds: 0 })

  t.strictSame(got, [...keys.slice(1, 9).map(key => `${key}=3`), '0=4', '9=4'])
  t.equal(waiting(pond), 0)
  t.equal(pond.broker.memory.kinds.keys, 0)
  await store.close()
  const { queues } = await store.open()
  t.strictSame(queues.find(({ name }) => name === 'q')?.deliveries, [])
})

test('a full queue has room for a newer one of a key that waits; what is too large for it replaces nothing', async t => {
  const pond = pondWith({ ...LATEST, messagesMax: 2, bytesMax: 2_000, deadLetter: '' })

  publishes(pond, 'a=1', 'b=1', 'a=2', `b=${'x'.repeat(2_000)}`)

  t.equal(pond.broker.statistics.dropped['queue-full'], 1)
  t.strictSame(payloads(consumer(pond, true)), ['b=1', 'a=2'])
})

test('it is switched on for what waits, and off again', async t => {
  const pond = pondWith({ ...LATEST, latestByKey: false })
  publishes(pond, 'a=1', 'b=1', 'a=2')
  const set = async (latestByKey: boolean): Promise<void> => {
    const asked = pond.commands.queues.set('q', { latestByKey })
    pond.passes({ seconds: 0 })
    t.equal(await asked, 'done')
  }

  await set(true)
  pond.passes({ seconds: 0 })
  t.equal(waiting(pond), 2)
  await set(false)
  publishes(pond, 'a=3')

  t.strictSame(payloads(consumer(pond, true)), ['b=1', 'a=2', 'a=3'])
  t.equal(pond.broker.memory.kinds.keys, 0)
})

test('a dead letter that is put back does not replace a newer one', async t => {
  const pond = pondWith({ ...LATEST, deliveriesMax: 1 })
  const one = consumer(pond)
  publishes(pond, 'a=1', 'b=1')
  for (const { packetId } of one.receivesMessages()) one.acknowledges('puback', packetId, 0x80)
  one.disconnects()
  publishes(pond, 'a=2')

  const begun = pond.commands.queues.begin('q.dead', { kind: 'redrive' }, Infinity)
  pond.passes({ seconds: 0 })
  await begun

  t.strictSame(payloads(consumer(pond, true)), ['a=2', 'b=1'])
  t.strictSame(replaced(pond), [1, 1])
})

test('it needs order: keyed and a queue that does not refuse, and says so', async t => {
  const pond = pondWith(LATEST)
  const alice = pond.client('alice')
  const wishes = (...userProperties: readonly (readonly [string, string])[]) => ({
    properties: { userProperties },
  })
  alice.subscribes('$queue/bad/u/#', 1, wishes(['latestByKey', 'true']))
  alice.subscribes('$queue/bad/u/#', 1, wishes(['order', 'keyed'], ['latestByKey', 'yes']))
  alice.subscribes('$queue/good/u/#', 1, wishes(['latestByKey', 'true'], ['order', 'keyed']))
  t.strictSame(alice.hears(), ['suback #1 0x8f', 'suback #2 0x8f', 'suback #3 0x1'])
  t.equal(pond.broker.subscriptions.queues.get('good')?.settings.latestByKey, true)

  const { queues } = pond.broker.subscriptions
  t.equal(queues.setByOperator('q', { order: 'fifo' }), 'latestByKey needs order: keyed')
  t.equal(
    queues.setByOperator('q', { overflow: 'refuse' }),
    'latestByKey needs overflow: drop-oldest',
  )
  t.equal(queues.setByOperator('q', { latestByKey: 1 }), 'latestByKey is true or false')
})

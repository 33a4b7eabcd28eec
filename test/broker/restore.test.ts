// What a broker that starts makes of what the last one left behind.

import { test } from 'tap'
import { Pond } from '../pond.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** The broker is gone without a word; another one goes on with its store. */
async function pondAfter(store: MemoryStore, pond: Pond): Promise<Pond> {
  await store.close()
  return new Pond({ store, snapshot: await store.open(), now: pond.now })
}

/** What a client is sent as it comes back, after CONNACK. */
function returns(pond: Pond, clientId: string): readonly string[] {
  const client = pond.stranger(clientId, DURABLE)
  client.connects()
  return client.hears().slice(1)
}

test('the will of a session that ended with the broker waits for no delay and for no return', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('bob', DURABLE).subscribes('w', 1)
  const will = {
    topic: 'w',
    payload: 'gone',
    qos: 1,
    properties: { willDelayInterval: 60 },
  } as const
  before.client('alice', { will })

  const pond = await pondAfter(store, before)
  pond.client('alice')
  pond.passes({ seconds: 100 })

  t.strictSame(returns(pond, 'bob'), ['publish w gone q1 #1'])
})

test('a will whose time had come while nobody ran is published although its client returns at once', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('bob', DURABLE).subscribes('w', 1)
  const will = {
    topic: 'w',
    payload: 'late',
    qos: 1,
    properties: { willDelayInterval: 60 },
  } as const
  before.client('alice', { ...DURABLE, will }).vanishes()
  before.now += 70_000

  const pond = await pondAfter(store, before)
  pond.client('alice', DURABLE)

  t.strictSame(returns(pond, 'bob'), ['publish w late q1 #1'])
})

test('a message in flight to a session that ended with the broker goes to another member of the group', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('carol', DURABLE).subscribes('$share/g/jobs', 1)
  const bob = before.client('bob', DURABLE)
  bob.subscribes('$share/g/jobs', 1)
  bob.vanishes()
  before.client('bob', { cleanStart: false })
  before.client('carol', { ...DURABLE }).vanishes()
  before.client('alice').publishes('jobs', 'one', { qos: 1 })

  const pond = await pondAfter(store, before)

  t.strictSame(returns(pond, 'carol'), ['publish jobs one q1 #1'])
})

test('a session whose end was written down by a clock that ran ahead ends no later than its expiry from now', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.now += 10 * 365 * 86_400_000
  before.client('bob', DURABLE).vanishes()
  before.now -= 10 * 365 * 86_400_000

  const pond = await pondAfter(store, before)
  t.equal(pond.broker.sessions.count, 1)
  pond.passes({ seconds: 3_601 })

  t.equal(pond.broker.sessions.count, 0)
})

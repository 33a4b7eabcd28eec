import { test } from 'tap'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import { Pond } from '../pond.ts'

async function publishes(pond: Pond, topic: string, payload = 'x'): Promise<number> {
  const said = { payload: Buffer.from(payload), qos: 1, retain: false, properties: {} } as const
  const asker = { clientId: null, permissions: UNRESTRICTED, identity: null }
  const { receivers } = await pond.commands.publish(said, topic, asker)
  return receivers
}

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

test('messages are published in the order of the calls, also those of a handler within', async t => {
  const pond: Pond = new Pond({
    observer: {
      published: ({ topic }) => void (topic === 'a' && publishes(pond, 'within')),
    },
  })
  const alice = pond.client('alice')
  alice.subscribes('#', 0)
  alice.hears()

  const answers = [publishes(pond, 'a'), publishes(pond, 'b'), publishes(pond, '$SYS/c')]
  pond.settles()

  t.strictSame(alice.hears(), ['publish a x q0', 'publish within x q0', 'publish b x q0'])
  t.strictSame(
    (await Promise.allSettled(answers)).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
})

test('a client of MQTT 5 that is disconnected is told 0x98 and why, and an older one is only closed', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', { version: 4 })

  const answers = [
    pond.commands.disconnectClient('alice', 'too loud'),
    pond.commands.disconnectClient('bob', 'too loud'),
    pond.commands.disconnectClient('nobody', 'too loud'),
  ]
  pond.settles()

  t.match(alice.receives(), [
    { type: 'disconnect', reason: 0x98, properties: { reasonString: 'too loud' } },
  ])
  t.strictSame(alice.hears(), ['closed'])
  t.strictSame(bob.hears(), ['closed'])
  t.strictSame(await Promise.all(answers), [true, true, false])
})

test('the will of a client that is disconnected is published, and its session stays', async t => {
  const pond = new Pond()
  const watcher = pond.client('watcher')
  watcher.subscribes('gone')
  watcher.hears()
  pond.client('alice', { ...DURABLE, will: { topic: 'gone', payload: 'alice' } })

  void pond.commands.disconnectClient('alice', 'maintenance')
  pond.settles()

  t.strictSame(watcher.hears(), ['publish gone alice q0'])
  t.match(pond.client('alice', DURABLE).greeting, { sessionPresent: true })
})

test('a session that is ended is gone, whether its client is connected or away', async t => {
  const pond = new Pond()
  const alice = pond.client('alice', DURABLE)
  pond.client('bob', DURABLE).vanishes()
  pond.client('passing')

  const answers = ['alice', 'bob', 'passing', 'nobody'].map(clientId =>
    pond.commands.endSession(clientId, 'moved'),
  )
  pond.settles()

  t.strictSame(alice.hears(), ['disconnect 0x98', 'closed'])
  t.strictSame(await Promise.all(answers), [true, true, true, false])
  t.equal(pond.broker.sessions.count, 0)
})

test('retained messages under a filter are cleared in as many turns as it takes, and later ones stay', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store, limits: { turnWorkTotalMax: 100 } })
  const alice = pond.client('alice')
  for (const index of Array(50).keys()) alice.publishes(`old/${index}`, 'x', { retain: true })
  alice.publishes('other', 'x', { retain: true })
  const turnsBefore = pond.turn.turns

  const cleared = pond.commands.clearRetained('old/#')
  alice.publishes('old/late', 'x', { retain: true })

  t.equal(await cleared, 50)
  t.ok(pond.turn.turns - turnsBefore > 5)
  t.equal(pond.broker.retained.get('old/late')?.topic, 'old/late')
  t.equal(pond.broker.retainedCount, 2)
  t.equal((await store.open()).retained.length, 2)
})

test('$SYS messages of the broker cannot be cleared', async t => {
  const pond = new Pond()
  pond.broker.publishing.announce('$SYS/broker/store/durability', 'fsync')

  await t.rejects(pond.commands.clearRetained('$SYS/#'), /\$SYS/)
  const cleared = pond.commands.clearRetained('#')
  pond.settles()

  t.equal(await cleared, 0)
  t.ok(pond.broker.retained.get('$SYS/broker/store/durability'))
})

test('a command is answered when what it recorded is committed, and not before', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  pond.client('alice', DURABLE)
  store.commitsAll()
  const answered: string[] = []

  const ended = pond.commands.endSession('alice', 'moved').then(() => answered.push('ended'))
  const unknown = pond.commands.endSession('bob', 'moved').then(() => answered.push('unknown'))
  pond.settles()
  await unknown
  t.strictSame(answered, ['unknown'])
  store.commitsAll()
  pond.settles()
  await ended

  t.strictSame(answered, ['unknown', 'ended'])
})

test('a handler may disconnect the very client that its event is about', async t => {
  const pond: Pond = new Pond({
    observer: {
      subscribed: clientId => void pond.commands.endSession(clientId, 'no subscriptions today'),
    },
  })
  const alice = pond.client('alice', DURABLE)

  alice.subscribes('a', 1)

  t.strictSame(alice.hears(), ['suback #1 0x1', 'disconnect 0x98', 'closed'])
  t.equal(pond.broker.subscriptions.count, 0)
  t.equal(pond.broker.sessions.count, 0)
})

test('once nothing more is committed, no command is taken and those that wait are refused', async t => {
  const pond = new Pond()
  const waiting = pond.commands.disconnectClient('alice', 'why')
  pond.commands.fail(new Error('the disk is gone'))

  await t.rejects(waiting, /the disk is gone/)
  await t.rejects(pond.commands.clearRetained('#'), /the disk is gone/)
  await t.rejects(publishes(pond, 'a'), /the disk is gone/)
  pond.settles()
})

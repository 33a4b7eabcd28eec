import { test } from 'tap'
import { Pond } from '../pond.ts'
import { DelayingStore } from '../store/delaying-store.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** A pond with a durable subscriber of `a` at QoS 2, whose set-up is committed. */
function pondWithDurableBob() {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 2)
  store.commits()
  store.commits()
  bob.hears()
  return { pond, store, bob }
}

test('CONNACK and SUBACK of a durable session wait for their commit', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const bob = pond.client('bob', DURABLE)

  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['connack 0x0'])

  bob.subscribes('a', 2)
  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['suback #1 0x2'])
})

test('PUBACK, PUBREC and the deliveries of a stored message wait for its commit', async t => {
  const { pond, store, bob } = pondWithDurableBob()
  const alice = pond.client('alice')

  alice.publishes('a', 'one', { qos: 1, packetId: 1 })
  alice.publishes('a', 'two', { qos: 2, packetId: 2 })

  t.strictSame(alice.hears(), [])
  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['puback #1 0x0'])
  t.strictSame(bob.hears(), ['publish a one q1 #1'])
  store.commits()
  t.strictSame(alice.hears(), ['pubrec #2 0x0'])
  t.strictSame(bob.hears(), ['publish a two q2 #2'])
})

test('a transient subscriber gets a stored message no earlier than its commit', async t => {
  const { pond, store } = pondWithDurableBob()
  const carol = pond.client('carol')
  carol.subscribes('a', 1)
  carol.hears()
  const alice = pond.client('alice')

  alice.publishes('a', 'x', { qos: 1 })

  t.strictSame(carol.hears(), [])
  store.commits()
  t.strictSame(carol.hears(), ['publish a x q1 #1'])
})

test('QoS 0 of other sockets does not wait for a commit', async t => {
  const { pond, store } = pondWithDurableBob()
  const alice = pond.client('alice')
  const carol = pond.client('carol')
  const dave = pond.client('dave')
  carol.subscribes('#', 0)
  carol.hears()

  alice.publishes('a', 'stored', { qos: 1 })
  dave.publishes('b', 'light')
  dave.pings()

  t.equal(store.outstanding, 1)
  t.strictSame(carol.hears(), ['publish a stored q0', 'publish b light q0'])
  t.strictSame(dave.hears(), ['pingresp'])
})

test('on one socket nothing overtakes what waits for its commit', async t => {
  const { pond, store } = pondWithDurableBob()
  const alice = pond.client('alice')

  alice.publishes('a', 'x', { qos: 1 })
  alice.pings()

  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['puback #1 0x0', 'pingresp'])
})

test('PUBCOMP waits until the packet identifier is free on disk [D3]', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const alice = pond.client('alice', DURABLE)
  store.commits()
  alice.publishes('a', 'x', { qos: 2, packetId: 7 })
  store.commits()
  alice.hears()

  alice.acknowledges('pubrel', 7)

  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['pubcomp #7 0x0'])
})

test('PUBREL waits until it is on disk that PUBREC came [D5]', async t => {
  const { pond, store, bob } = pondWithDurableBob()
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 2 })
  store.commits()
  bob.hears()

  bob.acknowledges('pubrec', 1)

  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['pubrel #1 0x0'])
})

test('changes that are recorded while a commit is outstanding are one commit, the next', async t => {
  const { pond, store } = pondWithDurableBob()
  const alice = pond.client('alice')
  const before = store.groups.length

  for (const payload of ['1', '2', '3', '4']) alice.publishes('a', payload, { qos: 1 })
  t.equal(store.groups.length, before + 1)
  store.commits()

  t.equal(store.groups.length, before + 2)
  t.strictSame(alice.hears(), ['puback #1 0x0'])
  store.commits()
  t.strictSame(alice.hears(), ['puback #2 0x0', 'puback #3 0x0', 'puback #4 0x0'])
})

test('traffic between transient sessions never touches the store', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const alice = pond.client('alice')
  const bob = pond.client('bob', { acknowledges: true })
  bob.subscribes('a/#', 2)

  for (const qos of [0, 1, 2] as const) alice.publishes('a/b', 'x', { qos })
  bob.receives()
  alice.acknowledges('pubrel', 2)

  t.strictSame(store.groups, [])
})

test('after a failed commit nothing more is sent', async t => {
  const { pond, store, bob } = pondWithDurableBob()
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 1 })

  store.fails(new Error('the disk is gone'))
  alice.pings()

  t.strictSame(
    pond.failures.map(error => error.message),
    ['the disk is gone'],
  )
  t.strictSame(alice.hears(), [])
  t.strictSame(bob.hears(), [])
})

test('one socket is written to once in a turn, and a message is encoded once for all its receivers', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const readers = Array.from({ length: 100 }, (_, index) => pond.client(`reader-${index}`))
  for (const reader of readers) reader.subscribes('a', 0)
  for (const reader of readers) reader.hears()
  const writesBefore = readers.reduce((sum, reader) => sum + reader.wire.writes, 0)
  const encodingsBefore = pond.encoder.encodings

  pond.inOneTurn(() => {
    for (let count = 0; count < 10; count++) alice.publishes('a', `${count}`)
  })

  t.equal(readers.reduce((sum, reader) => sum + reader.wire.writes, 0) - writesBefore, 100)
  t.equal(pond.encoder.encodings - encodingsBefore, 10)
  t.equal(
    readers.every(reader => reader.receives().length === 10),
    true,
  )
})

test('a flushable without room continues after the commit that it waited for, without another event', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { outboxBytesMax: 60 } })
  const alice = pond.client('alice')
  for (const topic of ['a', 'b', 'c']) {
    alice.publishes(topic, 'x'.repeat(50), { qos: 1, retain: true })
    store.commitsAll()
  }
  const bob = pond.client('bob', DURABLE)
  store.commitsAll()
  bob.hears()

  bob.subscribes('#', 0)
  store.commitsAll()
  pond.settles()

  t.strictSame(
    bob.hears().map(sentence => sentence.slice(0, 9)),
    ['suback #1', 'publish a', 'publish b', 'publish c'],
  )
})

test('after it has stopped there is no turn, whatever a commit or a client still brings', async t => {
  const { pond, store, bob } = pondWithDurableBob()
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 1 })
  const turnsBefore = pond.turn.turns

  pond.turn.stop()
  store.commits()
  alice.pings()

  t.strictSame(bob.hears(), [])
  t.strictSame(alice.hears(), [])
  t.equal(pond.turn.turns, turnsBefore)
})

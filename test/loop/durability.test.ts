// The contract of docs/explanation/durability.md, line by line: what is on disk before which packet leaves.

import { test } from 'tap'
import { makeMessage } from '../../src/message.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** A world whose store commits when it is told to. */
function pondWithStore() {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  return { pond, store }
}

/** A durable client with all that it was told by then committed and heard. */
function durable(pond: Pond, store: DelayingStore, clientId: string) {
  const client = pond.client(clientId, DURABLE)
  store.commitsAll()
  client.hears()
  return client
}

test('D1: the message, its deliveries and its retained copy are one commit, and PUBACK waits for it', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 1)
  store.commitsAll()
  bob.vanishes()
  store.commitsAll()
  const alice = pond.client('alice')
  const before = store.groups.length

  alice.publishes('a', 'x', { qos: 1, retain: true })

  t.strictSame(
    store.groups.slice(before).map(group => group.map(({ kind }) => kind)),
    [['message-stored', 'retained-set', 'queued']],
  )
  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['puback #1 0x0'])
})

test('D2: the packet identifier and the message of QoS 2 are one commit, and PUBREC waits for it', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 2)
  store.commitsAll()
  bob.vanishes()
  const alice = durable(pond, store, 'alice')
  const before = store.groups.length

  alice.publishes('a', 'x', { qos: 2, packetId: 7 })

  t.strictSame(
    store.groups.slice(before).map(group => group.map(({ kind }) => kind)),
    [['incoming-opened', 'message-stored', 'queued']],
  )
  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['pubrec #7 0x0'])
})

test('D3: PUBCOMP waits until the identifier is free', async t => {
  const { pond, store } = pondWithStore()
  const alice = durable(pond, store, 'alice')
  alice.publishes('a', 'x', { qos: 2, packetId: 7 })
  store.commitsAll()
  alice.hears()

  alice.acknowledges('pubrel', 7)

  t.strictSame(alice.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['pubcomp #7 0x0'])
})

test('D4: a PUBLISH of QoS 2 waits until its identifier is on disk', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 2)
  store.commitsAll()
  bob.vanishes()
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 2 })
  store.commitsAll()

  const back = pond.client('bob', DURABLE)

  t.strictSame(back.hears(), [])
  store.commits()
  t.strictSame(back.hears(), ['connack 0x0 present', 'publish a x q2 #1'])
})

test('D5: PUBREL waits until it is on disk that PUBREC came', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 2)
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 2 })
  store.commitsAll()
  bob.hears()

  bob.acknowledges('pubrec', 1)

  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['pubrel #1 0x0'])
})

test('D6: CONNACK waits for the session, for its will, and for the end of the session it replaces', async t => {
  const { pond, store } = pondWithStore()
  const bob = pond.client('bob', DURABLE)
  t.strictSame(bob.hears(), [])
  store.commitsAll()
  t.strictSame(bob.hears(), ['connack 0x0'])

  const clean = pond.client('bob', { cleanStart: true })
  t.strictSame(clean.hears(), [])
  store.commitsAll()
  t.strictSame(clean.hears(), ['connack 0x0'])

  const mourned = pond.client('carol', { will: { topic: 'w', payload: 'gone' } })
  t.strictSame(mourned.hears(), [])
  store.commitsAll()
  t.strictSame(mourned.hears(), ['connack 0x0'])
})

test('D7: SUBACK and UNSUBACK of a durable session wait for their commit', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')

  bob.subscribes('a', 1)
  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['suback #1 0x1'])

  bob.unsubscribes('a')
  t.strictSame(bob.hears(), [])
  store.commits()
  t.strictSame(bob.hears(), ['unsuback #2 0x0'])
})

test('D8: a stored message of QoS 1 or 2 is sent only after its commit, QoS 0 at once', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 1)
  store.commitsAll()
  const carol = pond.client('carol')
  const dave = pond.client('dave')
  carol.subscribes('a', 2)
  dave.subscribes('a', 0)
  carol.hears()
  dave.hears()
  bob.hears()

  pond.client('alice').publishes('a', 'x', { qos: 2 })

  t.strictSame([bob.hears(), carol.hears(), dave.hears()], [[], [], ['publish a x q0']])
  store.commits()
  t.strictSame([bob.hears(), carol.hears()], [['publish a x q1 #1'], ['publish a x q2 #1']])
})

test('D9: nothing waits for the commit of a PUBACK from a subscriber', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 1)
  const alice = pond.client('alice')
  alice.publishes('a', 'x', { qos: 1 })
  store.commitsAll()
  bob.hears()

  bob.acknowledges('puback', 1)
  bob.pings()

  t.equal(store.outstanding, 1)
  t.strictSame(bob.hears(), ['pingresp'])
})

test('a full disk refuses what must be stored with 0x97, and lets go on what makes room', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 1)
  store.commitsAll()
  const alice = pond.client('alice')
  alice.publishes('a', 'before', { qos: 1, packetId: 1 })
  store.commitsAll()
  alice.hears()
  bob.hears()
  const before = store.groups.length
  store.isFull = true

  alice.publishes('a', 'x', { qos: 1, packetId: 2 })
  alice.publishes('a', 'x', { qos: 2, packetId: 3 })
  alice.publishes('other', 'x', { qos: 1, packetId: 4 })
  alice.publishes('r', 'x', { qos: 1, packetId: 5, retain: true })

  t.strictSame(alice.hears(), [
    'puback #2 0x97',
    'pubrec #3 0x97',
    'puback #4 0x10',
    'puback #5 0x97',
  ])
  t.equal(pond.broker.statistics.publishesRefused, 3)
  t.equal(store.groups.length, before)

  bob.acknowledges('puback', 1)
  t.strictSame(
    store.groups.at(-1)?.map(({ kind }) => kind),
    ['settled'],
  )
  store.commitsAll()

  store.isFull = false
  alice.publishes('a', 'after', { qos: 1, packetId: 6 })
  store.commitsAll()
  t.strictSame(alice.hears(), ['puback #6 0x0'])
  t.strictSame(bob.hears(), ['publish a after q1 #2'])
})

test('while the disk is full a client of MQTT 3.1.1 is not told that its message is stored: its connection ends', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.subscribes('a', 1)
  store.commitsAll()
  const alice = pond.client('alice', { version: 4 })
  alice.hears()
  store.isFull = true

  alice.publishes('a', 'x', { qos: 1 })

  t.strictSame(alice.hears(), ['closed'])
  t.equal(pond.broker.statistics.publishesRefused, 1)
  t.equal(pond.broker.statistics.protocolErrors, 0)
})

test('while the disk is full no new session is stored, and known ones come back', async t => {
  const { pond, store } = pondWithStore()
  const bob = durable(pond, store, 'bob')
  bob.disconnects()
  store.commitsAll()
  store.isFull = true

  const carol = pond.client('carol', DURABLE)
  const back = pond.client('bob', DURABLE)
  store.commitsAll()
  back.subscribes('a', 1)

  t.match(carol.greeting, { type: 'connack', reason: 0x97 })
  t.strictSame(carol.hears(), ['closed'])
  t.strictSame(back.hears(), ['connack 0x0 present', 'suback #1 0x97'])
})

test('a clean start of a transient client without a session or a will waits for no commit', async t => {
  const { pond, store } = pondWithStore()
  t.match(pond.client('carol').greeting, { type: 'connack', reason: 0 })
  t.strictSame(store.groups, [])
})

test('D1: a second clearing of a retained topic is acknowledged only after the commit of the first', async t => {
  const { pond, store } = pondWithStore()
  const alice = pond.client('alice')
  const carol = pond.client('carol')
  alice.publishes('a', 'x', { qos: 1, packetId: 1, retain: true })
  store.commitsAll()
  alice.hears()

  alice.publishes('a', '', { qos: 1, packetId: 2, retain: true })
  carol.publishes('a', '', { qos: 1, packetId: 1, retain: true })

  t.strictSame([alice.hears(), carol.hears()], [[], []])
  store.commitsAll()
  t.strictSame(carol.hears(), ['puback #1 0x10'])
})

test('D6: a second clean start is not confirmed before the end of the session is committed', async t => {
  const { pond, store } = pondWithStore()
  durable(pond, store, 'bob').vanishes()
  store.commitsAll()

  pond.client('bob').vanishes()
  const again = pond.client('bob')

  t.strictSame(again.hears(), [])
  store.commitsAll()
  t.strictSame(again.hears(), ['connack 0x0'])
})

test('a will is due at the same time however often the broker is started meanwhile', async t => {
  const store = new MemoryStore()
  const will = { topic: 'w', payload: 'gone', properties: { willDelayInterval: 100 } }
  const first = new Pond({ store, snapshot: await store.open() })
  first.client('carol', { ...DURABLE, will }).vanishes()
  await store.close()
  const second = new Pond({ store, snapshot: await store.open(), now: first.now + 40_000 })
  second.settles()
  await store.close()
  const third = new Pond({ store, snapshot: await store.open(), now: first.now + 80_000 })
  const bob = third.client('bob')
  bob.subscribes('w')
  bob.hears()

  third.passes({ seconds: 19 })
  t.strictSame(bob.hears(), [])
  third.passes({ seconds: 2 })
  t.strictSame(bob.hears(), ['publish w gone q0'])
})

test('what a transaction publishes waits for its commit at every QoS, also what it retains, and no other message overtakes it', async t => {
  const { pond, store } = pondWithStore()
  const bob = pond.client('bob')
  bob.subscribes('a/#')
  const carol = pond.client('carol', { acknowledges: true })
  carol.subscribes('a/#', 1)
  const dave = pond.client('dave')
  for (const client of [bob, carol]) client.hears()
  const publishes = (topic: string, qos: 0 | 1, retain = false): void => {
    const said = { payload: Buffer.from('x'), qos, retain, properties: {} }
    pond.broker.publishing.publish(makeMessage(said, topic, 'alice', pond.broker))
  }

  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.withinTransaction(() => {
      pond.journal.record({ kind: 'session-ended', clientId: 'nobody' })
      publishes('a/0', 0)
      publishes('a/1', 1)
      publishes('a/retained', 0, true)
    })
  })
  pond.client('alice').publishes('a/later', 'x')
  dave.subscribes('a/retained')

  t.strictSame([bob.hears(), carol.hears(), dave.hears()], [[], [], ['suback #1 0x0']])
  store.commits()
  const whole = ['publish a/0 x q0', 'publish a/1 x q0', 'publish a/retained x q0']
  t.strictSame(bob.hears(), [...whole, 'publish a/later x q0'])
  t.strictSame(carol.hears(), [
    'publish a/0 x q0',
    'publish a/1 x q1 #1',
    'publish a/retained x q0',
    'publish a/later x q0',
  ])
  t.strictSame(dave.hears(), ['publish a/retained x q0 retain'])
})

test('what waits for the commit of a transaction at QoS 0 is within the bound of the outbox, and what exceeds it is counted', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { outboxBytesMax: 1_024 } })
  const bob = pond.client('bob')
  bob.subscribes('a')
  bob.hears()

  pond.inOneTurn(() => {
    pond.turn.begin()
    pond.broker.withinTransaction(() => {
      pond.journal.record({ kind: 'session-ended', clientId: 'nobody' })
      for (let sent = 0; sent < 4; sent++) {
        const said = { payload: Buffer.alloc(600), qos: 0, retain: false, properties: {} } as const
        pond.broker.publishing.publish(makeMessage(said, 'a', 'alice', pond.broker))
      }
    })
  })

  t.equal(pond.broker.statistics.dropped['outbox-full'], 2)
  store.commits()
  t.equal(bob.receives().length, 2)
})

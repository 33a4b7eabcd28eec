// Rights that were taken away, on every way that a message can go.

import { test } from 'tap'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { RuledPond } from './ruled-pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const USERS = ['alice', 'bob', 'carol']
const OPEN = 'pattern readwrite #\n'
const open = { rules: OPEN, users: USERS }
const bobMayNotRead = { rules: `${OPEN}user bob\ntopic deny jobs/#\n`, users: USERS }

/** What bob hears as he comes back to his session. */
function bobHears(pond: RuledPond): readonly string[] {
  const again = pond.stranger('b', { username: 'bob', ...DURABLE })
  again.connects()
  return again.hears()
}

function payloads(messages: readonly { readonly payload: Buffer }[]): readonly string[] {
  return messages.map(({ payload }) => payload.toString())
}

test('a retained message is delivered only while its publisher may publish there', async t => {
  const pond = new RuledPond(open)
  const alice = pond.client('a', { username: 'alice' })
  alice.publishes('news/1', 'old', { retain: true, qos: 1 })
  alice.publishes('other', 'other', { retain: true, qos: 1 })
  alice.disconnects()
  const hears = (clientId: string) => {
    const reader = pond.client(clientId, { username: 'bob' })
    reader.subscribes('#')
    return payloads(reader.receivesMessages())
  }
  t.strictSame(hears('1').toSorted(), ['old', 'other'])

  pond.changes({ rules: `${OPEN}user alice\ntopic deny news/#\n`, users: USERS })
  t.strictSame(hears('2'), ['other'])
  t.equal(pond.broker.statistics.dropped['author-lost-right'], 1)

  pond.changes(open)
  t.strictSame(hears('3').toSorted(), ['old', 'other'], 'it was not removed')

  pond.changes({ rules: OPEN, users: ['bob'] })
  t.strictSame(hears('4'), [], 'the user is gone')
})

test('the publisher of a retained message is known after a restart', async t => {
  const store = new MemoryStore()
  const first = new RuledPond(open, { store })
  const alice = first.client('a', { username: 'alice' })
  alice.publishes('news', 'old', { retain: true, qos: 1 })
  const bob = first.client('b', {
    username: 'bob',
    will: { topic: 'state', payload: 'gone', retain: true },
  })
  bob.vanishes()
  const snapshot = await store.open()

  const later = new RuledPond({ rules: OPEN, users: ['carol', 'bob'] }, { store, snapshot })
  const reader = later.client('c', { username: 'carol' })
  reader.subscribes('#')

  t.strictSame(payloads(reader.receivesMessages()), ['gone'])
  later.changes({ rules: OPEN, users: ['carol'] })
  reader.subscribes('+')
  t.strictSame(payloads(reader.receivesMessages()), [], 'a will has a publisher as well')
})

test('a member that loses its right leaves its share group, and the others get what comes', async t => {
  const pond = new RuledPond(open)
  const bob = pond.client('b', { username: 'bob', ...DURABLE })
  const carol = pond.client('c', { username: 'carol', acknowledges: true, ...DURABLE })
  bob.subscribes('$share/g/jobs/#', 1)
  bob.subscribes('jobs/own', 1)
  const alice = pond.client('a', { username: 'alice' })
  alice.publishes('jobs/1', 'one', { qos: 1 })
  t.strictSame(payloads(bob.receivesMessages()), ['one'])
  carol.subscribes('$share/g/jobs/#', 1)

  pond.changes(bobMayNotRead)
  for (let count = 2; count < 6; count++) alice.publishes('jobs/x', `${count}`, { qos: 1 })

  t.strictSame(payloads(bob.receivesMessages()), [])
  t.strictSame(payloads(carol.receivesMessages()).toSorted(), ['2', '3', '4', '5'])
  t.equal(pond.broker.statistics.subscriptionsRevoked, 1)
  t.equal(
    pond.broker.sessions.get('b')?.subscriptions.has('jobs/own'),
    true,
    'SUBSCRIBE is granted',
  )
})

test('a subscription that is not allowed any more is removed, of those that are away as well', async t => {
  const pond = new RuledPond(open)
  const told: string[] = []
  pond.broker.faults.observers.add({
    subscriptionRevoked: (clientId, filter, rule) => told.push(`${clientId} ${filter} ${rule}`),
  })
  const bob = pond.client('b', { username: 'bob', ...DURABLE })
  bob.subscribes('jobs/#', 1)
  bob.subscribes('home', 1)
  const away = pond.client('away', { username: 'bob', ...DURABLE })
  away.subscribes('jobs/+', 1)
  away.vanishes()

  pond.changes({ rules: `${OPEN}user bob\nsubscribe deny jobs/#\n`, users: USERS })

  t.strictSame(told.toSorted(), ['away jobs/+ rules:3', 'b jobs/# rules:3'])
  t.strictSame([...(pond.broker.sessions.get('b')?.subscriptions.keys() ?? [])], ['home'])
})

test('nothing is queued for a user that is gone, and its session waits for the user', async t => {
  const pond = new RuledPond(open)
  const bob = pond.client('b', { username: 'bob', ...DURABLE })
  bob.subscribes('jobs/#', 1)
  bob.subscribes('$share/g/jobs/#', 1)
  bob.vanishes()
  const alice = pond.client('a', { username: 'alice' })
  alice.publishes('jobs/1', 'before', { qos: 1 })

  pond.changes({ rules: OPEN, users: ['alice'] })
  alice.publishes('jobs/2', 'while gone', { qos: 1 })
  t.strictSame(bobHears(pond), ['connack 0x86', 'closed'])
  pond.changes(open)

  t.strictSame(bobHears(pond), ['connack 0x0 present', 'publish jobs/1 before q1 #1'])
  t.equal(
    pond.broker.subscriptions.groups.find({ shareName: 'g', topicFilter: 'jobs/#' }).memberCount,
    0,
  )
})

test('a thousand queued messages are not delivered once the right is gone', async t => {
  const pond = new RuledPond(open)
  const bob = pond.client('b', { username: 'bob', ...DURABLE })
  bob.subscribes('jobs/#', 1)
  bob.vanishes()
  const alice = pond.client('a', { username: 'alice' })
  for (let count = 0; count < 1_000; count++) alice.publishes('jobs/x', `${count}`, { qos: 1 })

  pond.changes({
    rules: `${OPEN}user bob\ntopic deny jobs/#\nsubscribe deny jobs/#\n`,
    users: USERS,
  })

  t.strictSame(bobHears(pond), ['connack 0x0 present'])
  t.equal(pond.broker.statistics.dropped['no-right-to-receive'], 1_000)
  t.equal(pond.broker.sessions.get('b')?.subscriptions.size, 0)
})

test('a message of QoS 2 that a publisher began while it had the right is routed once, and the next is refused', async t => {
  const pond = new RuledPond(open)
  const carol = pond.client('c', { username: 'carol', acknowledges: true })
  carol.subscribes('jobs/#', 2)
  carol.receives()
  const bob = pond.client('b', { username: 'bob' })
  const packetId = bob.publishes('jobs/1', 'begun', { qos: 2 })
  t.strictSame(payloads(carol.receivesMessages()), ['begun'])

  pond.changes({ rules: `${OPEN}user bob\ntopic deny jobs/#\n`, users: USERS })
  bob.publishes('jobs/1', 'begun', { qos: 2, packetId, duplicate: true })
  bob.acknowledges('pubrel', packetId)
  bob.publishes('jobs/1', 'next', { qos: 2 })

  t.strictSame(bob.hears().slice(-2), [`pubcomp #${packetId} 0x0`, 'pubrec #2 0x87'])
  t.strictSame(payloads(carol.receivesMessages()), [])
})

test('a will is published only by who has the right when it is due', async t => {
  const closed = { rules: `${OPEN}user bob\ntopic deny last/#\n`, users: USERS }
  const store = new MemoryStore()
  const pond = new RuledPond(open, { store })
  const carol = pond.client('c', { username: 'carol' })
  carol.subscribes('last/#')
  carol.receives()
  const will = { topic: 'last/words', payload: 'bye' }
  const bob = pond.client('b1', { username: 'bob', will })
  const delayed = { ...will, properties: { willDelayInterval: 60 } }
  const late = pond.client('b2', { username: 'bob', will: delayed, ...DURABLE })
  pond.client('b3', { username: 'bob', will, ...DURABLE })
  late.vanishes()

  pond.changes(closed)
  bob.vanishes()
  pond.passes({ seconds: 61 })

  t.strictSame(payloads(carol.receivesMessages()), [])
  t.equal(pond.broker.statistics.dropped['not-authorized'], 2)
  const later = new RuledPond(closed, { store, snapshot: await store.open() })
  t.equal(
    later.broker.statistics.dropped['not-authorized'],
    1,
    'the will of who was here at the end',
  )
  t.equal(later.broker.statistics.willsPublished, 0)
})

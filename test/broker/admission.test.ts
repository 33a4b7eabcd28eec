// Nobody publishes, leaves a will or is sent anything without the right to, whichever way it goes; and a session is its user's.

import { test } from 'tap'
import type { Access, Credentials, Verdict } from '../../src/access/access.ts'
import type { Identity } from '../../src/access/identity.ts'
import type { Permissions } from '../../src/access/permissions.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Snapshot } from '../../src/store/store.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** Users by name, with what they may publish to and receive. Rules change as a test goes on. */
class Users implements Access {
  readonly closed = new Set<string>()
  readonly unreadable = new Set<string>()
  readonly gone = new Set<string>()
  /** Everybody whose rights were asked for without a connection. */
  readonly askedFor: Identity[] = []

  authenticate({ username }: Credentials): Verdict {
    if (username === null || this.gone.has(username))
      return { kind: 'refused', reason: 0x86, sentence: 'no such user' }
    return { kind: 'allowed', permissions: this.#rights, authentication: 'password' }
  }

  beginExchange(): null {
    return null
  }

  permissionsOf(identity: Identity): Permissions | null {
    this.askedFor.push(identity)
    const { username } = identity
    return username === null || this.gone.has(username) ? null : this.#rights
  }

  get #rights(): Permissions {
    return {
      mayPublish: topic => !this.closed.has(topic),
      maySubscribe: filter => !this.closed.has(filter),
      mayReceive: topic => !this.unreadable.has(topic),
    }
  }
}

function user(username: string) {
  return { ...DURABLE, username }
}

/** The broker is gone without a word; another one goes on with its store. */
async function pondAfter(store: MemoryStore, pond: Pond, access?: Access): Promise<Pond> {
  await store.close()
  const snapshot = await store.open()
  return new Pond({ store, snapshot, now: pond.now, ...(access !== undefined && { access }) })
}

function returns(pond: Pond, clientId: string, username: string): readonly string[] {
  const client = pond.stranger(clientId, user(username))
  client.connects()
  return client.hears()
}

for (const version of [3, 4, 5] as const) {
  test(`a client of version ${version} publishes nothing in the broker's own trees`, async t => {
    const pond = new Pond()
    const watcher = pond.client('watcher')
    watcher.subscribes('$SYS/#')
    watcher.subscribes('$share/g/$SYS/#')
    watcher.hears()
    const client = pond.client('a', { version })

    client.publishes('$SYS/broker/uptime', 'x')
    client.publishes('$SYS', 'x', { qos: 1, packetId: 1 })
    client.publishes('$CONTROL/broker', 'x', { qos: 2, packetId: 2, retain: true })
    client.publishes('$share/g/a', 'x', { qos: 1, packetId: 3 })

    const refusal = version === 5 ? '0x87' : '0x0'
    t.strictSame(client.hears(), [
      `puback #1 ${refusal}`,
      `pubrec #2 ${refusal}`,
      `puback #3 ${refusal}`,
    ])
    t.equal(pond.broker.statistics.publishesRefused, 4)
    t.strictSame(watcher.hears(), [])
    t.equal(pond.broker.retainedCount, 0)
  })
}

for (const [version, refusal] of [
  [4, 'connack 0x87'],
  [5, 'connack 0x87'],
] as const) {
  test(`a client of version ${version} leaves no will that it could not publish`, async t => {
    const access = new Users()
    access.closed.add('w')
    const pond = new Pond({ access })

    for (const topic of ['w', '$SYS/broker/w', '$CONTROL/w']) {
      const client = pond.stranger('a', { version, username: 'alice', will: { topic } })
      client.connects()
      t.strictSame(client.hears(), [refusal, 'closed'], topic)
    }

    t.equal(pond.broker.sessions.count, 0)
    t.equal(pond.broker.statistics.willsPublished, 0)
  })
}

test('a will whose payload is not the UTF-8 it is said to be is refused with its CONNECT', async t => {
  const pond = new Pond()
  const client = pond.stranger('a')
  const will = {
    topic: 'w',
    payload: Buffer.from([0xff]),
    qos: 0,
    retain: false,
    properties: { payloadFormatIndicator: 1 },
  } as const
  client.says({
    type: 'connect',
    version: 5,
    cleanStart: true,
    keepAliveSeconds: 60,
    clientId: 'a',
    username: null,
    password: null,
    will,
    properties: {},
  })

  t.strictSame(client.hears(), ['connack 0x99', 'closed'])
})

test('a client without the right is refused by SUBACK, and gets no message', async t => {
  const access = new Users()
  access.closed.add('secret')
  const pond = new Pond({ access })
  const modern = pond.client('a', { username: 'alice' })
  const old = pond.client('b', { username: 'bob', version: 4 })

  for (const filter of ['secret', '$share/g/secret']) {
    modern.subscribes(filter, 1)
    old.subscribes(filter, 1)
  }

  t.strictSame(modern.hears(), ['suback #1 0x87', 'suback #2 0x87'])
  t.strictSame(old.hears(), ['suback #1 0x80', 'suback #2 0x80'])
  t.equal(pond.broker.subscriptions.count, 0)
  t.equal(pond.broker.statistics.subscribesRefused, 4)
})

for (const isGone of [false, true]) {
  test(`a will that outlives the broker is published by the rights of now: ${isGone ? 'its user is gone' : 'its topic is closed'}`, async t => {
    const store = new MemoryStore()
    const access = new Users()
    const before = new Pond({ store, access })
    before.client('watcher', user('bob')).subscribes('w/#', 1)
    before.client('a', { username: 'alice', will: { topic: 'w/short', payload: 'x', qos: 1 } })
    const delayed = { topic: 'w/delayed', qos: 1, properties: { willDelayInterval: 60 } } as const
    before.client('b', { ...user('alice'), will: delayed })

    if (isGone) access.gone.add('alice')
    else for (const topic of ['w/short', 'w/delayed']) access.closed.add(topic)
    const pond = await pondAfter(store, before, access)
    pond.passes({ seconds: 100 })

    t.strictSame(returns(pond, 'watcher', 'bob'), ['connack 0x0 present'])
    t.equal(pond.broker.statistics.willsPublished, 0)
    t.equal(pond.broker.statistics.dropped['not-authorized'], 2)
  })
}

test('a will in one of the broker’s own trees that an older version let in is not published', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('watcher', DURABLE).subscribes('$CONTROL/#', 1)
  before.journal.record({
    kind: 'will-set',
    clientId: 'a',
    will: { topic: '$CONTROL/x', payload: Buffer.from('x'), qos: 1, retain: false, properties: {} },
  })
  before.turn.begin()
  before.settles()

  const pond = await pondAfter(store, before)

  t.equal(pond.broker.statistics.dropped['not-authorized'], 1)
  const watcher = pond.stranger('watcher', DURABLE)
  watcher.connects()
  t.strictSame(watcher.hears(), ['connack 0x0 present'])
})

for (const version of [4, 5] as const) {
  test(`another user with the client id of a session of version ${version} is refused, and its owner hears nothing of it`, async t => {
    const access = new Users()
    const pond = new Pond({ access })
    const watcher = pond.client('watcher', { username: 'bob' })
    watcher.subscribes('w')
    watcher.hears()
    const will = { topic: 'w', payload: 'x' }
    const alice = pond.client('a', { ...user('alice'), version, will })
    alice.subscribes('t', 1)
    alice.hears()

    for (const cleanStart of [true, false]) {
      const mallory = pond.stranger('a', { ...user('mallory'), version, cleanStart })
      mallory.connects()
      t.strictSame(mallory.hears(), ['connack 0x87', 'closed'])
    }
    watcher.publishes('t', 'for alice', { qos: 1, packetId: 9 })

    t.strictSame(watcher.hears(), ['puback #9 0x0'], 'no will')
    t.strictSame(alice.hears(), ['publish t for alice q1 #1'])
    t.equal(pond.broker.statistics.sessionsTakenOver, 0)
    alice.vanishes()
    t.match(returns(pond, 'a', 'mallory'), ['connack 0x87', 'closed'])
    t.match(returns(pond, 'a', 'alice')[0], 'connack 0x0 present')
  })
}

test('a will that outlives the broker is published when its user may, by the identity that was stored', async t => {
  const store = new MemoryStore()
  const access = new Users()
  const before = new Pond({ store, access })
  before.client('watcher', user('bob')).subscribes('w', 1)
  before.client('a', { username: 'alice', will: { topic: 'w', payload: 'gone', qos: 1 } })

  const pond = await pondAfter(store, before, access)

  t.strictSame(returns(pond, 'watcher', 'bob'), ['connack 0x0 present', 'publish w gone q1 #1'])
  const alice = access.askedFor.find(({ clientId }) => clientId === 'a')
  t.match(alice, { username: 'alice', authentication: 'password' })
})

test('a session stays its user’s when the broker starts again', async t => {
  const store = new MemoryStore()
  const access = new Users()
  const before = new Pond({ store, access })
  before.client('a', user('alice')).subscribes('t', 1)

  const pond = await pondAfter(store, before, access)

  t.strictSame(returns(pond, 'a', 'mallory'), ['connack 0x87', 'closed'])
  t.strictSame(returns(pond, 'a', 'alice'), ['connack 0x0 present'])
})

test('a session from before there were users is adopted by the first of them, and is that user’s from then on', async t => {
  const store = new MemoryStore()
  const access = new Users()
  const before = new Pond({ store })
  before.client('a', DURABLE).subscribes('t', 1)

  const between = await pondAfter(store, before, access)
  t.strictSame(returns(between, 'a', 'alice'), ['connack 0x0 present'])
  t.strictSame(returns(between, 'a', 'mallory'), ['connack 0x87', 'closed'])

  const pond = await pondAfter(store, between, access)
  t.strictSame(returns(pond, 'a', 'mallory'), ['connack 0x87', 'closed'])
  t.strictSame(returns(pond, 'a', 'alice'), ['connack 0x0 present'])
})

test('messages for a client that is away after a restart are checked by its rights of now', async t => {
  const store = new MemoryStore()
  const access = new Users()
  const before = new Pond({ store, access })
  before.client('a', user('alice')).subscribes('t/#', 1)
  before.client('b', user('gone')).subscribes('t/#', 1)

  const pond = await pondAfter(store, before, access)
  access.unreadable.add('t/closed')
  access.gone.add('gone')
  const publisher = pond.client('p', { username: 'bob' })
  publisher.publishes('t/closed', 'x', { qos: 1 })
  publisher.publishes('t/open', 'x', { qos: 1 })

  t.strictSame(returns(pond, 'a', 'alice'), ['connack 0x0 present', 'publish t/open x q1 #1'])
})

test('messages for an unknown user wait for that user, and for nobody else', async t => {
  const store = new MemoryStore()
  const access = new Users()
  const before = new Pond({ store, access })
  before.client('a', user('alice')).subscribes('t', 1)
  access.gone.add('alice')

  const pond = await pondAfter(store, before, access)
  pond.client('p', { username: 'bob' }).publishes('t', 'x', { qos: 1 })

  t.strictSame(returns(pond, 'a', 'mallory'), ['connack 0x87', 'closed'])
  t.strictSame(returns(pond, 'a', 'alice'), ['connack 0x86', 'closed'])
  access.gone.clear()
  t.strictSame(returns(pond, 'a', 'alice'), ['connack 0x0 present', 'publish t x q1 #1'])
})

test('a client that authenticates again on its connection remains the same user', async t => {
  const names = ['alice', 'alice', 'mallory']
  const verdict = (): Verdict => ({
    kind: 'allowed',
    permissions: { mayPublish: () => true, maySubscribe: () => true },
    username: names.shift() ?? null,
  })
  const access: Access = {
    authenticate: verdict,
    beginExchange: () => ({ step: verdict }),
    permissionsOf: () => null,
  }
  const pond = new Pond({ access })
  const client = pond.client('a', { properties: { authenticationMethod: 'm' } })
  const again = { type: 'auth', reason: 0x19, properties: { authenticationMethod: 'm' } } as const

  client.says(again)
  t.match(client.hears(), [/^auth 0x0/])
  client.says(again)
  t.match(client.hears(), [/^disconnect 0x87/, 'closed'])
})

test('a message that a client may not receive does not reach it: at once, retained, from its queue, in flight', async t => {
  const access = new Users()
  const pond = new Pond({ access })
  const publisher = pond.client('p', { username: 'bob' })
  publisher.publishes('t/closed', 'retained', { retain: true })
  publisher.publishes('t/open', 'retained', { retain: true })
  access.unreadable.add('t/closed')

  const alice = pond.client('a', user('alice'))
  alice.subscribes('t/#', 2)
  t.strictSame(alice.hears(), ['suback #1 0x2', 'publish t/open retained q0 retain'])
  for (const qos of [0, 1, 2] as const) publisher.publishes('t/closed', 'live', { qos })
  publisher.publishes('t/open', 'live')
  t.strictSame(alice.hears(), ['publish t/open live q0'])

  access.unreadable.clear()
  publisher.publishes('t/closed', 'in flight', { qos: 1 })
  publisher.publishes('t/open', 'in flight', { qos: 1 })
  t.strictSame(alice.hears(), [
    'publish t/closed in flight q1 #1',
    'publish t/open in flight q1 #2',
  ])
  alice.vanishes()
  publisher.publishes('t/closed', 'queued', { qos: 1 })
  publisher.publishes('t/open', 'queued', { qos: 1 })
  access.unreadable.add('t/closed')

  t.strictSame(returns(pond, 'a', 'alice'), [
    'connack 0x0 present',
    'publish t/open in flight q1 #2 dup',
    'publish t/open queued q1 #3',
  ])
  t.equal(pond.broker.statistics.dropped['no-right-to-receive'], 6)
})

test('a share group hands nothing to a member that may not receive it', async t => {
  const access: Access = {
    authenticate: ({ username }) => ({
      kind: 'allowed',
      authentication: 'password',
      permissions: {
        mayPublish: () => true,
        maySubscribe: () => true,
        ...(username === 'mallory' && { mayReceive: topic => topic !== 't/closed' }),
      },
    }),
    beginExchange: () => null,
    permissionsOf: () => null,
  }
  const pond = new Pond({ access })
  const mallory = pond.client('m', { username: 'mallory', acknowledges: true })
  mallory.subscribes('$share/g/t/#', 1)
  mallory.hears()
  const publisher = pond.client('p', { username: 'bob' })

  publisher.publishes('t/closed', '1', { qos: 1 })
  publisher.publishes('t/closed', '2')
  publisher.publishes('t/open', '3', { qos: 1 })

  t.strictSame(mallory.hears(), ['publish t/open 3 q1 #1'])
  t.equal(pond.broker.statistics.dropped['no-right-to-receive'], 2)
})

test('a share group keeps for its worker what a stranger may not receive', async t => {
  const access: Access = {
    authenticate: ({ username }) => ({
      kind: 'allowed',
      authentication: 'password',
      permissions: {
        mayPublish: () => true,
        maySubscribe: () => true,
        ...(username === 'mallory' && { mayReceive: () => false }),
      },
    }),
    beginExchange: () => null,
    permissionsOf: () => null,
  }
  const pond = new Pond({ access })
  const mine = { username: 'alice', cleanStart: false }
  const worker = pond.client('w', {
    ...mine,
    properties: { sessionExpiryInterval: 60, receiveMaximum: 1 },
  })
  worker.subscribes('$share/g/t/#', 1)
  worker.hears()
  const mallory = pond.client('m', { username: 'mallory', acknowledges: true })
  mallory.subscribes('$share/g/t/#', 1)
  mallory.hears()
  const publisher = pond.client('p', { username: 'bob' })

  for (const payload of ['1', '2']) publisher.publishes('t/a', payload, { qos: 1 })
  t.strictSame(worker.hears(), ['publish t/a 1 q1 #1'], 'the worker is busy')
  worker.vanishes()
  publisher.publishes('t/a', '3', { qos: 1 })

  const again = pond.stranger('w', { ...mine, acknowledges: true })
  again.connects()
  t.strictSame(again.hears().slice(1), [
    'publish t/a 1 q1 #2',
    'publish t/a 2 q1 #3',
    'publish t/a 3 q1 #4',
  ])
  t.strictSame(mallory.hears(), [])
  t.equal(pond.broker.statistics.dropped['no-right-to-receive'], 0)
})

test('$SYS messages of the broker are delivered as any message, and are not stored', async t => {
  const store = new MemoryStore()
  const published: string[] = []
  const pond = new Pond({ store, observer: { published: ({ topic }) => published.push(topic) } })
  const client = pond.client('a')
  client.subscribes('$SYS/#', 1, { properties: { subscriptionIdentifiers: [7] } })
  client.hears()

  pond.turn.begin()
  pond.broker.publishing.announce('$SYS/broker/x', 'one')
  pond.settles()

  const [message] = client.receivesMessages()
  t.match(message, { topic: '$SYS/broker/x', qos: 0, retain: false })
  t.strictSame(message?.properties.subscriptionIdentifiers, [7])
  t.strictSame(published, ['$SYS/broker/x'])
  t.equal(pond.broker.retainedCount, 0)
  await store.close()
  const snapshot: Snapshot = await store.open()
  t.strictSame(snapshot.retained, [])
  const late = pond.client('b')
  late.subscribes('$SYS/broker/x')
  t.strictSame(late.hears(), ['suback #1 0x0', 'publish $SYS/broker/x one q0 retain'])
})

test('a PUBLISH that reaches the admission names a topic: the decoder has refused all else, with an alias too', async t => {
  const pond = new Pond()
  const { admission } = pond.broker
  const asked: string[] = []
  const publishDecoded = admission.publishDecoded.bind(admission)
  admission.publishDecoded = (said, topic, asker) => {
    asked.push(topic)
    return publishDecoded(said, topic, asker)
  }

  for (const version of [3, 4, 5] as const) {
    for (const topic of ['', '#', 'a/#', '+', 'a/+/b', 'a+', 'a\0b']) {
      pond.client('a', { version }).publishes(topic, 'x')
      const properties = { topicAlias: 1 }
      const client = pond.client('a', { version })
      client.publishes(topic, 'x', { properties })
      client.publishes('', 'x', { properties })
    }
  }
  pond.client('a').publishes('a', 'x')

  t.strictSame(asked, ['a'])
})

test('the topic of a program or will is checked for form before it is checked for reserved trees', async t => {
  const { admission } = new Pond().broker
  const said = { payload: Buffer.alloc(0), qos: 0, retain: false, properties: {} } as const
  const asker = {
    clientId: null,
    permissions: { mayPublish: () => false, maySubscribe: () => false },
    identity: null,
  }
  const malformed = { kind: 'malformed', reason: 0x90 }
  const refused = { kind: 'refused', reason: 0x87 }

  t.match(admission.publish(said, '$SYS/#', asker), malformed)
  t.match(admission.will({ ...said, topic: '$SYS/#' }, asker), malformed)
  t.match(admission.form(said, ''), malformed)
  t.match(admission.publish(said, '$SYS/a', asker), refused)
  t.match(admission.will({ ...said, topic: 'a' }, asker), refused)
})

test('a will that a new limit forbids is dropped with a reason of its own', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  before.client('watcher', DURABLE).subscribes('#', 1)
  before.client('a', { will: { topic: 'a/b/c/d/e', payload: 'x', qos: 1 } })
  before.settles()

  await store.close()
  const snapshot = await store.open()
  const pond = new Pond({ store, snapshot, now: before.now, limits: { topicLevelsMax: 3 } })

  t.equal(pond.broker.statistics.dropped['will-refused'], 1)
  t.equal(pond.broker.statistics.dropped['not-authorized'], 0)
  t.equal(pond.broker.statistics.willsPublished, 0)
})

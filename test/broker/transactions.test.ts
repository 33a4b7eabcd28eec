import { test } from 'tap'
import { NO_PROPERTIES, type Properties } from '../../src/packet/packet.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import type { Limits } from '../../src/limits.ts'
import { PROGRAM } from '../../src/broker/admission.ts'
import { queueDefaults } from '../../src/routing/queue-settings.ts'
import { Pond } from '../pond.ts'
import { type PondClient, sentenceOf } from '../pond-client.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import { NOTHING_KEPT } from '../session/nothing-kept.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } } as const

function within(id: string): { readonly properties: Properties } {
  return { properties: { userProperties: [['$tx', id]] } }
}

/** What the client hears, with the sentences of refusals. */
function answersTo(client: PondClient): readonly string[] {
  return client.receives().map(packet => {
    const isAnswer = packet.type === 'puback' || packet.type === 'pubrec'
    const said = isAnswer ? (packet.properties.reasonString ?? '') : ''
    return `${sentenceOf(packet)} ${said}`.trim()
  })
}

/** Stages the texts for the topic `a`, and commits that many. */
function commits(client: PondClient, id: string, ...texts: readonly string[]): void {
  for (const text of texts) client.publishes(`$tx/${id}/publish/a`, text, { qos: 1 })
  client.publishes(`$tx/${id}/commit`, String(texts.length), { qos: 1 })
}

/** The last answer, and what it says. */
function verdictOn(client: PondClient): string {
  return (answersTo(client).at(-1) ?? '').replace(/^puba?ck? #\d+ |^pubrec #\d+ /, '')
}

function payloadsOf(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

function subscriberOf(pond: Pond, clientId = 'bob'): PondClient {
  const bob = pond.client(clientId, { acknowledges: true })
  bob.subscribes('#', 1)
  bob.receives()
  return bob
}

test('nobody sees anything of a transaction before its commit is stored, and then all of it', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const [durable, clean, lossy] = ['durable', 'clean', 'lossy'].map(clientId => {
    const client = pond.client(clientId, clientId === 'durable' ? DURABLE : {})
    client.subscribes('#', clientId === 'lossy' ? 0 : 2)
    store.commitsAll()
    client.receives()
    return client
  })
  const alice = pond.client('alice')

  alice.publishes('$tx/a.1/publish/x', '1', { qos: 1 })
  alice.publishes('$tx/a.1/publish/y', '2', { qos: 2 })
  alice.publishes('z', '3', { qos: 1, ...within('a.1') })
  store.commitsAll()
  t.strictSame(alice.hears(), ['puback #1 0x0', 'pubrec #2 0x0', 'puback #3 0x0'], 'staged')
  t.strictSame(clean?.hears(), [])
  alice.publishes('$tx/a.1/commit', '3', { qos: 1 })

  for (const client of [alice, durable, clean, lossy]) t.strictSame(client?.hears(), [])
  store.commits()
  t.strictSame(alice.hears(), ['puback #4 0x0'])
  const whole = ['publish x 1 q1 #1', 'publish y 2 q2 #2', 'publish z 3 q1 #3']
  t.strictSame(durable?.hears(), whole)
  t.strictSame(clean?.hears(), whole)
  t.strictSame(lossy?.hears(), ['publish x 1 q0', 'publish y 2 q0', 'publish z 3 q0'])
  const kinds = store.groups.map(group => group.map(({ kind }) => kind).join(' '))
  t.match(kinds.at(-1), /^(?:message-stored queued ){3}decided$/, 'one commit')
  t.equal(pond.broker.statistics.transactionsCommitted, 1)
})

test('no message of another client comes between those of a transaction', async t => {
  const pond = new Pond()
  const bob = subscriberOf(pond)
  const [alice, carol] = [pond.client('alice'), pond.client('carol')]

  for (const text of ['1', '2', '3']) {
    alice.publishes('$tx/a.1/publish/a', text, { qos: 1 })
    carol.publishes('a', 'x', { qos: 1 })
  }
  alice.publishes('$tx/a.1/commit', '3', { qos: 1 })
  carol.publishes('a', 'x', { qos: 1 })

  t.strictSame(payloadsOf(bob), ['x', 'x', 'x', '1', '2', '3', 'x'])
})

test('what cannot be committed is refused whole, with the first culprit, and the transaction has ended', async t => {
  const pond = new Pond()
  const bob = subscriberOf(pond)
  const alice = pond.client('alice')
  const refused = (talk: (id: string) => void, reason: RegExp): void => {
    const id = `a.${pond.broker.statistics.transactionsRefused + 1}`
    alice.publishes(`$tx/${id}/publish/a`, 'x', { qos: 1 })
    talk(id)
    t.match(verdictOn(alice), reason)
    t.equal(pond.broker.transactions.count, 0, 'it has ended')
  }
  const commit = (id: string, count: string): void => {
    alice.publishes(`$tx/${id}/commit`, count, { qos: 1 })
  }

  refused(id => commit(id, '2'), /^0x83 2 were to be staged, and 1 were$/)
  refused(id => commit(id, ''), /^0x83 the payload of commit and prepare is the number of/)
  refused(id => commit(id, '1e0'), /^0x83 the payload/)
  refused(id => {
    alice.publishes(`$tx/${id}/publish/a`, 'y', { qos: 0 })
    alice.publishes(`$tx/${id}/publish/$SYS/x`, 'y', { qos: 1 })
    commit(id, '1')
  }, /^0x83 a PUBLISH of QoS 0 came/)
  refused(id => {
    alice.publishes(`$tx/${id}/publish/$queue/none`, 'y', { qos: 1 })
    commit(id, '2')
  }, /^0x90 there is no such named queue$/)
  refused(id => {
    alice.publishes(`$tx/${id}/ack`, 'what?\n', { qos: 1 })
    commit(id, '2')
  }, /^0x83 this client does not hold the message "what\?" any more$/)
  alice.publishes('$tx/a.99/commit', '0', { qos: 1 })
  t.match(verdictOn(alice), /^0x83 nothing is staged under this id/)

  t.strictSame(bob.receivesMessages(), [])
  t.equal(pond.broker.statistics.transactionsRefused, 7)
  t.equal(pond.broker.statistics.publishesRefused, 10)
})

test('what is no request to a transaction is refused with a sentence', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const verdict = (topic: string, options: { readonly properties?: Properties } = {}): string => {
    alice.publishes(topic, '1', { qos: 1, ...options })
    return verdictOn(alice)
  }

  for (const id of ['', 'a', 'a.', '.1', 'a.01', 'a.1.1', 'a b.1', 'a.99999999999999999', 'é.1']) {
    t.match(verdict(`$tx/${id}/commit`), /^0x90 the id of a transaction is NAME\.N/, id)
    t.match(verdict('a', within(id)), /^0x90 the id of a transaction is NAME\.N/, id)
  }
  t.match(verdict(`$tx/${'x'.repeat(65_000)}/commit`), /^0x90 the id/)
  for (const topic of ['$tx', '$tx/a.1', '$tx/a.1/', '$tx/a.1/publish', '$tx/a.1/x/y']) {
    t.match(verdict(topic), /^0x90 behind \$tx\//, topic)
  }
  for (const topic of [
    '',
    '$tx/b.1/publish/x',
    '$share/g/a',
    '$SYS/x',
    '$delayed/x',
    '$CONTROL/x',
  ]) {
    t.match(verdict(`$tx/a.1/publish/${topic}`), /^0x90 a message to this topic cannot be/, topic)
  }
})

test('a transaction may hold delayed messages, and such that fill a named queue', async t => {
  const pond = new Pond()
  const bob = subscriberOf(pond)
  bob.subscribes('$queue/jobs/none', 1)
  bob.receives()
  const alice = pond.client('alice')

  alice.publishes('$tx/a.1/publish/$queue/jobs', 'job', { qos: 1 })
  alice.publishes('$tx/a.1/publish/$delayed/60/a', 'later', { qos: 1 })
  alice.publishes('$delayed/30/a', 'sooner', { qos: 1, ...within('a.1') })
  alice.publishes('$tx/a.1/commit', '3', { qos: 1 })

  t.strictSame(payloadsOf(bob), ['job'])
  pond.passes({ seconds: 30 })
  t.strictSame(payloadsOf(bob), ['sooner'])
  pond.passes({ seconds: 30 })
  t.strictSame(payloadsOf(bob), ['later'])
})

test('the rights are those of the topics inside, when they are staged and when they are committed', async t => {
  let closed = ''
  const access: Access = {
    ...openAccess,
    authenticate: ({ username }) => ({
      kind: 'allowed',
      permissions: { mayPublish: topic => topic !== closed, maySubscribe: () => false },
      username,
      authentication: 'none',
    }),
  }
  const pond = new Pond({ access })
  const alice = pond.client('alice')
  alice.subscribes('$tx/outcome')
  t.strictSame(alice.hears(), ['suback #1 0x0'], 'without a right')

  closed = 'a'
  commits(alice, 'a.1', 'x')
  t.match(verdictOn(alice), /^0x87 no right to publish to this topic$/)
  closed = ''
  alice.publishes('$tx/a.2/publish/a', 'x', { qos: 1 })
  closed = 'a'
  alice.publishes('$tx/a.2/commit', '1', { qos: 1 })
  t.match(verdictOn(alice), /^0x87 message 1, to "a": no right to publish/)
})

test('what became of its transactions comes to a client that has subscribed, of MQTT 3 too', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const old = pond.client('old', { version: 4, cleanStart: false })
  old.subscribes('$tx/outcome', 1)
  const other = pond.client('other')
  other.subscribes('$tx/outcome', 1)
  other.receives()
  old.receives()
  const outcomes = (): readonly unknown[] =>
    old.receivesMessages().map(({ payload }) => JSON.parse(payload.toString()) as unknown)

  commits(old, 'a.1', 'x', 'y')
  t.strictSame(outcomes(), [{ id: 'a.1', outcome: 'committed', reason: 0, sentence: '' }])
  old.publishes('$tx/a.2/publish/a', 'x', { qos: 0 })
  old.publishes('$tx/a.2/commit', '1', { qos: 1 })
  t.match(outcomes(), [{ id: 'a.2', outcome: 'refused', reason: 0x83, sentence: /QoS 0/ }])
  old.publishes('$tx/a.3/publish/a', 'x', { qos: 1 })
  old.publishes('$tx/a.3/abort', '', { qos: 1 })
  t.match(outcomes(), [{ id: 'a.3', outcome: 'aborted', reason: 0, sentence: '' }])
  t.strictSame(other.hears(), [], 'it is nobody else’s')

  for (const filter of ['$tx/#', '$tx/+', '$tx', '$tx/a.1/publish/a', '$share/g/$tx/outcome']) {
    other.subscribes(filter)
    t.match(other.hears(), [/suback #\d+ 0x8f/], filter)
  }
  const late = pond.stranger('late', { will: { topic: '$tx/a.1/publish/a' } })
  late.connects()
  t.strictSame(late.hears(), ['connack 0x90', 'closed'])
})

test('a transaction is forgotten with its connection, when it is taken over, and after its time', async t => {
  const pond = new Pond()
  const bob = subscriberOf(pond)
  const alice = pond.client('alice', DURABLE)
  alice.subscribes('$tx/outcome')
  const stages = (client: PondClient, id: string): void => {
    client.publishes(`$tx/${id}/publish/a`, 'x', { qos: 1 })
    client.receives()
  }

  stages(alice, 'a.1')
  alice.vanishes()
  const again = pond.client('alice', DURABLE)
  stages(again, 'a.2')
  t.equal(pond.broker.transactions.count, 1)
  const third = pond.client('alice', DURABLE)
  stages(third, 'a.3')
  t.equal(pond.broker.transactions.count, 1)
  pond.passes({ seconds: 60 })

  t.match(
    third.receivesMessages().map(({ payload }) => JSON.parse(payload.toString()) as unknown),
    [{ id: 'a.3', outcome: 'aborted', reason: 0x97, sentence: /open for 60 seconds/ }],
  )
  t.equal(pond.broker.statistics.transactionsForgotten, 3)
  t.equal(pond.broker.statistics.limited.transactionSecondsMax, 1)
  for (const id of ['a.1', 'a.2', 'a.3']) {
    third.publishes(`$tx/${id}/commit`, '1', { qos: 1 })
    t.match(verdictOn(third), /^0x83 nothing is staged/)
  }
  t.strictSame(bob.hears(), [])
  third.disconnects()
  t.strictSame(pond.broker.memory.kinds.transactions, 0)
})

test('a repetition is answered as the first time and applies nothing, also after a restart', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  const alice = before.client('alice')
  commits(alice, 'a.5', 'x', 'y')
  await store.close()

  const pond = new Pond({ store, snapshot: await store.open(), now: before.now })
  const bob = subscriberOf(pond)
  const again = pond.client('alice')
  commits(again, 'a.5', 'x', 'y')
  t.match(verdictOn(again), /^0x0$/)
  again.publishes('$tx/a.5/commit', '2', { qos: 2 })
  t.match(verdictOn(again), /^0x0$/, 'without its messages')
  commits(again, 'a.5', 'x', 'z')
  t.match(verdictOn(again), /^0x83 this number was decided before, with other content$/)
  again.publishes('$tx/a.5/commit', '1', { qos: 1 })
  t.match(verdictOn(again), /^0x83 this number was decided before/)
  again.publishes('$tx/a.5/abort', '', { qos: 1 })
  t.match(verdictOn(again), /^0x83 this transaction was committed before$/)
  t.strictSame(bob.hears(), [])
  commits(pond.client('carol'), 'a.5', 'of carol')
  t.strictSame(payloadsOf(bob), ['of carol'], 'the numbers are those of each client')
})

test('the last 64 numbers of a name are known, and lower ones are refused', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const alice = pond.client('alice')
  for (let number = 1; number <= 70; number++) commits(alice, `a.${2 * number}`, 'x')
  alice.receives()

  commits(alice, 'a.14', 'x')
  t.match(verdictOn(alice), /^0x0$/, 'the 64th from the end')
  commits(alice, 'a.12', 'x')
  t.match(verdictOn(alice), /^0x83 this number is too low/)
  commits(alice, 'a.15', 'late')
  t.match(verdictOn(alice), /^0x0$/, 'one that was not decided')
  await store.close()
  t.equal((await store.open()).decisions.length, 64)
})

test('a name of transactions is kept for its time from its last use', async t => {
  const pond = new Pond({ store: new MemoryStore(), limits: { transactionNamesKeptSeconds: 100 } })
  const [alice, bob] = [pond.client('alice'), pond.client('bob')]
  commits(alice, 'a.1', 'x')
  commits(bob, 'b.1', 'x')
  pond.passes({ seconds: 60 })
  commits(alice, 'a.2', 'x')
  const { decisions } = pond.broker.transactions

  pond.passes({ seconds: 39 })
  t.equal(decisions.count, 2)
  pond.passes({ seconds: 2 })
  t.equal(decisions.count, 1, 'that of bob was not used again')
  pond.passes({ seconds: 58 })
  t.equal(decisions.count, 1)
  pond.passes({ seconds: 2 })
  t.equal(decisions.count, 0)
})

test('names of transactions have bounds, and are forgotten after their time', async t => {
  const limits = { transactionNamesPerClientMax: 2, transactionNamesMax: 3 }
  const store = new MemoryStore()
  const pond = new Pond({ store, limits: { ...limits, transactionNamesKeptSeconds: 100 } })
  const [alice, bob] = [pond.client('alice'), pond.client('bob')]
  for (const id of ['a.1', 'b.1', 'c.1']) commits(alice, id, 'x')
  t.match(
    verdictOn(alice),
    /^0x97 no room for another name of transactions \(limits\.transactionNamesPerClientMax\)$/,
  )
  commits(bob, 'a.1', 'x')
  commits(bob, 'b.1', 'x')
  t.match(verdictOn(bob), /^0x97 no room .*limits\.transactionNamesMax/)
  pond.passes({ seconds: 60 })
  commits(bob, 'a.2', 'x')
  t.match(verdictOn(bob), /^0x0$/)

  pond.passes({ seconds: 41 })

  t.equal(pond.broker.transactions.decisions.count, 1)
  t.equal(pond.broker.statistics.limited.transactionNamesKeptSeconds, 2)
  await store.close()
  t.strictSame(
    (await store.open()).decisions.map(({ clientId, number }) => [clientId, number]),
    [
      ['bob', 1],
      ['bob', 2],
    ],
  )
  pond.passes({ seconds: 100 })
  t.equal(pond.broker.memory.kinds.transactions, 0)
})

test('a transaction beyond a bound is refused, each bound with its counter', async t => {
  const over = (limits: Partial<Limits>, ...ids: readonly string[]): string => {
    const pond = new Pond({ limits })
    const alice = pond.client('alice')
    for (const id of ids) alice.publishes(`$tx/${id}/publish/a`, 'x'.repeat(500), { qos: 1 })
    const said = verdictOn(alice)
    const [name = ''] = Object.keys(limits)
    t.equal(Object.entries(pond.broker.statistics.limited).find(([key]) => key === name)?.[1], 1)
    alice.publishes(`$tx/${ids.at(-1)}/commit`, '2', { qos: 1 })
    t.match(verdictOn(alice), /^0x(?:97 no room|83 nothing)/)
    return said
  }

  t.match(over({ transactionMessagesMax: 1 }, 'a.1', 'a.1'), /^0x97 .*transactionMessagesMax/)
  t.match(over({ transactionBytesMax: 1_500 }, 'a.1', 'a.1'), /^0x97 .*transactionBytesMax/)
  t.match(over({ transactionsBytesMax: 2_500 }, 'a.1', 'b.1'), /^0x97 .*transactionsBytesMax/)
  t.match(over({ transactionsPerClientMax: 1 }, 'a.1', 'a.2'), /^0x97 .*transactionsPerClientMax/)
})

test('more deliveries than one transaction may make are refused', async t => {
  const pond = new Pond({ limits: { transactionDeliveriesMax: 3 } })
  const [bob, carol] = [subscriberOf(pond), subscriberOf(pond, 'carol')]
  const alice = pond.client('alice')

  commits(alice, 'a.1', 'x', 'y')
  t.match(verdictOn(alice), /^0x97 it would make over 3 deliveries, .*transactionDeliveriesMax/)
  commits(alice, 'a.2', 'z')

  t.strictSame(payloadsOf(bob), ['z'])
  t.strictSame(payloadsOf(carol), ['z'])
  t.equal(pond.broker.statistics.limited.transactionDeliveriesMax, 1)
})

test('a transaction that is dear for the expressions of subscribers is refused', async t => {
  const pond = new Pond({ limits: { transactionDeliveriesMax: 100 } })
  const bob = pond.client('bob')
  const where = [['$where', "p LIKE '%b'"]] as const
  bob.subscribes('a', 1, { properties: { userProperties: where } })
  const alice = pond.client('alice')
  const stages = (id: string, count: number): void => {
    for (let index = 0; index < count; index++) {
      const userProperties = [['p', 'a'.repeat(1_024)]] as const
      const properties = { userProperties }
      alice.publishes(`$tx/${id}/publish/a`, 'x', { qos: 1, properties })
    }
    alice.publishes(`$tx/${id}/commit`, String(count), { qos: 1 })
  }

  stages('a.1', 5)
  t.match(verdictOn(alice), /^0x(?:0|10)$/)
  stages('a.2', 10)
  t.match(verdictOn(alice), /^0x97 .*work of expressions .*transactionDeliveriesMax/)
})

test('the message expiry counts from the commit, and a will or a program stages nothing', async t => {
  const pond = new Pond()
  const bob = subscriberOf(pond)
  const alice = pond.client('alice')
  const properties = { messageExpiryInterval: 20 }
  alice.publishes('$tx/a.1/publish/a', 'x', { qos: 1, properties })
  pond.passes({ seconds: 30 })
  alice.publishes('$tx/a.1/commit', '1', { qos: 1 })
  const [message] = bob.receivesMessages()
  t.equal(message?.properties.messageExpiryInterval, 20)

  const said = {
    payload: Buffer.from('1'),
    qos: 1,
    retain: false,
    properties: NO_PROPERTIES,
  } as const
  t.match(
    await pond.commands.publish(said, '$tx/a.1/commit', PROGRAM).catch((error: unknown) => error),
    { message: /transactions are taken only from a PUBLISH of a client/ },
  )
})

test('a repetition of a commit that is not stored yet is answered when it is', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  const alice = pond.client('alice')
  commits(alice, 'a.1', 'x')
  alice.publishes('$tx/a.1/commit', '1', { qos: 1 })

  t.strictSame(alice.hears(), ['puback #1 0x0'])
  store.commitsAll()
  t.strictSame(alice.hears(), ['puback #2 0x0', 'puback #3 0x0'])
  t.strictSame(pond.broker.memory.kinds.messages, NOTHING_KEPT.messages)
})

test('a prepared transaction survives connection and broker, and its commit is not refused', async t => {
  const store = new MemoryStore()
  const before = new Pond({ store })
  const alice = before.client('alice')
  alice.publishes('$tx/a.1/publish/a', '1', { qos: 1 })
  alice.publishes('$tx/a.1/publish/$delayed/60/a', '2', { qos: 1, retain: true })
  alice.publishes('$tx/a.1/prepare', '2', { qos: 1 })
  alice.publishes('$tx/a.2/publish/a', 'other', { qos: 1 })
  alice.publishes('$tx/a.2/prepare', '1', { qos: 1 })
  t.match(verdictOn(alice), /^0x0$/)
  alice.vanishes()
  t.equal(before.broker.transactions.undecided.count, 2)
  await store.close()

  const pond = new Pond({ store, snapshot: await store.open(), now: before.now + 5_000 })
  t.equal(pond.broker.transactions.undecided.count, 2)
  t.equal(pond.broker.delayed.count, 0)
  const bob = subscriberOf(pond)
  const again = pond.client('alice')
  commits(again, 'a.1', 'not the same', 'at all')
  t.match(verdictOn(again), /^0x83 this number was decided before, with other content$/)
  again.publishes('$tx/a.1/commit', '1', { qos: 1 })
  t.match(verdictOn(again), /^0x83 /)
  again.publishes('$tx/a.1/prepare', '2', { qos: 1 })
  t.match(verdictOn(again), /^0x0$/, 'prepared again')
  t.equal(pond.broker.transactions.undecided.count, 2, 'it waits still')
  pond.broker.storeIsFull = true
  again.publishes('$tx/a.1/commit', '2', { qos: 1 })
  t.match(verdictOn(again), /^0x0$/)
  again.publishes('$tx/a.2/abort', '', { qos: 2 })
  again.publishes('$tx/a.2/commit', '1', { qos: 1 })
  t.match(verdictOn(again), /^0x83 this transaction was aborted before$/)

  t.strictSame(payloadsOf(bob), ['1'])
  pond.passes({ seconds: 60 })
  t.strictSame(payloadsOf(bob), ['2'])
  await store.close()
  const { held, decisions } = await store.open()
  t.strictSame(held, [])
  t.strictSame(decisions.map(({ number, outcome }) => [number, outcome]).sort(), [
    [1, 'committed'],
    [2, 'aborted'],
  ])
})

test('a client is asked what it has to decide, and an undecided transaction is aborted in the end', async t => {
  const undecided: unknown[] = []
  const pond = new Pond({
    observer: { transactionUndecided: (...args) => undecided.push(args) },
  })
  const alice = pond.client('alice', { ...DURABLE, keepAliveSeconds: 0 })
  const prepares = (id: string): void => {
    alice.publishes(`$tx/${id}/publish/a`, 'x', { qos: 1 })
    alice.publishes(`$tx/${id}/prepare`, '1', { qos: 1 })
  }
  prepares('a.1')
  alice.subscribes('$tx/undecided', 0)
  alice.hears()
  pond.passes({ seconds: 0 })
  const asked = 'publish $tx/undecided ["a.1"] q0'
  t.strictSame(alice.hears(), [asked], 'at once')
  const times: number[] = []
  for (let seconds = 1; seconds <= 700; seconds++) {
    pond.passes({ seconds: 1 })
    for (const heard of alice.hears()) if (heard === asked) times.push(seconds)
  }
  t.strictSame(times, [60, 180, 420])
  alice.vanishes()
  pond.passes({ seconds: 600 })
  const again = pond.client('alice', { ...DURABLE, keepAliveSeconds: 0 })
  pond.passes({ seconds: 0 })
  t.strictSame(again.hears(), [asked], 'when it comes back')

  pond.passes({ seconds: 86_400 })

  t.equal(pond.broker.transactions.undecided.count, 0)
  t.equal(pond.broker.statistics.limited.transactionDecideWithinSeconds, 1)
  t.strictSame(undecided, [['alice', 'a.1', 86_400]])
  const last = pond.client('alice')
  last.publishes('$tx/a.1/commit', '1', { qos: 1 })
  t.match(verdictOn(last), /^0x83 this transaction was aborted before$/)
})

test('a queue that refuses has room for a whole transaction or for none of it, and keeps it for a prepared one', async t => {
  const pond = new Pond()
  const { queues } = pond.broker.subscriptions
  const settings = { ...queueDefaults('jobs'), messagesMax: 3, overflow: 'refuse' } as const
  const queue = queues.create('jobs', settings, { kind: 'operator' })
  const alice = pond.client('alice')
  const stages = (id: string, count: number): void => {
    for (let index = 0; index < count; index++) {
      alice.publishes(`$tx/${id}/publish/$queue/jobs`, id, { qos: 1 })
    }
  }

  stages('a.1', 4)
  alice.publishes('$tx/a.1/commit', '4', { qos: 1 })
  t.match(verdictOn(alice), /^0x97 the queue jobs has no room for all of it$/)
  stages('a.2', 2)
  alice.publishes('$tx/a.2/prepare', '2', { qos: 1 })
  t.match(verdictOn(alice), /^0x0$/)
  alice.publishes('$queue/jobs', 'fits', { qos: 1 })
  t.match(verdictOn(alice), /^0x0$/)
  alice.publishes('$queue/jobs', 'does not', { qos: 1 })
  t.match(verdictOn(alice), /^0x97 /)
  alice.publishes('$tx/a.2/commit', '2', { qos: 1 })
  t.match(verdictOn(alice), /^0x0$/)
  t.equal(queue.queue.messages, 3)
  stages('a.3', 1)
  alice.publishes('$tx/a.3/prepare', '1', { qos: 1 })
  t.match(verdictOn(alice), /^0x97 message 1, to "\$queue\/jobs": the queue jobs is full$/)
})

test('what a consumer holds is settled by its commit, given back by its abort, and fenced when it is late', async t => {
  const named = new Map([['jobs', { filters: ['work'], ackDeadlineSeconds: 10 }]])
  const pond = new Pond({ queues: { named } })
  const bob = subscriberOf(pond)
  const [filler, worker] = [
    pond.client('filler', { keepAliveSeconds: 0 }),
    pond.client('worker', { acknowledges: true, keepAliveSeconds: 0 }),
  ]
  const properties = { userProperties: [['transactional', 'true'] as const] }
  worker.subscribes('$queue/jobs', 1, { properties })
  worker.receives()
  const holds = (): string => {
    const [message] = worker.receivesMessages()
    return (
      message?.properties.userProperties?.findLast(([name]) => name === 'delivery-id')?.[1] ?? ''
    )
  }
  const works = (id: string, deliveryId: string): void => {
    worker.publishes(`$tx/${id}/publish/a`, id, { qos: 1 })
    worker.publishes(`$tx/${id}/ack`, `${deliveryId}\n`, { qos: 1 })
  }
  const queue = pond.broker.subscriptions.queues.get('jobs')

  filler.publishes('work', 'one', { qos: 1 })
  works('w.1', holds())
  worker.publishes('$tx/w.1/commit', '2', { qos: 1 })
  t.match(verdictOn(worker), /^0x0$/)
  t.match([payloadsOf(bob), queue?.inFlight], [['one', 'w.1'], 0])

  filler.publishes('work', 'two', { qos: 1 })
  works('w.2', holds())
  worker.publishes('$tx/w.2/abort', '', { qos: 1 })
  pond.passes({ seconds: 5 })
  works('w.3', holds())
  const other = pond.client('other', { acknowledges: true, keepAliveSeconds: 0 })
  other.subscribes('$queue/jobs', 1, { properties })
  pond.passes({ seconds: 11 })
  worker.publishes('$tx/w.3/commit', '2', { qos: 1 })
  t.match(verdictOn(worker), /^0x83 this client does not hold the message "[\w.]+" any more$/)
  t.strictSame(payloadsOf(bob), ['two'], 'nothing of it')

  const [held] = other.receivesMessages()
  const id =
    held?.properties.userProperties?.findLast(([name]) => name === 'delivery-id')?.[1] ?? ''
  other.publishes('$tx/o.1/ack', id, { qos: 1 })
  other.publishes('$tx/o.1/prepare', '1', { qos: 1 })
  t.match(verdictOn(other), /^0x0$/)
  other.vanishes()
  pond.passes({ seconds: 60 })
  t.equal(queue?.inFlight, 1, 'it is locked')
  const last = pond.client('other', { acknowledges: true })
  last.publishes('$tx/o.1/commit', '1', { qos: 1 })
  t.match(verdictOn(last), /^0x0$/)
  t.match([queue?.inFlight, queue?.queue.messages], [0, 0])
})

test('a hand-out after a restart has another delivery id, so that what was said of the last one is not said of it', async t => {
  const store = new MemoryStore()
  const queues = { named: new Map([['jobs', { filters: ['work'] }]]) }
  const properties = { userProperties: [['transactional', 'true'] as const] }
  const heldIn = (pond: Pond): readonly [PondClient, string] => {
    const worker = pond.client('worker', { acknowledges: true })
    worker.subscribes('$queue/jobs', 1, { properties })
    const [held] = worker.receivesMessages()
    const pairs = held?.properties.userProperties ?? []
    return [worker, pairs.findLast(([name]) => name === 'delivery-id')?.[1] ?? '']
  }
  const before = new Pond({ store, queues })
  before.client('filler').publishes('work', 'one', { qos: 1 })
  const [, first] = heldIn(before)
  await store.close()

  const snapshot = await store.open()
  const pond = new Pond({ store, queues, snapshot, now: before.now + 1 })
  const [worker, second] = heldIn(pond)
  t.match([first, second], [/^\d+\./, /^\d+\./])
  t.not(second, first)
  worker.publishes('$tx/w.1/ack', first, { qos: 1 })
  worker.publishes('$tx/w.1/commit', '1', { qos: 1 })
  t.match(verdictOn(worker), /^0x83 this client does not hold the message "[\w.]+" any more$/)
  await store.close()
})

test('what a prepared transaction is to settle stays locked over a restart, until it is decided', async t => {
  const store = new MemoryStore()
  const queues = { named: new Map([['jobs', { filters: ['work'] }]]) }
  const before = new Pond({ store, queues })
  const properties = { userProperties: [['transactional', 'true'] as const] }
  const consumer = (pond: Pond): PondClient => {
    const worker = pond.client('worker', { acknowledges: true })
    worker.subscribes('$queue/jobs', 1, { properties })
    return worker
  }
  const worker = consumer(before)
  for (const job of ['1', '2']) before.client('filler').publishes('work', job, { qos: 1 })
  const held = worker.receivesMessages().map(message => {
    const pairs = message.properties.userProperties ?? []
    return pairs.findLast(([name]) => name === 'delivery-id')?.[1] ?? ''
  })
  for (const [index, id] of held.entries()) {
    worker.publishes(`$tx/w.${index}/ack`, id, { qos: 1 })
    worker.publishes(`$tx/w.${index}/prepare`, '1', { qos: 1 })
  }
  t.match(verdictOn(worker), /^0x0$/)
  await store.close()

  const pond = new Pond({ store, queues, snapshot: await store.open(), now: before.now })
  const again = consumer(pond)
  t.strictSame(payloadsOf(again), [], 'nobody gets them')
  again.publishes('$tx/w.0/commit', '1', { qos: 1 })
  again.publishes('$tx/w.1/abort', '', { qos: 1 })
  pond.passes({ seconds: 5 })

  t.strictSame(payloadsOf(again), ['2'])
  again.disconnects()
  await store.close()
})

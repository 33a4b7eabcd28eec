// What an import makes of states that no sample has together: messages between PUBREC and PUBREL, and more than one commit has room for.

import { test } from 'tap'
import {
  type BaseMessage,
  type ClientMessage,
  type Database,
  type DatabaseClient,
  NEVER,
} from '../../src/mosquitto/database.ts'
import { importDatabase } from '../../src/mosquitto/database-import.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'

const NOW = 1_000_000

function message(topic: string, content: Partial<BaseMessage> = {}): BaseMessage {
  return {
    topic,
    payload: Buffer.from('x'),
    qos: 2,
    retain: false,
    properties: NO_PROPERTIES,
    expiresAt: Infinity,
    publisher: 'from',
    ...content,
  }
}

function client(
  clientId: string,
  filters: Readonly<
    Record<string, { qos?: 0 | 1 | 2; noLocal?: boolean; retainAsPublished?: boolean }>
  >,
  messages: readonly Partial<ClientMessage>[] = [],
): DatabaseClient {
  const subscriptions = Object.entries(filters).map(([filter, options], index) => {
    const defaults = {
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const
    return [filter, { filter, ...defaults, identifier: index, ...options }] as const
  })
  const outgoing = { packetId: 0, qos: 1, state: 11, retain: false, isIncoming: false } as const
  return {
    clientId,
    username: null,
    expirySeconds: NEVER,
    expiresAt: null,
    subscriptions: new Map(subscriptions),
    messages: messages.map(each => ({ messageId: 1n, identifiers: [], ...outgoing, ...each })),
  }
}

function stored(
  messages: Readonly<Record<number, BaseMessage>>,
  clients: readonly DatabaseClient[],
  retained: readonly bigint[] = [],
) {
  const database: Database = {
    messages: new Map(Object.entries(messages).map(([id, each]) => [BigInt(id), each])),
    retained,
    clients: new Map(clients.map(each => [each.clientId, each])),
    lacks: '',
    doubts: [],
  }
  const disk = new SimDisk({ random: new Random(1) })
  const store = new LogStore(disk, { reserveBytes: 0 })
  store.open()
  let commits = 0
  const counts = importDatabase(database, NOW, changes => {
    commits += 1
    store.commit(changes)
  })
  store.close()
  const again = new LogStore(disk, { reserveBytes: 0 })
  const { sessions, retained: topics } = again.open()
  const queued = sessions.map(({ clientId }) => [
    clientId,
    ...again
      .page({ kind: 'session', clientId }, 0)
      .map(each => [each.message?.topic, each.qos, each.retain, each.identifiers]),
  ])
  return { counts, commits, queued, topics, sessions, again }
}

test('a message between PUBREC and PUBREL is published to the sessions that want it, once', async t => {
  const incoming = { isIncoming: true, packetId: 7, qos: 2, state: 7 } as const
  const { queued, topics, sessions, counts, again } = stored(
    {
      1: message('in/a', { retain: true }),
      2: message('in/b', { retain: true, payload: Buffer.alloc(0) }),
    },
    [
      client('from', { 'in/#': { noLocal: true }, 'in/+': { qos: 2 } }, [
        incoming,
        { ...incoming, packetId: 8, messageId: 2n },
      ]),
      client('both', { 'in/+': { qos: 2 }, 'in/#': { qos: 1, retainAsPublished: true } }),
      client('zero', { 'in/a': { qos: 0 } }),
      client('other', { 'out/#': {} }),
      client('shared', { '$share/g/in/a': { qos: 1 } }),
      client('shared 2', { '$share/g/in/a': { qos: 1 } }),
    ],
  )

  t.strictSame(queued, [
    ['from', ['in/a', 2, false, [1]], ['in/b', 2, false, [1]]],
    ['both', ['in/a', 2, true, [1]], ['in/b', 2, true, [1]]],
    ['zero'],
    ['other'],
    ['shared'],
    ['shared 2'],
  ])
  t.match(again.page({ kind: 'group', shareName: 'g', topicFilter: 'in/a' }, 0), [
    { message: { topic: 'in/a' }, qos: 2 },
  ])
  t.strictSame(
    topics.map(({ topic }) => topic),
    ['in/a'],
  )
  t.strictSame(
    sessions.map(session => [...session.incoming]),
    [[7, 8], [], [], [], [], []],
  )
  t.match(counts, { inFlightFromClients: 2, queuedMessages: 0 })
})

test('a large database is imported in several commits, and each queue keeps its order', async t => {
  const payload = Buffer.alloc(1_500_000)
  const topics = Array.from({ length: 8 }, (_, index) => `large/${index}`)
  const messages = Object.fromEntries(
    topics.map((topic, index) => [index, message(topic, { payload })]),
  )
  // The second client has them the other way round, so that each message is needed in more than one commit.
  const deliveries = topics.map((_, index) => ({ messageId: BigInt(index) }))
  const {
    queued,
    commits,
    counts,
    topics: kept,
  } = stored(
    messages,
    [client('one', {}, deliveries), client('two', {}, [...deliveries].reverse())],
    [3n],
  )

  t.ok(commits > 3)
  t.equal(counts.queuedMessages, 16)
  t.strictSame(
    kept.map(({ topic }) => topic),
    ['large/3'],
  )
  t.match(queued, [
    ['one', ['large/0']],
    ['two', ['large/7']],
  ])
})

test('what was sent goes on although its message has expired', async t => {
  const { counts, again, sessions } = stored({ 1: message('a', { expiresAt: NOW }) }, [
    client('c', {}, [
      { state: 9, packetId: 1, qos: 2 },
      { state: 5, packetId: 2, qos: 2 },
      { state: 3, packetId: 2 },
    ]),
  ])

  t.match(counts, { inFlightToClients: 2, expiredMessages: 1 })
  t.match(sessions[0]?.deliveries, [
    { packetId: 1, message: null },
    { packetId: 2, message: { topic: 'a' } },
  ])
  again.close()
})

test('what is expired or missing is counted, and a client without a packet identifier is sent the message anew', async t => {
  const { counts, queued } = stored(
    { 1: message('a', { expiresAt: NOW }), 2: message('b') },
    [client('c', {}, [{}, { messageId: 9n }, { messageId: 2n, state: 3, packetId: 0 }])],
    [1n, 9n],
  )

  t.match(counts, {
    expiredMessages: 2,
    missingMessages: 2,
    queuedMessages: 1,
    retainedMessages: 0,
  })
  t.strictSame(queued, [['c', ['b', 1, false, []]]])
})

test('subscriptions that make the search for a topic dear are left out, counted', async t => {
  const filters = Array.from({ length: 4_096 }, (_, index) => {
    const levels = index.toString(2).padStart(12, '0')
    return `${levels.replaceAll('0', 'a/').replaceAll('1', '+/')}z`
  })
  const dear = Object.fromEntries(filters.map(filter => [filter, {}]))
  const groups = Object.fromEntries(filters.map((_, index) => [`$share/${index}/a`, {}]))
  const deep = { [`a${'/a'.repeat(300)}`]: {} }

  const { counts, sessions } = stored({}, [
    client('dear', { plain: {}, ...dear }),
    client('groups', groups),
    client('deep', deep),
  ])

  const [first, second, third] = sessions.map(({ subscriptions }) => subscriptions.length)
  t.ok(first !== undefined && first > 1 && first < 300, `${first}`)
  t.ok(second !== undefined && second > 0 && second < 300, `${second}`)
  t.equal(third, 0)
  t.equal(counts.dearSubscriptions, 4_097 + 4_096 + 1 - (first ?? 0) - (second ?? 0))
  t.equal(counts.subscriptions, (first ?? 0) + (second ?? 0))
})

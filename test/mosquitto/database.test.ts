// Databases that mosquitto 1.4 to 2.1 have written become stores: compared message by message with what is known to be in them.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { databaseOf, PLAIN_TABLES, type Row } from '../../src/mosquitto/database-sqlite.ts'
import { countImport, importInto } from '../../src/mosquitto/imported-store.ts'
import { SILENT } from '../../src/observe/log.ts'
import type { Message } from '../../src/message.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { startServer } from '../../src/server/server.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Snapshot, StoredDelivery } from '../../src/store/store.ts'
import { RawClient } from './raw-client.ts'

const SAMPLES = resolve(
  dirname(fileURLToPath(import.meta.url)),
  '../../../test/mosquitto/samples/db',
)

interface SampleMessage {
  readonly store_id: string
  readonly topic: string
  readonly payload_b64: string
  readonly expiry_time?: number
  readonly source_id?: string
  readonly properties?: readonly (readonly [number, unknown])[]
}

interface SampleSession {
  readonly client: string
  readonly expiry_time?: number
  readonly expiry_interval?: number
  readonly subscriptions: readonly {
    readonly filter: string
    readonly qos: number
    readonly options?: number
    readonly identifier?: number
  }[]
  readonly messages: readonly {
    readonly store_id: string
    readonly mid: number
    readonly qos: number
    readonly state: number
    readonly direction: 'in' | 'out'
    readonly retain: number
    readonly subscription_identifiers?: readonly number[]
  }[]
}

interface Sample {
  readonly written_at?: number
  readonly messages: readonly SampleMessage[]
  readonly retained: readonly { readonly store_id: string; readonly topic: string }[]
  readonly sessions: readonly SampleSession[]
}

function sampleOf(name: string): Sample {
  return JSON.parse(readFileSync(resolve(SAMPLES, `${name}.json`), 'utf8')) as Sample
}

function writtenAt(name: string): number {
  return (sampleOf(name).written_at ?? 0) * 1_000
}

function snapshotIn(directory: string): Snapshot {
  const disk = new FileDisk(directory)
  const store = new LogStore(disk)
  const snapshot = store.open()
  const sessions = snapshot.sessions.map(session => {
    const owner = { kind: 'session', clientId: session.clientId } as const
    const queued = store.page(owner, session.deliveries.findLast(isQueued)?.delivery ?? 0)
    return { ...session, deliveries: [...session.deliveries, ...queued] }
  })
  store.close()
  disk.close()
  return { ...snapshot, sessions }
}

function isQueued({ packetId }: StoredDelivery): boolean {
  return packetId === 0
}

function imported(t: Test, name: string, now: number) {
  const directory = resolve(t.testdir({}), 'store')
  const { counts, notes } = importInto(directory, resolve(SAMPLES, `${name}.db`), now)
  return { counts, notes, directory, snapshot: snapshotIn(directory) }
}

/** The content of a message, in the form of the samples. */
function contentOf({ topic, payload, expiresAt, properties, publisher }: Message) {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties
  const known = [
    [1, payloadFormatIndicator],
    [3, contentType],
    [8, responseTopic],
    [9, correlationData?.toString('base64')],
    ...(properties.userProperties ?? []).map(pair => [38, [...pair]]),
  ]
  return {
    topic,
    payload: payload.toString('base64'),
    expires: expiresAt === Infinity ? 0 : expiresAt / 1_000,
    publisher,
    properties: known.filter(([, value]) => value !== undefined),
  }
}

function expectedContent(message: SampleMessage) {
  return {
    topic: message.topic,
    payload: message.payload_b64,
    expires: message.expiry_time ?? 0,
    publisher: message.source_id ?? null,
    properties: message.properties ?? [],
  }
}

function deliveryOf({ message, qos, retain, packetId, identifiers }: StoredDelivery) {
  // After PUBREC the content is not needed any more.
  const content = message === null ? 'received' : contentOf(message)
  return { content, qos, retain, packetId, identifiers }
}

const NEVER = 4_294_967_295

test('each session, message and retained topic of seven databases is in the store, and nothing else', async t => {
  for (const name of [
    'full-2.0.11',
    'full-2.1.2',
    'misc-2.0.11',
    'v3-1.4.15',
    'v4-1.5.8',
    'v5-1.6.8',
    'v6-2.0.11-i386',
  ]) {
    const sample = sampleOf(name)
    const now = (sample.written_at ?? 0) * 1_000
    const { snapshot, counts } = imported(t, name, now)
    const messages = new Map(sample.messages.map(message => [message.store_id, message]))
    const isLive = (id: string): boolean => {
      const expiry = messages.get(id)?.expiry_time ?? 0
      return expiry === 0 || expiry * 1_000 > now
    }
    const contentFor = (id: string) => {
      const message = messages.get(id)
      return message === undefined ? null : expectedContent(message)
    }
    const kept = sample.sessions.filter(
      ({ expiry_interval: interval = NEVER, expiry_time: time = 0 }) =>
        interval !== 0 && (time === 0 || interval === NEVER || time * 1_000 > now),
    )
    const expected = kept.map(session => ({
      clientId: session.client,
      expirySeconds: session.expiry_interval ?? NEVER,
      filters: session.subscriptions.map(({ filter, qos, options = 0, identifier = 0 }) => [
        filter,
        qos,
        options,
        identifier,
      ]),
      deliveries: session.messages
        .filter(({ direction, store_id: id }) => direction === 'out' && isLive(id))
        .map(message => ({
          content: message.state === 9 ? 'received' : contentFor(message.store_id),
          qos: message.qos,
          retain: message.retain === 1,
          packetId: message.state === 11 ? 0 : message.mid,
          identifiers: message.subscription_identifiers ?? [],
        })),
      incoming: session.messages.filter(each => each.direction === 'in').map(each => each.mid),
    }))

    const found = snapshot.sessions.map(session => ({
      clientId: session.clientId,
      expirySeconds: session.expiryIntervalSeconds,
      filters: session.subscriptions.map(each => [
        each.filter,
        each.qos,
        (each.noLocal ? 4 : 0) | (each.retainAsPublished ? 8 : 0) | (each.retainHandling << 4),
        each.identifier,
      ]),
      deliveries: session.deliveries.map(deliveryOf),
      incoming: [...session.incoming],
    }))

    t.strictSame(byClient(found), byClient(expected), name)
    t.strictSame(
      snapshot.retained.map(contentOf).sort(byTopic),
      retainedOf(sample, isLive).map(contentFor).sort(byTopic),
      name,
    )
    t.equal(counts.sessions, kept.length, name)
    t.equal(counts.missingMessages, 0, name)
    const inAll = counts.queuedMessages + counts.inFlightToClients
    t.equal(
      inAll,
      expected.reduce((sum, { deliveries }) => sum + deliveries.length, 0),
    )
  }
})

/** The retained topics of the file, and those of messages that wait for PUBREL. */
function retainedOf(sample: Sample, isLive: (id: string) => boolean): readonly string[] {
  const incoming = sample.sessions
    .flatMap(({ messages }) => messages)
    .filter(({ direction, retain }) => direction === 'in' && retain === 1)
  return [...sample.retained, ...incoming].map(each => each.store_id).filter(isLive)
}

function byClient<Session extends { clientId: string }>(sessions: Session[]): Session[] {
  return sessions.sort((one, other) => (one.clientId < other.clientId ? -1 : 1))
}

function byTopic(one: { topic: string } | null, other: { topic: string } | null): number {
  return (one?.topic ?? '') < (other?.topic ?? '') ? -1 : 1
}

test('the SQLite file of 2.1 holds the same as its database, and $share subscriptions', async t => {
  const folder = t.testdir({})
  const file = resolve(folder, 'mosquitto.sqlite3')
  writeFileSync(file, gunzipSync(readFileSync(resolve(SAMPLES, 'persist-sqlite-2.1.2.sqlite3.gz'))))
  const rows = JSON.parse(
    execFileSync('python3', ['-c', ROWS, file], { encoding: 'utf8' }),
    (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith('hex:')
        ? Buffer.from(value.slice(4), 'hex')
        : value,
  ) as Readonly<Record<string, readonly Row[]>>
  const read = databaseOf(name => rows[name] ?? [])
  const sample = sampleOf('full-2.1.2')

  const named = (id: bigint): string => read.messages.get(id)?.topic ?? ''
  const queues = [...read.clients.values()].map(({ clientId, subscriptions, messages }) => [
    clientId,
    [...subscriptions.keys()].sort(),
    messages.map(each => [
      named(each.messageId),
      each.packetId,
      each.qos,
      each.state,
      each.retain,
      each.isIncoming,
      each.identifiers,
    ]),
  ])
  const topics = new Map(sample.messages.map(each => [each.store_id, each.topic]))
  const shared: Readonly<Record<string, string>> = {
    'c311-subs': '$share/g1/jobs/#',
    'c5-subs': '$share/grp one/opt/shared/+',
  }
  const expected = sample.sessions.map(({ client, subscriptions, messages }) => [
    client,
    [...subscriptions.map(({ filter }) => filter), shared[client] ?? []].flat().sort(),
    messages.map(each => [
      topics.get(each.store_id),
      each.mid,
      each.qos,
      each.state,
      each.retain === 1,
      each.direction === 'in',
      each.subscription_identifiers ?? [],
    ]),
  ])
  t.strictSame(queues.sort(byFirst), expected.sort(byFirst))
  t.match(
    [...read.messages.values()].find(({ topic }) => topic === 'r/props'),
    {
      payload: Buffer.from('{"t":1}'),
      properties: {
        payloadFormatIndicator: 1,
        contentType: 'application/json',
        responseTopic: 'r/resp',
        correlationData: Buffer.from('deadbeef', 'hex'),
        userProperties: [
          ['u', '1'],
          ['u', '2'],
        ],
      },
    },
  )
  t.equal(read.retained.length, 14)
  t.strictSame(read.doubts, [])
  if (Number(process.versions.node.split('.')[0]) < 22) {
    t.throws(() => countImport(file, 0), /which Node reads from 22.13 on, and this is v20/)
  } else
    t.match(countImport(file, 0).counts, { sessions: 20, retainedMessages: 14, subscriptions: 31 })
})

test('what would run SQL of its own is no table of a database of mosquitto', async t => {
  const script = `
import sqlite3, sys
base = sqlite3.connect(":memory:")
base.execute("CREATE TABLE clients (client_id TEXT PRIMARY KEY)")
base.execute("CREATE VIEW base_msgs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS store_id FROM c")
base.execute("CREATE TABLE retains (store_id INT, topic TEXT AS (hex(zeroblob(100000000))))")
print([name for name, in base.execute(sys.argv[1])])
`
  const tables = execFileSync('python3', ['-c', script, PLAIN_TABLES], { encoding: 'utf8' })

  t.equal(tables.trim(), "['clients']")
})

/** The rows of all tables, with the columns that are asked for, as Python reads them. */
const ROWS = `
import json, sqlite3, sys
tables = {
  "base_msgs": "CAST(store_id AS TEXT) AS store_id, expiry_time, CAST(topic AS TEXT) AS topic, typeof(topic) AS kind, payload, source_id, qos, retain, properties",
  "clients": "*",
  "subscriptions": "*",
  "client_msgs": "CAST(store_id AS TEXT) AS store_id, client_id, direction, mid, qos, retain, state, subscription_identifier",
  "retains": "CAST(store_id AS TEXT) AS store_id",
}
base = sqlite3.connect(sys.argv[1])
base.row_factory = sqlite3.Row
plain = lambda value: "hex:" + value.hex() if isinstance(value, bytes) else value
print(json.dumps({name: [{key: plain(row[key]) for key in row.keys()} for row in base.execute(f"SELECT {columns} FROM {name}")] for name, columns in tables.items()}))
`

function byFirst([one]: readonly unknown[], [other]: readonly unknown[]): number {
  return String(one) < String(other) ? -1 : 1
}

test('user names that mosquitto has written by mistake are no users of sessions', async t => {
  const { snapshot } = imported(t, 'stale-username-2.0.11', 0)
  const names = snapshot.sessions.map(session => [
    session.clientId,
    session.identity?.username ?? null,
  ])

  t.strictSame(Object.fromEntries(names), {
    'a-plain1': null,
    'b-alice': 'alice',
    'c-plain2': null,
    'd-plain3': null,
    'e-carol': 'carol-long-name',
    'f-plain4': null,
  })
})

test('sessions of bridges and of connections, and what has expired, are counted and left out', async t => {
  const file = resolve(SAMPLES, 'misc-2.0.11.db')

  const { counts } = countImport(file, writtenAt('misc-2.0.11') + 20_000)

  t.match(counts, { sessions: 3, endedSessions: 2, expiredSessions: 1, expiredMessages: 1 })
  t.equal(counts.messagesOfEndedSessions, 2 + 4)
})

test('a damaged database says what is wrong, and makes no store', async t => {
  const sentences: Readonly<Record<string, RegExp>> = {
    'bad-flipped-chunklen': /: it is damaged: the chunk at byte 349: a chunk has 7 bytes too many$/,
    'bad-flipped-topiclen': /: it is damaged: /,
    'bad-magic': /: this is no database of mosquitto$/,
    'bad-truncated-in-client': /: it is damaged: the chunk at byte 966 has 12 of its 35 bytes$/,
    'bad-version7': /: it has the format 7, and only 3, 4, 5, 6 are read$/,
  }
  const directory = resolve(t.testdir({}), 'store')
  for (const [name, sentence] of Object.entries(sentences)) {
    const file = resolve(SAMPLES, `${name}.db`)
    t.throws(() => importInto(directory, file, 0), { message: sentence }, name)
    t.notOk(existsSync(directory), name)
  }
  const doubts = (name: string) => countImport(resolve(SAMPLES, `${name}.db`), 0).notes
  t.match(doubts('bad-truncated-in-chunk-header'), [
    /^wills and/,
    /^it ends at byte 966, in the middle/,
  ])
  t.match(doubts('bad-flipped-chunktype'), [
    /^wills and/,
    /^1 of its chunks are of an unknown kind/,
  ])
  t.match(doubts('empty'), [/^wills and/])
  t.throws(() => countImport('/nosuch.db', 0), /nosuch.db cannot be read \(ENOENT\)/)
})

test('a store that is there is not changed', async t => {
  const { directory, snapshot } = imported(t, 'v5-1.6.8', 0)

  t.throws(() => importInto(directory, resolve(SAMPLES, 'empty.db'), 0), /is not empty/)
  t.strictSame(snapshotIn(directory), snapshot)
})

test('clients get what was queued for them, and go on with what was in flight, in both directions', async t => {
  const { directory } = imported(t, 'full-2.0.11', writtenAt('full-2.0.11'))
  const config = parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    store: { directory, durability: 'os' },
  })
  const start = async () => {
    const server = await startServer(config, SILENT)
    return { server, port: server.listeners[0]?.port ?? 0 }
  }
  const first = await start()
  const resumed = async (clientId: string, count: number, port = first.port) => {
    const client = await RawClient.connect(port, clientId)
    const [greeting, ...packets] = await client.takes(1 + count)
    t.match(greeting, { type: 'connack', sessionPresent: true }, clientId)
    return { client, said: [...packets, ...(await client.settled())].map(wordsOf) }
  }

  const queued = await resumed('c311-q', 4)
  t.strictSame(queued.said, [
    'PUBLISH q/1 one, QoS 1, id 1',
    'PUBLISH q/2 two, QoS 2, id 2',
    'PUBLISH lp/big 3072 bytes, QoS 1, id 3',
    'PUBLISH q/2 five-retain, QoS 2, id 4',
  ])
  const sent = await resumed('off-puback', 3)
  t.strictSame(sent.said, [
    'PUBLISH s/1 s1-0, QoS 1, id 1, DUP',
    'PUBLISH s/1 s1-1, QoS 1, id 2, DUP',
    'PUBLISH s/1 s1-2, QoS 1, id 3',
  ])
  const received = await resumed('off-pubcomp', 2)
  t.strictSame(received.said, ['PUBREL 1', 'PUBLISH s/3 s3-b, QoS 2, id 2, DUP'])
  received.client.acknowledges('pubcomp', 1)
  const incoming = await resumed('in-pubrel', 0)
  incoming.client.acknowledges('pubrel', 77)
  incoming.client.acknowledges('pubrel', 78)
  t.strictSame((await incoming.client.settled()).map(wordsOf), ['PUBCOMP 77', 'PUBCOMP 78'])
  for (const { client } of [queued, sent, received, incoming]) await client.ends()
  await first.server.close()

  const second = await start()
  const again = await resumed('off-pubcomp', 1, second.port)
  t.strictSame(again.said, ['PUBLISH s/3 s3-b, QoS 2, id 2, DUP'], 'what was settled stays so')
  await again.client.ends()
  await second.server.close()
})

test('messages of QoS 0 that mosquitto queued are sent once', async t => {
  const { directory } = imported(t, 'misc-2.0.11', 0)
  const listeners = [{ host: '127.0.0.1', port: 0 }]
  const config = parseConfig({ listeners, store: { directory, durability: 'os' } })
  const server = await startServer(config, SILENT)

  const client = await RawClient.connect(server.listeners[0]?.port ?? 0, 'q0-off')
  const [, ...packets] = await client.takes(3)
  await client.ends()
  await server.close()

  t.strictSame(packets.map(wordsOf), [
    'PUBLISH m/1 q0a, QoS 0, id 0',
    'PUBLISH m/2 q1->0, QoS 0, id 0',
  ])
  const session = snapshotIn(directory).sessions.find(each => each.clientId === 'q0-off')
  t.strictSame(session?.deliveries, [], 'they are not in the store any more')
})

test('a session without a known user waits for its client, whatever the rules, and belongs to it then', async t => {
  const { directory } = imported(t, 'full-2.0.11', writtenAt('full-2.0.11'))
  const hash = formatHash(newPbkdf2(Buffer.from('x'), 101))
  const config = parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    store: { directory, durability: 'os' },
    access: { users: { home: hash, other: hash }, rules: 'user home\ntopic readwrite #\n' },
  })
  const server = await startServer(config, SILENT)
  const port = server.listeners[0]?.port ?? 0
  const home = await RawClient.connect(port, 'someone', 'home')
  home.publishes('s/1', 'new')
  await home.settled()

  const client = await RawClient.connect(port, 'off-puback', 'home')
  const packets = await client.takes(5)
  await client.ends()
  const taking = await RawClient.connect(port, 'off-puback', 'other')
  const [greeting] = await taking.takes(1)
  for (const each of [home, taking]) await each.ends()
  await server.close()

  t.strictSame(packets.slice(1).map(wordsOf), [
    'PUBLISH s/1 s1-0, QoS 1, id 1, DUP',
    'PUBLISH s/1 s1-1, QoS 1, id 2, DUP',
    'PUBLISH s/1 s1-2, QoS 1, id 3',
    'PUBLISH s/1 new, QoS 1, id 4',
  ])
  t.match(greeting, { type: 'connack', sessionPresent: false })
})

const SHOWN_BYTES_MAX = 20

function wordsOf(packet: Packet): string {
  if (packet.type !== 'publish') {
    return `${packet.type.toUpperCase()} ${'packetId' in packet ? packet.packetId : ''}`
  }
  const { topic, payload, qos, packetId, duplicate, retain } = packet
  const isShort = payload.length <= SHOWN_BYTES_MAX
  const content = isShort ? payload.toString() : `${payload.length} bytes`
  return `PUBLISH ${topic} ${content}, QoS ${qos}, id ${packetId}${duplicate ? ', DUP' : ''}${retain ? ', RETAIN' : ''}`
}

// Reads a mosquitto.sqlite3, which the plugin persist-sqlite of mosquitto 2.1 keeps. Node reads SQLite from 22.13 on.

import { NO_PROPERTIES, type Properties, type QoS, type UserProperty } from '../packet/packet.ts'
import { isTopicName, parseFilter } from '../routing/topic.ts'
import { thrownSentence } from '../thrown.ts'
import {
  type BaseMessage,
  type Database,
  type DatabaseClient,
  DatabaseError,
  NEVER,
} from './database.ts'

/** A view, or a column that is computed, would run the SQL of whoever made the file, perhaps without an end. */
export const PLAIN_TABLES =
  "SELECT name FROM sqlite_schema AS s WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(s.name) WHERE hidden > 0)"

const MAGIC = Buffer.from('SQLite format 3\u0000', 'latin1')

/** Values of a row by the name of their column, as SQLite has them. */
export type Row = Readonly<Record<string, unknown>>

/** Returns all rows of a table in the order of their number. */
type Table = (name: string, columns: string, order: string) => readonly Row[]

/** The part of `node:sqlite` that is needed. */
interface Sqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly readOnly: boolean },
  ) => {
    prepare(sql: string): { all(): readonly Row[] }
    close(): void
  }
}

export function isSqliteFile(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC)
}

/** Throws DatabaseError. */
export function readSqliteFile(file: string): Database {
  const sqlite = process.getBuiltinModule('node:sqlite') as Sqlite | undefined
  if (sqlite === undefined) {
    throw new DatabaseError(
      `it is a database of SQLite, which Node reads from 22.13 on, and this is ${process.version}: import it with a newer Node`,
    )
  }
  let open
  try {
    const database = new sqlite.DatabaseSync(file, { readOnly: true })
    open = database
    const tables = new Set(
      database
        .prepare(PLAIN_TABLES)
        .all()
        .map(row => row['name']),
    )
    return databaseOf((name, columns, order) => {
      if (!tables.has(name)) throw new DatabaseError(`it has no table ${name}`)
      return database.prepare(`SELECT ${columns} FROM ${name} ORDER BY ${order}`).all()
    })
  } catch (error) {
    if (error instanceof DatabaseError) throw error
    throw new DatabaseError(`it cannot be read: ${thrownSentence(error)}`)
  } finally {
    open?.close()
  }
}

/** Throws DatabaseError. */
export function databaseOf(table: Table): Database {
  const messages = new Map<bigint, BaseMessage>()
  let numeric = 0
  for (const row of table('base_msgs', BASE_COLUMNS, 'store_id')) {
    // The column turns a topic that looks like a number into one: `007` is kept as 7.
    if (row['kind'] !== 'text') numeric += 1
    messages.set(numberOf(row, 'store_id'), messageOf(row))
  }
  const clients = new Map<string, DatabaseClient>()
  for (const row of table('clients', CLIENT_COLUMNS, 'client_id')) {
    const client = clientOf(row)
    clients.set(client.clientId, client)
  }
  for (const row of table('subscriptions', SUBSCRIPTION_COLUMNS, 'rowid')) subscribe(row, clients)
  for (const row of table('client_msgs', QUEUE_COLUMNS, 'client_id, cmsg_id')) queue(row, clients)
  const retained = table('retains', 'CAST(store_id AS TEXT) AS store_id', 'rowid')
  const doubts =
    numeric === 0
      ? []
      : [`${numeric} topics look like numbers, and may have been others: 007 is kept as 7`]
  const ids = retained.map(row => numberOf(row, 'store_id'))
  return { messages, clients, retained: ids, lacks: LACKS, doubts }
}

const LACKS = 'wills are left out: mosquitto publishes them when it stops'
const BASE_COLUMNS =
  'CAST(store_id AS TEXT) AS store_id, expiry_time, CAST(topic AS TEXT) AS topic, typeof(topic) AS kind, payload, CAST(source_id AS TEXT) AS source_id, qos, retain, properties'
const CLIENT_COLUMNS = 'client_id, username, session_expiry_time, session_expiry_interval'
const SUBSCRIPTION_COLUMNS = 'client_id, topic, subscription_options, subscription_identifier'
const QUEUE_COLUMNS =
  'client_id, CAST(store_id AS TEXT) AS store_id, direction, mid, qos, retain, state, subscription_identifier'

function messageOf(row: Row): BaseMessage {
  const topic = textOf(row, 'topic')
  if (!isTopicName(topic)) throw new DatabaseError(`${JSON.stringify(topic)} is no topic`)
  const { payload } = row
  const expiry = wholeOf(row, 'expiry_time')
  const source = row['source_id']
  return {
    topic,
    payload: payload instanceof Uint8Array ? Buffer.from(payload) : Buffer.alloc(0),
    qos: qosOf(row),
    retain: wholeOf(row, 'retain') === 1,
    properties: propertiesOf(row['properties']),
    expiresAt: expiry === 0 ? Infinity : expiry * 1_000,
    publisher: typeof source === 'string' && source !== '' ? source : null,
  }
}

function clientOf(row: Row): DatabaseClient {
  const interval = wholeOf(row, 'session_expiry_interval')
  const endsAt = wholeOf(row, 'session_expiry_time')
  const { username } = row
  return {
    clientId: textOf(row, 'client_id'),
    username: typeof username === 'string' && username !== '' ? username : null,
    expirySeconds: interval < 0 ? NEVER : interval,
    expiresAt: interval < 0 || endsAt === 0 ? null : endsAt * 1_000,
    subscriptions: new Map(),
    messages: [],
  }
}

function subscribe(row: Row, clients: ReadonlyMap<string, DatabaseClient>): void {
  const filter = textOf(row, 'topic')
  const options = wholeOf(row, 'subscription_options')
  const handling = (options >> 4) & 3
  if (parseFilter(filter) === null)
    throw new DatabaseError(`${JSON.stringify(filter)} is no topic filter`)
  clients.get(textOf(row, 'client_id'))?.subscriptions.set(filter, {
    filter,
    qos: asQos(options & 3),
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: handling === 1 || handling === 2 ? handling : 0,
    identifier: wholeOf(row, 'subscription_identifier'),
  })
}

function queue(row: Row, clients: ReadonlyMap<string, DatabaseClient>): void {
  const identifier = wholeOf(row, 'subscription_identifier')
  clients.get(textOf(row, 'client_id'))?.messages.push({
    messageId: numberOf(row, 'store_id'),
    packetId: wholeOf(row, 'mid'),
    qos: qosOf(row),
    state: wholeOf(row, 'state'),
    retain: wholeOf(row, 'retain') === 1,
    isIncoming: wholeOf(row, 'direction') === 0,
    identifiers: identifier === 0 ? [] : [identifier],
  })
}

/** Numbers of messages are beyond 53 bits on some machines, so SQLite gives them as text. */
function numberOf(row: Row, column: string): bigint {
  return BigInt(textOf(row, column))
}

function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw new DatabaseError(`it is damaged: ${column} is no text`)
}

function wholeOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new DatabaseError(`it is damaged: ${column} is no number`)
}

function qosOf(row: Row): QoS {
  return asQos(wholeOf(row, 'qos'))
}

function asQos(value: number): QoS {
  if (value === 0 || value === 1 || value === 2) return value
  throw new DatabaseError(`it is damaged: ${value} is no QoS`)
}

/** They are a list in JSON: `[{"identifier":"content-type","value":"text/plain"}]`. */
function propertiesOf(json: unknown): Properties {
  if (typeof json !== 'string' || json === '') return NO_PROPERTIES
  let list: unknown
  try {
    list = JSON.parse(json)
  } catch {
    throw new DatabaseError('it is damaged: the properties of a message are no JSON')
  }
  if (!Array.isArray(list)) return NO_PROPERTIES
  const userProperties: UserProperty[] = []
  let properties: Properties = {}
  for (const { identifier, name, value } of list as readonly Row[]) {
    const text = String(value)
    if (identifier === 'user-property') userProperties.push([String(name), text])
    else properties = { ...properties, ...propertyOf(String(identifier), text) }
  }
  return userProperties.length === 0 ? properties : { ...properties, userProperties }
}

function propertyOf(name: string, value: string): Properties {
  switch (name) {
    case 'payload-format-indicator':
      return { payloadFormatIndicator: value === '1' ? 1 : 0 }
    case 'content-type':
      return { contentType: value }
    case 'response-topic':
      return { responseTopic: value }
    case 'correlation-data':
      return { correlationData: Buffer.from(value, 'hex') }
    default:
      return {}
  }
}

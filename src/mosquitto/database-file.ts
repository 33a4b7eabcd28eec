// Reads a mosquitto.db: formats 3 (1.4) to 6 (2.1). Chunks follow a header; numbers are big-endian, except those of the machine that wrote it.

import { isUtf8 } from 'node:buffer'
import {
  type BaseMessage,
  type ClientMessage,
  type Database,
  type DatabaseClient,
  DatabaseError,
  NEVER,
} from './database.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import { NO_PROPERTIES, type Properties, type QoS } from '../packet/packet.ts'
import { readProperties } from '../packet/properties.ts'
import { Reader } from '../packet/reader.ts'
import { textOf } from '../packet/text.ts'
import { isTopicName, parseFilter } from '../routing/topic.ts'

const MAGIC = Buffer.from('\u0000\u00b5\u0000mosquitto db', 'latin1')
/** Magic, an unused checksum, and the format. */
const HEADER_BYTES = 23
const FORMATS = [3, 4, 5, 6]
/** From this format on lengths are in the fixed part of a chunk. */
const FIXED_PARTS = 5

const KINDS = { config: 1, message: 2, clientMessage: 3, retained: 4, subscription: 5, client: 6 }

export function isDatabaseFile(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC)
}

/** Throws DatabaseError. */
export function readDatabaseFile(bytes: Buffer): Database {
  const reading = new Reading(bytes)
  if (bytes.length > 0) reading.read()
  return reading.database
}

class Reading {
  readonly #bytes: Buffer
  readonly #messages = new Map<bigint, BaseMessage>()
  readonly #clients = new Map<string, DatabaseClient>()
  readonly #retained: bigint[] = []
  readonly #doubts: string[] = []
  readonly #usernames = new Usernames()
  #format = 0
  #unknownChunks = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get database(): Database {
    const doubts = [...this.#doubts]
    if (this.#unknownChunks > 0) {
      doubts.push(`${this.#unknownChunks} of its chunks are of an unknown kind, and left out`)
    }
    return {
      messages: this.#messages,
      retained: this.#retained,
      clients: this.#clients,
      lacks: LACKS,
      doubts,
    }
  }

  read(): void {
    const bytes = this.#bytes
    if (!isDatabaseFile(bytes) || bytes.length < HEADER_BYTES) {
      throw new DatabaseError('this is no database of mosquitto')
    }
    this.#format = bytes.readUInt32BE(HEADER_BYTES - 4)
    if (!FORMATS.includes(this.#format)) {
      const sentence = `it has the format ${this.#format}, and only ${FORMATS.join(', ')} are read`
      throw new DatabaseError(sentence)
    }
    const headerBytes = this.#format >= FIXED_PARTS ? 8 : 6
    let position = HEADER_BYTES
    while (position < bytes.length) {
      if (position + headerBytes > bytes.length) {
        this.#doubts.push(`it ends at byte ${position}, in the middle: what followed is lost`)
        return
      }
      position = this.#readChunk(position, headerBytes)
    }
  }

  /** Returns the position behind the chunk. */
  #readChunk(start: number, headerBytes: number): number {
    const bytes = this.#bytes
    const kind = headerBytes === 8 ? bytes.readUInt32BE(start) : bytes.readUInt16BE(start)
    const length = bytes.readUInt32BE(start + headerBytes - 4)
    const body = start + headerBytes
    if (body + length > bytes.length) {
      const left = bytes.length - body
      throw new DatabaseError(
        `it is damaged: the chunk at byte ${start} has ${left} of its ${length} bytes`,
      )
    }
    const fields = new Fields(bytes, body, body + length)
    try {
      this.#readBody(kind, fields)
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error
      throw new DatabaseError(`it is damaged: the chunk at byte ${start}: ${error.message}`)
    }
    return body + length
  }

  #readBody(kind: number, fields: Fields): void {
    const isFixed = this.#format >= FIXED_PARTS
    switch (kind) {
      case KINDS.config:
        return
      case KINDS.message:
        if (isFixed) this.#readMessage(fields)
        else this.#readOldMessage(fields)
        return
      case KINDS.clientMessage:
        if (isFixed) this.#readClientMessage(fields)
        else this.#readOldClientMessage(fields)
        return
      case KINDS.retained:
        this.#retained.push(fields.number64())
        return
      case KINDS.subscription:
        if (isFixed) this.#readSubscription(fields)
        else this.#subscribe(fields.string(), fields.string(), fields.qos(), 0, 0)
        return
      case KINDS.client:
        if (isFixed) this.#readClient(fields)
        else this.#clientOf(fields.string())
        return
      default:
        this.#unknownChunks += 1
    }
  }

  #readMessage(fields: Fields): void {
    const id = fields.number64()
    const expiry = Number(fields.number64())
    const payloadBytes = fields.uint32()
    fields.uint16()
    const sourceBytes = fields.uint16()
    const userBytes = fields.uint16()
    const topicBytes = fields.uint16()
    fields.uint16()
    const qos = fields.qos()
    const retain = fields.uint8() === 1
    const publisher = nameOrNull(fields.bytes(sourceBytes))
    fields.bytes(userBytes)
    const topic = topicOf(fields.text(topicBytes, 'its topic'))
    const payload = fields.bytes(payloadBytes)
    const properties = fields.properties()
    const expiresAt = expiry === 0 ? Infinity : expiry * 1_000
    this.#messages.set(id, { topic, payload, qos, retain, properties, expiresAt, publisher })
  }

  #readOldMessage(fields: Fields): void {
    const id = fields.number64()
    const publisher = nameOrNull(fields.bytes(fields.uint16()))
    if (this.#format === 4) {
      fields.bytes(fields.uint16())
      fields.uint16()
    }
    fields.uint32()
    const topic = topicOf(fields.text(fields.uint16(), 'its topic'))
    const qos = fields.qos()
    const retain = fields.uint8() === 1
    const payload = fields.bytes(fields.uint32())
    const properties = NO_PROPERTIES
    this.#messages.set(id, {
      topic,
      payload,
      qos,
      retain,
      properties,
      expiresAt: Infinity,
      publisher,
    })
  }

  #readClientMessage(fields: Fields): void {
    const messageId = fields.number64()
    const packetId = fields.uint16()
    const idBytes = fields.uint16()
    const qos = fields.qos()
    const state = fields.uint8()
    const retain = fields.uint8() >> 4 === 1
    const isIncoming = fields.uint8() === 0
    const clientId = fields.text(idBytes, 'its client id')
    const identifiers = fields.properties().subscriptionIdentifiers ?? []
    const message = { messageId, packetId, qos, state, retain, isIncoming, identifiers }
    this.#queue(clientId, message)
  }

  #readOldClientMessage(fields: Fields): void {
    const clientId = fields.string()
    const messageId = fields.number64()
    const packetId = fields.uint16()
    const qos = fields.qos()
    const retain = fields.uint8() === 1
    const isIncoming = fields.uint8() === 0
    const state = fields.uint8()
    this.#queue(clientId, { messageId, packetId, qos, state, retain, isIncoming, identifiers: [] })
  }

  #queue(clientId: string, message: ClientMessage): void {
    this.#clientOf(clientId).messages.push(message)
  }

  #readSubscription(fields: Fields): void {
    const identifier = fields.uint32()
    if (identifier > IDENTIFIER_MAX)
      throw new DatabaseError(`it is damaged: ${identifier} is no Subscription Identifier`)
    const idBytes = fields.uint16()
    const filterBytes = fields.uint16()
    const qos = fields.qos()
    const options = fields.uint8()
    fields.bytes(2)
    const clientId = fields.text(idBytes, 'its client id')
    this.#subscribe(clientId, fields.text(filterBytes, 'its filter'), qos, options, identifier)
  }

  #subscribe(clientId: string, filter: string, qos: QoS, options: number, identifier: number) {
    if (parseFilter(filter) === null) {
      throw new DatabaseError(`it is damaged: ${JSON.stringify(filter)} is no topic filter`)
    }
    const handling = (options >> 4) & 3
    this.#clientOf(clientId).subscriptions.set(filter, {
      filter,
      qos,
      noLocal: (options & 4) !== 0,
      retainAsPublished: (options & 8) !== 0,
      retainHandling: handling === 3 ? 0 : (handling as 0 | 1 | 2),
      identifier,
    })
  }

  #readClient(fields: Fields): void {
    const { left } = fields
    const expiry = Number(fields.number64())
    const expirySeconds = fields.uint32()
    fields.uint16()
    const idBytes = fields.uint16()
    const hasUser = this.#format === 6
    if (hasUser) fields.uint16()
    const userBytes = hasUser ? fields.uint16() : 0
    // A machine of 32 bits writes four bytes less of padding.
    const padding = left - fields.used - idBytes - userBytes
    if (padding !== 0 && padding !== 4)
      throw new DatabaseError(`it is damaged: a client has ${padding} bytes too many`)
    fields.bytes(padding)
    const clientId = fields.text(idBytes, 'its client id')
    const username = this.#usernames.read(fields.bytes(userBytes))
    const expiresAt = expiry === 0 || expirySeconds === NEVER ? null : expiry * 1_000
    this.#clients.set(clientId, { ...this.#clientOf(clientId), username, expirySeconds, expiresAt })
  }

  #clientOf(clientId: string): DatabaseClient {
    const known = this.#clients.get(clientId)
    if (known !== undefined) return known
    const client = {
      clientId,
      username: null,
      expirySeconds: NEVER,
      expiresAt: null,
      subscriptions: new Map(),
      messages: [],
    }
    this.#clients.set(clientId, client)
    return client
  }
}

/**
 * mosquitto 1.6.11 to 2.0.15 write user names that are not there: after a client with a user the next one without gets bytes of memory
 * under its name, and the one after that the name itself. So a name that comes again after such bytes counts for nothing.
 */
class Usernames {
  #last = ''
  #isDoubtful = false

  read(bytes: Buffer): string | null {
    if (bytes.length === 0) return null
    const name = nameOrNull(bytes)
    if (name === null) {
      this.#isDoubtful = true
      return null
    }
    const isStale = this.#isDoubtful && name === this.#last
    this.#isDoubtful = false
    this.#last = name
    return isStale ? null : name
  }
}

function topicOf(text: string): string {
  if (isTopicName(text)) return text
  throw new DatabaseError(`it is damaged: ${JSON.stringify(text)} is no topic`)
}

/** Returns null for nothing, and for bytes that are no name. */
function nameOrNull(bytes: Buffer): string | null {
  if (bytes.length === 0 || bytes.includes(0) || !isUtf8(bytes)) return null
  return bytes.toString('utf8')
}

/** The fields of one chunk. Throws MalformedPacket where they go beyond its end. */
class Fields {
  readonly #reader: Reader
  readonly #start: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#reader = new Reader(bytes, start, end, USER_PROPERTIES_MAX)
    this.#start = start
  }

  get left(): number {
    return this.#reader.end - this.#reader.position
  }

  get used(): number {
    return this.#reader.position - this.#start
  }

  uint8(): number {
    return this.#reader.uint8(FIELD)
  }

  uint16(): number {
    return this.#reader.uint16(FIELD)
  }

  uint32(): number {
    return this.#reader.uint32(FIELD)
  }

  qos(): QoS {
    const value = this.uint8()
    if (value === 0 || value === 1 || value === 2) return value
    throw new DatabaseError(`it is damaged: ${value} is no QoS`)
  }

  /** Little-endian, as nearly all machines have it. */
  number64(): bigint {
    return this.bytes(8).readBigUInt64LE()
  }

  string(): string {
    return this.#reader.string(FIELD)
  }

  text(length: number, what: string): string {
    const bytes = this.bytes(length)
    return textOf(bytes, 0, bytes.length, what)
  }

  bytes(length: number): Buffer {
    const { bytes, position, end } = this.#reader
    if (position + length > end) throw new DatabaseError(`it is damaged: ${FIELD} is too long`)
    this.#reader.position += length
    return bytes.subarray(position, position + length)
  }

  /** They are there only if bytes are left. */
  properties(): Properties {
    if (this.left === 0) return NO_PROPERTIES
    const read = readProperties(this.#reader, 'publish')
    this.#reader.assertEnd('a chunk')
    return read
  }
}

const LACKS =
  'wills and $share subscriptions are not in such a file: clients of share groups must subscribe again'
/** The largest Variable Byte Integer. */
const IDENTIFIER_MAX = 268_435_455
const FIELD = 'a field'
const USER_PROPERTIES_MAX = 65_535

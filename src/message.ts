// An Application Message. It does not change after it was published, except for the memory that its bytes are in and the
// count of its holders.

import { NO_PROPERTIES, type Properties, type QoS, type UserProperty } from './packet/packet.ts'
import { loanOf } from './packet/packet-memory.ts'
import { SMALL_BYTES_MAX } from './packet/sizes.ts'

export interface Message {
  /** A full topic name: aliases are resolved before a message is made. */
  readonly topic: string
  /** It may be in lent memory, valid only in this turn or while the memory account counts the message: see `withOwnBytes`. */
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  /** The properties that are forwarded unaltered: payload format, content type, response topic, correlation data, user properties. */
  readonly properties: Properties
  /** The client id of the publisher; null for a message of the broker itself. */
  readonly publisher: string | null
  /** The time of the broker's clock, in milliseconds, from which it is not delivered any more; Infinity for never. */
  readonly expiresAt: number
  /** Its number in the order of all messages of this broker, from 1. The store identifies it by this number. */
  readonly sequence: number
  /** The publisher of a retained message. It is asked for the right again when the message is delivered. Null or left out: unknown. */
  readonly author?: Author | null
  /** How many queues, windows and retained topics keep it: see `MemoryAccount`. Stores ignore it. */
  readonly held?: number
  /** The cached result of `contentBytes`; 0 before the first call. Stores ignore it. */
  readonly weighed?: number
}

/** Who a client was when it published, besides its client id. */
export interface Author {
  readonly username: string | null
  readonly address: string
  readonly authentication: string
}

/** The source of a message: a PUBLISH, a will, or a publication of the embedding program. */
export interface Publishable {
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: Properties
}

/** The broker, which gives messages their time and their number. */
interface MessageNumbers {
  readonly now: number
  nextSequence(): number
}

/** Makes a message. This is the only place where messages are made. It keeps only properties that may be forwarded. */
export function makeMessage(
  from: Publishable,
  topic: string,
  publisher: string | null,
  numbers: MessageNumbers,
): Message {
  const { properties } = from
  const expiry = properties.messageExpiryInterval
  return {
    topic,
    payload: from.payload,
    qos: from.qos,
    retain: from.retain,
    properties: properties === NO_PROPERTIES ? NO_PROPERTIES : forwarded(properties),
    publisher,
    expiresAt: expiry === undefined ? Infinity : numbers.now + expiry * 1_000,
    sequence: numbers.nextSequence(),
    author: null,
    held: 0,
    weighed: 0,
  }
}

/** Returns a delayed message as it is published: it is a new one. */
export function published(held: Message, numbers: MessageNumbers): Message {
  return { ...held, sequence: numbers.nextSequence(), held: 0, weighed: 0 }
}

/** Returns a message of another partition with a number of this one. */
export function fromElsewhere(
  message: Message,
  numbers: Pick<MessageNumbers, 'nextSequence'>,
): Message {
  return { ...message, sequence: numbers.nextSequence(), held: 0, weighed: 0 }
}

/**
 * Makes a message the newest one, whose expiry counts from now. `since`: when it was made. Nobody may have seen it yet: not the store
 * either, which knows it by its number.
 */
export function renumber(message: Message, since: number, numbers: MessageNumbers): void {
  const sheet: { sequence: number; expiresAt: number } = message
  sheet.sequence = numbers.nextSequence()
  sheet.expiresAt += numbers.now - since
}

/** Sets the publisher of a retained message, at once after it was made. */
export function authoredBy(message: Message, author: Author | null): void {
  const sheet: { author?: Author | null } = message
  sheet.author = author
}

interface Forwarded {
  payloadFormatIndicator?: 0 | 1
  contentType?: string
  responseTopic?: string
  correlationData?: Buffer
  userProperties?: readonly UserProperty[]
}

/** Returns the properties that are forwarded unaltered [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-20]. */
export function forwarded(properties: Properties): Properties {
  const kept: Forwarded = {}
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties
  if (payloadFormatIndicator !== undefined) kept.payloadFormatIndicator = payloadFormatIndicator
  if (contentType !== undefined) kept.contentType = contentType
  if (responseTopic !== undefined) kept.responseTopic = responseTopic
  if (correlationData !== undefined) kept.correlationData = ownCopy(correlationData)
  // An array that grew while it was read has unused capacity; the copy has none.
  if (properties.userProperties !== undefined) kept.userProperties = [...properties.userProperties]
  return Object.keys(kept).length === 0 ? NO_PROPERTIES : kept
}

/** Returns the message in a form that may be kept beyond the turn: a payload in lent memory is copied. */
export function withOwnBytes(message: Message): Message {
  if (message.qos === 0 && !message.retain) {
    return { ...message, payload: ownCopy(message.payload), held: 0 }
  }
  // Payloads of QoS 1 and 2 were copied when they were decoded, but for large ones.
  compactBytes(message)
  return message
}

/** Returns the message as a program gets it. It cannot be changed: the message itself is in the queues of clients. Its bytes are shared. */
export function shownMessage(message: Message): Message {
  const owned = withOwnBytes(message)
  return Object.freeze({ ...owned, properties: frozenProperties(owned.properties) })
}

/** Prevents that code of a program changes them where they are, which nothing would check. */
export function frozenProperties(properties: Properties): Properties {
  if (Object.isFrozen(properties)) return properties
  const { userProperties } = properties
  if (userProperties !== undefined) {
    for (const pair of userProperties) Object.freeze(pair)
    Object.freeze(userProperties)
  }
  return Object.freeze(properties)
}

/**
 * Gives a message that is kept for long memory of its own. A small payload is in Node's pool, where it would prevent
 * 8 KiB from being freed; a large one may be in lent memory.
 */
export function compactBytes(message: Message): void {
  const { payload } = message
  if (payload.length <= SMALL_BYTES_MAX) return
  if (payload.buffer.byteLength <= 2 * payload.length && loanOf(payload) === null) return
  // All holders of the message share the copy.
  const place: { payload: Buffer } = message
  place.payload = ownCopy(payload)
}

/** Returns a copy in memory that is not shared. */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

// The heap bytes of kept objects, besides their content, in Node 20 (measured in test/weights.test.ts, and rounded up).
const STRING_BYTES = 24
const PAIR_BYTES = 64
const PROPERTIES_BYTES = 160
const BUFFER_BYTES = 192
const AUTHOR_BYTES = 96
/** The objects of a message, its topic and its payload. */
export const MESSAGE_BYTES = 320

/** Shorter texts are counted as if they had a character beyond Latin-1, because checking would cost more time. */
const EXACT_TEXT_MIN = 128

/** Returns the heap bytes of a text: one per character, or two if any character is beyond Latin-1. */
export function textBytes(text: string): number {
  const { length } = text
  if (length < EXACT_TEXT_MIN) return 2 * length
  return Buffer.byteLength(text) === length ? length : 2 * length
}

/** Returns the bytes of topic, payload, publisher and properties, with an allowance for each property. The store counts the same. */
export function contentBytes(message: Message): number {
  const { weighed } = message
  if (weighed !== undefined && weighed !== 0) return weighed
  const bytes = weightOf(message)
  // It is cached because each message needs it several times. A message from the store is computed again.
  if (weighed === 0) {
    const scale: { weighed?: number } = message
    scale.weighed = bytes
  }
  return bytes
}

function weightOf(message: Message): number {
  const { properties, publisher, author } = message
  // Each message from the store has its own copy of the client id.
  const name = publisher === null ? 0 : 2 * publisher.length
  const bare = message.payload.length + textBytes(message.topic) + name + authorBytes(author)
  return isEmpty(properties) ? bare : bare + propertiesBytes(properties)
}

/** A store of others returns an empty object of its own. */
function isEmpty(properties: Properties): boolean {
  if (properties === NO_PROPERTIES) return true
  for (const _ in properties) return false
  return true
}

/** Each message from the store has its own author. */
function authorBytes(author: Author | null | undefined): number {
  if (author === null || author === undefined) return 0
  const { username, address } = author
  return AUTHOR_BYTES + textBytes(username ?? '') + textBytes(address)
}

/** Returns the bytes of the Subscription Identifiers of one delivery: one for each matching filter of its client. */
export function identifiersBytes(identifiers: readonly number[]): number {
  return 8 * identifiers.length
}

/** Returns the part of `contentBytes` that is outside of the heap. */
export function bufferBytes(message: Message): number {
  const { payload, properties } = message
  const data = properties === NO_PROPERTIES ? undefined : properties.correlationData
  return outside(payload) + (data === undefined ? 0 : outside(data))
}

function outside({ length }: Buffer): number {
  return length > SMALL_BYTES_MAX ? length : 0
}

export function propertiesBytes(properties: Properties): number {
  const { contentType, responseTopic, correlationData, userProperties } = properties
  let bytes = PROPERTIES_BYTES
  if (contentType !== undefined) bytes += STRING_BYTES + textBytes(contentType)
  if (responseTopic !== undefined) bytes += STRING_BYTES + textBytes(responseTopic)
  if (correlationData !== undefined) bytes += BUFFER_BYTES + correlationData.length
  if (userProperties === undefined) return bytes
  for (const [name, value] of userProperties) {
    bytes += PAIR_BYTES + 2 * STRING_BYTES + textBytes(name) + textBytes(value)
  }
  return bytes
}

/** A version, a trace id, a parent id and flags, as W3C Trace Context level 1 writes them (section 3.2). */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Returns the trace that the message belongs to, from its user property `traceparent`; null if it has none. */
export function traceparentOf({
  userProperties,
}: Pick<Properties, 'userProperties'>): string | null {
  const found = userProperties?.find(([name]) => name === 'traceparent')?.[1] ?? ''
  return TRACEPARENT.test(found) ? found : null
}

// An Application Message: what the broker exists to move. It is never changed after it was published, but for where
// its bytes lie and how many keep it.

import { NO_PROPERTIES, type Properties, type QoS, type UserProperty } from './packet/packet.ts'
import { SMALL_BYTES_MAX } from './packet/sizes.ts'

export interface Message {
  /** Always a full topic name: an alias was resolved before this was made. */
  readonly topic: string
  /** At QoS 0 it may lie in memory that a socket only lent: see `owningBytes`. */
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  /** What is forwarded unaltered: payload format, content type, response topic, correlation data, user properties. */
  readonly properties: Properties
  /** Client id of the publisher; null when the broker itself speaks. */
  readonly publisher: string | null
  /** Milliseconds of the broker's clock after which it is not delivered any more; Infinity for never. */
  readonly expiresAt: number
  /** The place in the order of all messages of this broker; also its name in the store. Starts at 1. */
  readonly sequence: number
  /** How many waiting lines, windows and retained topics keep it: see `MemoryAccount`. A store need not know. */
  readonly held?: number
  /** What `contentBytes` has found, once it was asked; 0 before. A store need not know. */
  readonly weighed?: number
}

/** What a message is made from: a PUBLISH, a will, or what the embedding program says. */
export interface Publishable {
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: Properties
}

/** Who gives messages their time and their number: the broker. */
interface MessageNumbers {
  readonly now: number
  nextSequence(): number
}

/** The one place where a message begins. It bears nothing but what may be forwarded. */
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
    held: 0,
    weighed: 0,
  }
}

interface Forwarded {
  payloadFormatIndicator?: 0 | 1
  contentType?: string
  responseTopic?: string
  correlationData?: Buffer
  userProperties?: readonly UserProperty[]
}

/** What goes on to subscribers unaltered [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-20]. */
export function forwarded(properties: Properties): Properties {
  const kept: Forwarded = {}
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties
  if (payloadFormatIndicator !== undefined) kept.payloadFormatIndicator = payloadFormatIndicator
  if (contentType !== undefined) kept.contentType = contentType
  if (responseTopic !== undefined) kept.responseTopic = responseTopic
  if (correlationData !== undefined) kept.correlationData = ownCopy(correlationData)
  // A list that grew as it was read has room for more.
  if (properties.userProperties !== undefined) kept.userProperties = [...properties.userProperties]
  return Object.keys(kept).length === 0 ? NO_PROPERTIES : kept
}

/** The message as it may be kept beyond the turn: at QoS 0 its payload may lie in memory that a socket lent for a moment. */
export function owningBytes(message: Message): Message {
  if (message.qos === 0 && !message.retain) {
    return { ...message, payload: ownCopy(message.payload), held: 0 }
  }
  // These were given memory of their own as they were decoded, if only a part of what many share.
  settleBytes(message)
  return message
}

/**
 * For a message of QoS 1 or 2, or a retained one, that is kept for long: a small payload lies in memory that it shares
 * with others, and would keep 8 KiB of it from being freed.
 */
export function settleBytes(message: Message): void {
  const { payload } = message
  if (payload.length <= SMALL_BYTES_MAX || payload.buffer.byteLength <= 2 * payload.length) return
  // All who keep the message share the copy.
  const place: { payload: Buffer } = message
  place.payload = ownCopy(payload)
}

/** Memory that is nobody else's. */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

// What is kept weighs, besides its bytes, in the heap of Node 20 (measured in test/weights.test.ts, and rounded up).
const STRING_BYTES = 24
const PAIR_BYTES = 64
const PROPERTIES_BYTES = 160
const BUFFER_BYTES = 192
/** The object of a message, with those of its topic and its payload. */
export const MESSAGE_BYTES = 320

/** Shorter texts are counted as if they had a character beyond Latin-1: to look would cost more. */
const EXACT_TEXT_MIN = 128

/** A text takes one byte a character, or two when a single one of them is beyond Latin-1. */
export function textBytes(text: string): number {
  const { length } = text
  if (length < EXACT_TEXT_MIN) return 2 * length
  return Buffer.byteLength(text) === length ? length : 2 * length
}

/** Topic, payload, publisher and properties together, with an allowance for what each property takes: the same here and in the store. */
export function contentBytes(message: Message): number {
  const { weighed } = message
  if (weighed !== undefined && weighed !== 0) return weighed
  const bytes = weightOf(message)
  // Asked for several times on the way of each message. One that the store gave back is weighed anew.
  if (weighed === 0) {
    const scale: { weighed?: number } = message
    scale.weighed = bytes
  }
  return bytes
}

function weightOf(message: Message): number {
  const { properties, publisher } = message
  // What the store gives back has a text of its own for each client id.
  const name = publisher === null ? 0 : 2 * publisher.length
  const bare = message.payload.length + textBytes(message.topic) + name
  return properties === NO_PROPERTIES ? bare : bare + propertiesBytes(properties)
}

/** The Subscription Identifiers of one delivery: as many as its client has matching filters. */
export function identifiersBytes(identifiers: readonly number[]): number {
  return 8 * identifiers.length
}

/** Those of `contentBytes` that lie outside of the heap. */
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

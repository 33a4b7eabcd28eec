// Encodes messages and wills as the bytes of a store.

import type { Author, Message } from '../message.ts'
import { NO_PROPERTIES, type Properties, type QoS, type Will } from '../packet/packet.ts'
import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from './bytes.ts'

// The first byte of a message: its QoS in the two lowest bits, and flags for optional fields.
const RETAIN = 4
const HAS_PUBLISHER = 8
const HAS_PROPERTIES = 16
const EXPIRES = 32
const HAS_AUTHOR = 64

export function writeMessage(writer: Writer, message: Message): void {
  const { topic, payload, qos, retain, properties, publisher, expiresAt, sequence } = message
  const { author = null } = message
  writer.uint8(
    qos |
      (retain ? RETAIN : 0) |
      (publisher === null ? 0 : HAS_PUBLISHER) |
      (properties === NO_PROPERTIES ? 0 : HAS_PROPERTIES) |
      (expiresAt === Infinity ? 0 : EXPIRES) |
      (author === null ? 0 : HAS_AUTHOR),
  )
  writer.uint53(sequence)
  writer.string(topic)
  writer.uint32(payload.length)
  writer.raw(payload)
  if (publisher !== null) writer.string(publisher)
  if (properties !== NO_PROPERTIES) writeForwarded(writer, properties)
  if (expiresAt !== Infinity) writer.double(expiresAt)
  if (author !== null) writeAuthor(writer, author)
}

export function readMessage(reader: ByteReader): Message {
  const flags = reader.uint8()
  const sequence = reader.uint53()
  const topic = reader.string()
  const payload = reader.binary()
  const message: Message = {
    topic,
    payload,
    qos: qosIn(flags),
    retain: (flags & RETAIN) !== 0,
    publisher: (flags & HAS_PUBLISHER) === 0 ? null : reader.string(),
    properties: (flags & HAS_PROPERTIES) === 0 ? NO_PROPERTIES : readForwarded(reader),
    expiresAt: (flags & EXPIRES) === 0 ? Infinity : reader.double(),
    sequence,
  }
  return (flags & HAS_AUTHOR) === 0 ? message : { ...message, author: readAuthor(reader) }
}

export function writeAuthor(writer: Writer, { username, address, authentication }: Author): void {
  writer.uint8(username === null ? 0 : 1)
  if (username !== null) writer.string(username)
  writer.string(address)
  writer.string(authentication)
}

export function readAuthor(reader: ByteReader): Author {
  const username = reader.uint8() === 0 ? null : reader.string()
  return { username, address: reader.name(), authentication: reader.name() }
}

export function writeWill(writer: Writer, will: Will): void {
  const { topic, payload, qos, retain, properties } = will
  writer.uint8(qos | (retain ? RETAIN : 0) | (properties === NO_PROPERTIES ? 0 : HAS_PROPERTIES))
  writer.string(topic)
  writer.uint32(payload.length)
  writer.raw(payload)
  if (properties !== NO_PROPERTIES) writeForwarded(writer, properties)
}

export function readWill(reader: ByteReader): Will {
  const flags = reader.uint8()
  return {
    topic: reader.string(),
    payload: reader.binary(),
    qos: qosIn(flags),
    retain: (flags & RETAIN) !== 0,
    properties: (flags & HAS_PROPERTIES) === 0 ? NO_PROPERTIES : readForwarded(reader),
  }
}

export function qosIn(flags: number): QoS {
  const qos = flags & 3
  return qos === 2 ? 2 : qos === 1 ? 1 : 0
}

// Flags for the properties that follow: those that are forwarded, and two that only a will has.
const PAYLOAD_FORMAT = 1
const CONTENT_TYPE = 2
const RESPONSE_TOPIC = 4
const CORRELATION_DATA = 8
const USER_PROPERTIES = 16
const WILL_DELAY = 32
const MESSAGE_EXPIRY = 64

function writeForwarded(writer: Writer, properties: Properties): void {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties
  const { userProperties, willDelayInterval, messageExpiryInterval } = properties
  writer.uint8(
    (payloadFormatIndicator === undefined ? 0 : PAYLOAD_FORMAT) |
      (contentType === undefined ? 0 : CONTENT_TYPE) |
      (responseTopic === undefined ? 0 : RESPONSE_TOPIC) |
      (correlationData === undefined ? 0 : CORRELATION_DATA) |
      (userProperties === undefined ? 0 : USER_PROPERTIES) |
      (willDelayInterval === undefined ? 0 : WILL_DELAY) |
      (messageExpiryInterval === undefined ? 0 : MESSAGE_EXPIRY),
  )
  if (payloadFormatIndicator !== undefined) writer.uint8(payloadFormatIndicator)
  if (contentType !== undefined) writer.string(contentType)
  if (responseTopic !== undefined) writer.string(responseTopic)
  if (correlationData !== undefined) {
    writer.uint32(correlationData.length)
    writer.raw(correlationData)
  }
  if (userProperties !== undefined) {
    writer.uint32(userProperties.length)
    for (const [name, value] of userProperties) {
      writer.string(name)
      writer.string(value)
    }
  }
  if (willDelayInterval !== undefined) writer.uint32(willDelayInterval)
  if (messageExpiryInterval !== undefined) writer.uint32(messageExpiryInterval)
}

function readForwarded(reader: ByteReader): Properties {
  const present = reader.uint8()
  return {
    ...((present & PAYLOAD_FORMAT) !== 0 && {
      payloadFormatIndicator: reader.uint8() === 1 ? (1 as const) : (0 as const),
    }),
    ...((present & CONTENT_TYPE) !== 0 && { contentType: reader.string() }),
    ...((present & RESPONSE_TOPIC) !== 0 && { responseTopic: reader.string() }),
    ...((present & CORRELATION_DATA) !== 0 && { correlationData: reader.binary() }),
    ...((present & USER_PROPERTIES) !== 0 && {
      userProperties: Array.from(
        { length: reader.uint32() },
        () => [reader.string(), reader.string()] as const,
      ),
    }),
    ...((present & WILL_DELAY) !== 0 && { willDelayInterval: reader.uint32() }),
    ...((present & MESSAGE_EXPIRY) !== 0 && { messageExpiryInterval: reader.uint32() }),
  }
}

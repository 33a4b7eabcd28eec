// Validates publications of an embedding program, as the codec validates packets.

import { ownCopy, propertiesBytes, type Publishable } from '../message.ts'
import { REMAINING_LENGTH_MAX } from '../packet/fixed-header.ts'
import { NO_PROPERTIES, type Properties, type QoS, type UserProperty } from '../packet/packet.ts'
import { textOf } from '../packet/text.ts'
import { FIELD_BYTES_MAX } from '../packet/writer.ts'
import { isTopicName } from '../routing/topic.ts'
import { thrownSentence } from '../thrown.ts'

/** A message that the embedding program publishes. */
export interface Publication {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos?: QoS
  readonly retain?: boolean
  /** The properties that are forwarded to receivers. Others are left out. */
  readonly properties?: Properties
}

const EXPIRY_SECONDS_MAX = 4_294_967_295
/** The largest payload: with topic and header the packet has the largest size of MQTT. */
const PACKET_BYTES_MAX = REMAINING_LENGTH_MAX - FIELD_BYTES_MAX - 16

/** Returns a copy of everything that is forwarded. Throws a TypeError for values that MQTT does not allow. */
export function checkedPublication(publication: Publication): {
  readonly topic: string
  readonly said: Publishable
} {
  const { topic, payload, qos = 0, retain = false, properties = NO_PROPERTIES } = publication
  assertTopic(topic, 'the topic')
  if (qos !== 0 && qos !== 1 && qos !== 2)
    throw new TypeError(`the QoS is 0, 1 or 2, not ${shown(qos)}`)
  if (typeof retain !== 'boolean')
    throw new TypeError(`retain is true or false, not ${shown(retain)}`)
  if (typeof properties !== 'object' || properties === null) {
    throw new TypeError(`the properties are an object, not ${shown(properties)}`)
  }
  const kept = checkedProperties(properties)
  const bytes = checkedPayload(payload)
  if (bytes.length + propertiesBytes(kept) > PACKET_BYTES_MAX) {
    throw new TypeError('payload and properties are larger than a packet of MQTT can be')
  }
  return { topic, said: { payload: ownCopy(bytes), qos, retain, properties: kept } }
}

function checkedPayload(payload: unknown): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : bytesIn(payload)
  if (bytes === null) {
    throw new TypeError(`the payload is a Buffer or a string, not ${shown(payload)}`)
  }
  return bytes
}

function checkedProperties(properties: Properties): Properties {
  const { payloadFormatIndicator, messageExpiryInterval, contentType } = properties
  const { responseTopic, correlationData, userProperties } = properties
  if (payloadFormatIndicator !== undefined) assertFormat(payloadFormatIndicator)
  if (messageExpiryInterval !== undefined) assertExpiry(messageExpiryInterval)
  if (contentType !== undefined) assertText(contentType, 'the content type')
  if (responseTopic !== undefined) assertTopic(responseTopic, 'the response topic')
  const kept: Properties = {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: checkedData(correlationData) }),
    ...(userProperties !== undefined && { userProperties: checkedPairs(userProperties) }),
  }
  return Object.keys(kept).length === 0 ? NO_PROPERTIES : kept
}

function assertFormat(format: unknown): void {
  if (format === 0 || format === 1) return
  throw new TypeError(`the payload format indicator is 0 or 1, not ${shown(format)}`)
}

function assertExpiry(seconds: unknown): void {
  if (
    typeof seconds === 'number' &&
    Number.isInteger(seconds) &&
    seconds >= 0 &&
    seconds <= EXPIRY_SECONDS_MAX
  ) {
    return
  }
  throw new TypeError(
    `the message expiry interval is whole seconds up to ${EXPIRY_SECONDS_MAX}, not ${shown(seconds)}`,
  )
}

function checkedData(data: unknown): Buffer {
  const bytes = bytesIn(data)
  if (bytes === null) throw new TypeError(`the correlation data is a Buffer, not ${shown(data)}`)
  if (bytes.length > FIELD_BYTES_MAX) {
    throw new TypeError(
      `the correlation data has ${bytes.length} bytes, more than ${FIELD_BYTES_MAX}`,
    )
  }
  return bytes
}

function checkedPairs(pairs: unknown): readonly UserProperty[] {
  if (!Array.isArray(pairs)) throw new TypeError('the user properties are a list of pairs')
  return pairs.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(`a user property is a name and a value, not ${shown(pair)}`)
    }
    const [name, value]: readonly unknown[] = pair
    return [
      assertText(name, 'the name of a user property'),
      assertText(value, 'the value of a user property'),
    ] as const
  })
}

function assertTopic(topic: unknown, what: string): void {
  if (!isTopicName(assertText(topic, what))) {
    throw new TypeError(`${what} ${shown(topic)} is no topic name`)
  }
}

/** Whether the codec would accept the text [MQTT-1.5.4-1, MQTT-1.5.4-2]. */
function assertText(text: unknown, what: string): string {
  if (typeof text !== 'string') throw new TypeError(`${what} is a string, not ${shown(text)}`)
  const bytes = Buffer.from(text)
  if (bytes.length > FIELD_BYTES_MAX) {
    throw new TypeError(`${what} has ${bytes.length} bytes, more than ${FIELD_BYTES_MAX}`)
  }
  let read = ''
  try {
    read = textOf(bytes, 0, bytes.length, what)
  } catch (error) {
    throw new TypeError(thrownSentence(error))
  }
  if (read !== text) throw new TypeError(`${what} has half of a surrogate pair`)
  return read
}

function bytesIn(value: unknown): Buffer | null {
  if (Buffer.isBuffer(value)) return value
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : null
}

/** Shortens a value for a sentence. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : String(value)
  return text.slice(0, 80)
}

// The encoded packets of the generator, for MQTT 3.1.1, which all brokers support, or MQTT 5. Nothing is encoded during the
// measured time.

import { STAMP_BYTES } from './stamp.ts'

export const CONNACK = 2
export const PUBLISH = 3
export const PUBACK = 4
export const PUBREC = 5
export const PUBREL = 6
export const PUBCOMP = 7
export const SUBACK = 9
export const PINGRESP = 13

export type QoS = 0 | 1 | 2

export const PINGREQ_BYTES: Buffer = Buffer.from([0xc0, 0])
export const DISCONNECT_BYTES: Buffer = Buffer.from([0xe0, 0])

/** Topic Alias Maximum: how many aliases the broker may use. */
const ALIASES_MAX = 10
const CONNECT_PROPERTIES = [3, 0x22, 0, ALIASES_MAX]
const TOPIC_ALIAS = [0x23, 0, 1]
const USER_PROPERTIES = [...userProperty('sensor', 'north-1'), ...userProperty('unit', 'celsius')]

export function connectPacket(
  clientId: string,
  cleanSession: boolean,
  isVersion5: boolean,
): Buffer {
  const keepAliveSeconds = 0
  const head = [...text('MQTT'), isVersion5 ? 5 : 4, cleanSession ? 2 : 0, keepAliveSeconds, 0]
  const properties = isVersion5 ? CONNECT_PROPERTIES : []
  return packet(0x10, [...head, ...properties, ...text(clientId)])
}

export function subscribePacket(
  packetId: number,
  filters: readonly string[],
  qos: QoS,
  isVersion5: boolean,
): Buffer {
  const body = [packetId >> 8, packetId & 0xff]
  if (isVersion5) body.push(0)
  for (const filter of filters) body.push(...text(filter), qos)
  return packet(0x82, body)
}

/** A packet that is used for many messages. Only its packet identifier and its stamp change. */
export interface PublishForm {
  readonly bytes: Buffer
  /** -1 at QoS 0. */
  readonly packetIdOffset: number
  readonly payloadOffset: number
}

/** The properties in MQTT 5: of the first PUBLISH, which has the topic, and of later ones, which have the alias only. */
export const ALIAS_PROPERTIES: readonly number[] = [
  ...varint(TOPIC_ALIAS.length + USER_PROPERTIES.length),
  ...TOPIC_ALIAS,
  ...USER_PROPERTIES,
]

/** `properties` with their length in front; no bytes in MQTT 3.1.1. */
export function publishForm(
  topic: string,
  qos: QoS,
  payloadBytes: number,
  retain = false,
  properties: readonly number[] = [],
): PublishForm {
  if (payloadBytes < STAMP_BYTES) throw new RangeError(`a payload has ${STAMP_BYTES} bytes or more`)
  const name = Buffer.from(topic)
  const idBytes = qos === 0 ? 0 : 2
  const remaining = 2 + name.length + idBytes + properties.length + payloadBytes
  const length = varint(remaining)
  const bytes = Buffer.alloc(1 + length.length + remaining, 0x2e)
  bytes[0] = 0x30 | (qos << 1) | (retain ? 1 : 0)
  bytes.set(length, 1)
  const at = 1 + length.length
  bytes.writeUInt16BE(name.length, at)
  bytes.set(name, at + 2)
  const packetIdOffset = at + 2 + name.length
  bytes.fill(0, packetIdOffset, packetIdOffset + idBytes)
  bytes.set(properties, packetIdOffset + idBytes)
  return {
    bytes,
    packetIdOffset: qos === 0 ? -1 : packetIdOffset,
    payloadOffset: packetIdOffset + idBytes + properties.length,
  }
}

/** A PUBLISH that is no measured message: its packet identifier is 65,535. */
export function publishPacket(topic: string, qos: QoS, payload: string): Buffer {
  const identifier = qos === 0 ? [] : [0xff, 0xff]
  return packet(0x30 | (qos << 1), [...text(topic), ...identifier, ...Buffer.from(payload)])
}

/** The next packet identifier, 1 to 65,535 in a cycle. */
export function packetIdOf(sequence: number): number {
  return (sequence % 65_535) + 1
}

function packet(first: number, body: readonly number[]): Buffer {
  return Buffer.from([first, ...varint(body.length), ...body])
}

function userProperty(name: string, value: string): number[] {
  return [0x26, ...text(name), ...text(value)]
}

function text(value: string): number[] {
  const bytes = Buffer.from(value)
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return bytes
}

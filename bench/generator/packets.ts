// The bytes of what the generator says. MQTT 3.1.1, which all brokers speak; nothing is encoded while it is measured.

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

export function connectPacket(clientId: string, cleanSession: boolean): Buffer {
  const keepAliveSeconds = 0
  const head = [...text('MQTT'), 4, cleanSession ? 2 : 0, keepAliveSeconds, 0]
  return packet(0x10, [...head, ...text(clientId)])
}

export function subscribePacket(packetId: number, filters: readonly string[], qos: QoS): Buffer {
  const body = [packetId >> 8, packetId & 0xff]
  for (const filter of filters) body.push(...text(filter), qos)
  return packet(0x82, body)
}

/** A packet that many messages are made of: only its packet identifier and its stamp change. */
export interface PublishForm {
  readonly bytes: Buffer
  /** -1 at QoS 0. */
  readonly packetIdOffset: number
  readonly payloadOffset: number
}

export function publishForm(
  topic: string,
  qos: QoS,
  payloadBytes: number,
  retain = false,
): PublishForm {
  if (payloadBytes < STAMP_BYTES) throw new RangeError(`a payload has ${STAMP_BYTES} bytes or more`)
  const name = Buffer.from(topic)
  const idBytes = qos === 0 ? 0 : 2
  const remaining = 2 + name.length + idBytes + payloadBytes
  const length = varint(remaining)
  const bytes = Buffer.alloc(1 + length.length + remaining, 0x2e)
  bytes[0] = 0x30 | (qos << 1) | (retain ? 1 : 0)
  bytes.set(length, 1)
  const at = 1 + length.length
  bytes.writeUInt16BE(name.length, at)
  bytes.set(name, at + 2)
  const packetIdOffset = at + 2 + name.length
  bytes.fill(0, packetIdOffset, packetIdOffset + idBytes)
  return {
    bytes,
    packetIdOffset: qos === 0 ? -1 : packetIdOffset,
    payloadOffset: packetIdOffset + idBytes,
  }
}

/** 1 to 65,535, again and again. */
export function packetIdOf(sequence: number): number {
  return (sequence % 65_535) + 1
}

function packet(first: number, body: readonly number[]): Buffer {
  return Buffer.from([first, ...varint(body.length), ...body])
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

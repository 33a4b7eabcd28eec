// PUBLISH → bytes that many receivers share: only the packet identifier is each one's own.

import type { Properties, ProtocolVersion, QoS } from './packet.ts'
import { writeProperties } from './properties.ts'
import { varintBytes, Writer } from './writer.ts'

export interface EncodedPublish {
  /** The packet up to the payload, and with it when that is small. */
  readonly head: Buffer
  /** A large payload, to be sent after the head as it is; null when the head has it. */
  readonly payload: Buffer | null
  /** Where in the head the two bytes of the packet identifier stand; -1 at QoS 0. */
  readonly packetIdOffset: number
}

/** From this size on a payload is not copied into the head. */
export const SEPARATE_PAYLOAD_BYTES_MIN = 16_384

const PUBLISH = 0x30

const scratch = new Writer()

export function encodePublish(
  topic: string,
  payload: Buffer,
  qos: QoS,
  retain: boolean,
  duplicate: boolean,
  properties: Properties,
  version: ProtocolVersion,
): EncodedPublish {
  scratch.reset()
  if (version === 5) writeProperties(scratch, properties)
  const topicBytes = Buffer.byteLength(topic)
  const idBytes = qos === 0 ? 0 : 2
  const isSeparate = payload.length >= SEPARATE_PAYLOAD_BYTES_MIN
  const remaining = 2 + topicBytes + idBytes + scratch.length + payload.length
  const headerBytes = 1 + varintBytes(remaining)
  const headBytes = headerBytes + remaining - (isSeparate ? payload.length : 0)
  const head = Buffer.allocUnsafe(headBytes)
  head[0] = PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 0x01 : 0)
  let at = writeVarint(head, 1, remaining)
  head[at] = topicBytes >> 8
  head[at + 1] = topicBytes & 0xff
  at += 2
  // A name whose bytes are its characters is ASCII.
  if (topicBytes === topic.length) head.latin1Write(topic, at, topicBytes)
  else head.utf8Write(topic, at, topicBytes)
  at += topicBytes
  const packetIdOffset = qos === 0 ? -1 : at
  at += idBytes
  if (scratch.length > 0) head.set(scratch.bytes.subarray(0, scratch.length), at)
  if (!isSeparate && payload.length > 0) head.set(payload, at + scratch.length)
  return { head, payload: isSeparate ? payload : null, packetIdOffset }
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

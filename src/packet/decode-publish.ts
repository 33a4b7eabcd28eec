// PUBLISH → packet. It is the packet that must be fast: only the packet and its payload are allocated.

import { MalformedPacket } from './malformed.ts'
import { NO_PROPERTIES, type PublishPacket, type ReadingTerms } from './packet.ts'
import { readProperties } from './properties.ts'
import { Reader } from './reader.ts'
import { MALFORMED_PACKET, PROTOCOL_ERROR } from './reason.ts'
import { LARGE_BYTES_MIN, LOOP_BYTES_MAX, SMALL_BYTES_MAX } from './sizes.ts'
import { topicNames } from './topic-names.ts'
import { transactionTopics } from './transaction-topics.ts'

const NO_PAYLOAD = Buffer.alloc(0)
const DOLLAR = 0x24

/** `body` begins behind the fixed header; `flags` are those of the fixed header. */
export function decodePublish(
  bytes: Buffer,
  body: number,
  end: number,
  flags: number,
  { version, userPropertiesMax }: ReadingTerms,
): PublishPacket {
  const qos = (flags >> 1) & 0x03
  // [MQTT-3.3.1-4]
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new MalformedPacket(MALFORMED_PACKET, 'QoS 3')
  const duplicate = (flags & 0x08) !== 0
  // [MQTT-3.3.1-2]; 3.1 has no such rule.
  if (duplicate && qos === 0 && version > 3)
    throw new MalformedPacket(MALFORMED_PACKET, 'DUP at QoS 0')
  const topicEnd = body + 2 + (((bytes[body] ?? 0) << 8) | (bytes[body + 1] ?? 0))
  let at = qos === 0 ? topicEnd : topicEnd + 2
  if (body + 2 > end || at > end) {
    throw new MalformedPacket(MALFORMED_PACKET, 'the topic name goes beyond the end of its packet')
  }
  const transaction =
    bytes[body + 2] === DOLLAR ? transactionTopics.partsOf(bytes, body + 2, topicEnd) : null
  const topic =
    transaction === null ? topicNames.textOf(bytes, body + 2, topicEnd) : transaction.whole
  // The topic is empty only with a topic alias in 5.0 [MQTT-4.7.3-1].
  if (topic === '' && version < 5)
    throw new MalformedPacket(MALFORMED_PACKET, 'the topic name is empty')
  const packetId = qos === 0 ? 0 : ((bytes[topicEnd] ?? 0) << 8) | (bytes[topicEnd + 1] ?? 0)
  // [MQTT-2.2.1-3]
  if (packetId === 0 && qos > 0) throw new MalformedPacket(MALFORMED_PACKET, 'packet identifier 0')
  let properties = NO_PROPERTIES
  if (version === 5) {
    if (bytes[at] === 0 && at < end) {
      at += 1
    } else {
      const reader = new Reader(bytes, at, end, userPropertiesMax)
      properties = readProperties(reader, 'publish')
      at = reader.position
    }
    if (topic === '' && properties.topicAlias === undefined) {
      throw new MalformedPacket(PROTOCOL_ERROR, 'neither a topic name nor a topic alias')
    }
  }
  const retain = (flags & 0x01) !== 0
  // A message of QoS 1 or 2 is kept beyond the turn, so its payload is copied at once instead of viewed first and copied later.
  const isKept = qos > 0 || retain
  const payload =
    isKept && !isWorthKeeping(bytes, end - at) ? copyOf(bytes, at, end) : bytes.subarray(at, end)
  const type = 'publish'
  // Most packets have no more fields than these.
  if (transaction === null) {
    return { type, duplicate, qos, retain, topic, packetId, properties, payload }
  }
  return { type, duplicate, qos, retain, topic, packetId, properties, payload, transaction }
}

/** Whether the payload may stay in this memory: it belongs to the packet alone and is not much larger than the payload. */
function isWorthKeeping(bytes: Buffer, length: number): boolean {
  return length >= LARGE_BYTES_MIN && bytes.length <= 2 * length
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const length = end - start
  if (length === 0) return NO_PAYLOAD
  // A larger payload is allocated in Node's pool. A message that is kept for long gets memory of its own (see `compactBytes`).
  const copy =
    length <= SMALL_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
  if (length > LOOP_BYTES_MAX) bytes.copy(copy, 0, start, end)
  else for (let index = 0; index < length; index++) copy[index] = bytes[start + index] ?? 0
  return copy
}

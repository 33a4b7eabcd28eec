// A cache of the topic names of recent PUBLISH packets. A cached topic is not checked or decoded again.

import { MalformedPacket } from './malformed.ts'
import { TOPIC_NAME_INVALID } from './reason.ts'
import { LOOP_BYTES_MAX } from './sizes.ts'
import { textOf } from './text.ts'
import { TextCache } from './text-cache.ts'

const PLUS = '+'
const HASH = '#'
const PLUS_BYTE = 0x2b
const HASH_BYTE = 0x23

export const topicNames: TextCache = new TextCache(1_024, 128, topicNameOf)

/** Returns a topic name, or a part of one between separators. Throws MalformedPacket. */
export function topicNameOf(bytes: Buffer, start: number, end: number): string {
  if (end - start <= LOOP_BYTES_MAX && isPlain(bytes, start, end)) {
    return bytes.latin1Slice(start, end)
  }
  const topic = textOf(bytes, start, end, 'topic name')
  // [MQTT-3.3.2-2]
  if (topic.includes(PLUS) || topic.includes(HASH)) {
    throw new MalformedPacket(TOPIC_NAME_INVALID, 'the topic name has a wildcard')
  }
  return topic
}

/** Whether all is printable ASCII without a wildcard: one loop is faster than three calls into the engine. */
function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0
    if (byte < 0x20 || byte > 0x7e || byte === PLUS_BYTE || byte === HASH_BYTE) return false
  }
  return true
}

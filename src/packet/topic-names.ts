// A cache of the topic names of recent PUBLISH packets. A cached topic is not checked or decoded again.

import { MalformedPacket } from './malformed.ts'
import { TOPIC_NAME_INVALID } from './reason.ts'
import { textOf } from './text.ts'
import { TextCache } from './text-cache.ts'

const PLUS = '+'
const HASH = '#'

export const topicNames: TextCache = new TextCache(1_024, 128, topicNameOf)

/** Returns a topic name, or a part of one between separators. Throws MalformedPacket. */
export function topicNameOf(bytes: Buffer, start: number, end: number): string {
  const topic = textOf(bytes, start, end, 'topic name')
  // [MQTT-3.3.2-2]
  if (topic.includes(PLUS) || topic.includes(HASH)) {
    throw new MalformedPacket(TOPIC_NAME_INVALID, 'the topic name has a wildcard')
  }
  return topic
}

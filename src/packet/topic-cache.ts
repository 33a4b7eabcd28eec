// Topic names that were read lately: a hot topic is neither checked nor made into a string again.

import { textOf } from './text.ts'
import { TextCache } from './text-cache.ts'

const cache = new TextCache(1_024, 128, (bytes, start, end) =>
  textOf(bytes, start, end, 'topic name'),
)

export function topicNameOf(bytes: Buffer, start: number, end: number): string {
  return start === end ? '' : cache.textOf(bytes, start, end)
}

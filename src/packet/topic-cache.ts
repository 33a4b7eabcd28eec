// Topic names that were read lately, by their bytes: a hot topic is neither checked nor made into a string again.

import { textOf } from './text.ts'

const SLOTS = 1_024
/** Longer names are rare, and their comparison costs what it saves. */
const NAME_BYTES_MAX = 128

interface Slot {
  readonly bytes: Buffer
  readonly name: string
}

const slots: (Slot | undefined)[] = Array.from({ length: SLOTS }, () => undefined)

export function topicNameOf(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length === 0) return ''
  if (length > NAME_BYTES_MAX) return textOf(bytes, start, end, 'topic name')
  let hash = length
  for (let index = start; index < end; index++)
    hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0
  const place = (hash ^ (hash >>> 15)) & (SLOTS - 1)
  const slot = slots[place]
  if (slot !== undefined && isSame(slot.bytes, bytes, start, length)) return slot.name
  const name = textOf(bytes, start, end, 'topic name')
  slots[place] = { bytes: Buffer.from(bytes.subarray(start, end)), name }
  return name
}

function isSame(known: Buffer, bytes: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false
  for (let index = 0; index < length; index++)
    if (known[index] !== bytes[start + index]) return false
  return true
}

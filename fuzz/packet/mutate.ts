// Changes bytes at random: flips, replaces, inserts, removes, repeats and cuts.

import type { Random } from '../random.ts'

const EDGES = [0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0x81, 0xff, 0x23, 0x2b, 0x26]
const SLICE_BYTES_MAX = 16

/** Changes the first `length` bytes, and returns their new number. The memory must have room for some more. */
export function mutate(bytes: Buffer, length: number, random: Random): number {
  let now = length
  for (let count = 1 + random.below(random.chance(4) ? 8 : 2); count > 0 && now > 0; count--)
    now = mutateOnce(bytes, now, random)
  return now
}

function mutateOnce(bytes: Buffer, length: number, random: Random): number {
  const at = random.below(length)
  switch (random.below(8)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return length
    case 1:
      bytes[at] = random.below(256)
      return length
    case 2:
      bytes[at] = random.of(EDGES)
      return length
    case 3:
      bytes[at] = (bytes[at] ?? 0) + (random.chance(2) ? 1 : 255)
      return length
    case 4: {
      bytes.copyWithin(at + 1, at, length)
      bytes[at] = random.below(256)
      return length + 1
    }
    case 5: {
      const gone = Math.min(length - at, 1 + random.below(4))
      bytes.copyWithin(at, at + gone, length)
      return length - gone
    }
    case 6: {
      const size = Math.min(length - at, 1 + random.below(SLICE_BYTES_MAX))
      bytes.copyWithin(at + size, at, length)
      return length + size
    }
    default:
      return random.chance(4) ? at : length
  }
}

/** Makes the length in the header right again if it has one byte, so that a change reaches the fields behind it. */
export function mendLength(bytes: Buffer, length: number): void {
  if (length >= 2 && length - 2 < 128) bytes[1] = length - 2
}

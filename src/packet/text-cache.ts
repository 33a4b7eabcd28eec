// A cache of recently decoded strings by their bytes. A cached string is not checked or decoded again.

import { LOOP_BYTES_MAX, SMALL_BYTES_MAX } from './sizes.ts'

// Of xxHash.
const PRIME = 0x9e3779b1

interface Slot {
  readonly bytes: Buffer
  text: string
}

export class TextCache {
  readonly #slots: (Slot | undefined)[]
  readonly #bytesMax: number
  readonly #make: (bytes: Buffer, start: number, end: number) => string

  /** `slots` is a power of two. Strings longer than `bytesMax` are not cached: they are rare, and comparing them costs too much. */
  constructor(
    slots: number,
    bytesMax: number,
    make: (bytes: Buffer, start: number, end: number) => string,
  ) {
    this.#slots = Array.from({ length: slots }, () => undefined)
    this.#bytesMax = bytesMax
    this.#make = make
  }

  /** Returns the cached string, or the result of `make`, whose errors it passes on. */
  textOf(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0) return ''
    if (length > this.#bytesMax) return this.#make(bytes, start, end)
    // Four bytes at a time: each multiplication waits for the one before. Not a function of its own, because it is on the way of each
    // message.
    let hash = length
    let index = start
    for (; index + 3 < end; index += 4) {
      const word =
        (bytes[index] ?? 0) |
        ((bytes[index + 1] ?? 0) << 8) |
        ((bytes[index + 2] ?? 0) << 16) |
        ((bytes[index + 3] ?? 0) << 24)
      hash = Math.imul(hash ^ word, PRIME)
      hash ^= hash >>> 15
    }
    for (; index < end; index++) hash = Math.imul(hash, 31) + (bytes[index] ?? 0)
    const place = (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
    const slot = this.#slots[place]
    if (slot !== undefined && slot.bytes.length === length) {
      let same = 0
      while (same < length && slot.bytes[same] === bytes[start + same]) same++
      if (same === length) return slot.text
    }
    const text = this.#make(bytes, start, end)
    if (slot !== undefined && slot.bytes.length === length) {
      // Memory for each of many different strings would cost more than they do.
      copyInto(slot.bytes, bytes, start, length)
      slot.text = text
      return text
    }
    const copy =
      length <= SMALL_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
    copyInto(copy, bytes, start, length)
    this.#slots[place] = { bytes: copy, text }
    return text
  }
}

function copyInto(target: Buffer, bytes: Buffer, start: number, length: number): void {
  if (length > LOOP_BYTES_MAX) bytes.copy(target, 0, start, start + length)
  else for (let index = 0; index < length; index++) target[index] = bytes[start + index] ?? 0
}

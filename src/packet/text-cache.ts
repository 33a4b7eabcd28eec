// Strings that were read lately, by their bytes: one that comes again and again is neither checked nor made anew.

import { SMALL_BYTES_MAX } from './sizes.ts'

interface Slot {
  readonly bytes: Buffer
  readonly text: string
}

export class TextCache {
  readonly #slots: (Slot | undefined)[]
  readonly #bytesMax: number
  readonly #make: (bytes: Buffer, start: number, end: number) => string

  /** `slots` is a power of two. Longer strings than `bytesMax` are rare, and to compare them costs what it saves. */
  constructor(
    slots: number,
    bytesMax: number,
    make: (bytes: Buffer, start: number, end: number) => string,
  ) {
    this.#slots = Array.from({ length: slots }, () => undefined)
    this.#bytesMax = bytesMax
    this.#make = make
  }

  /** Throws what `make` throws. */
  textOf(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > this.#bytesMax) return this.#make(bytes, start, end)
    let hash = length
    for (let index = start; index < end; index++)
      hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0
    const place = (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
    const slot = this.#slots[place]
    if (slot !== undefined && isSame(slot.bytes, bytes, start, length)) return slot.text
    const text = this.#make(bytes, start, end)
    const copy =
      length <= SMALL_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
    copy.set(bytes.subarray(start, end))
    this.#slots[place] = { bytes: copy, text }
    return text
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false
  for (let index = 0; index < length; index++)
    if (known[index] !== bytes[start + index]) return false
  return true
}

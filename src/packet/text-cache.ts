// A cache of recently decoded strings by their bytes. A cached string is not checked or decoded again.

import { SMALL_BYTES_MAX } from './sizes.ts'

interface Slot {
  readonly bytes: Buffer
  readonly text: string
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
    let hash = length
    for (let index = start; index < end; index++)
      hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0
    const place = (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
    const slot = this.#slots[place]
    if (slot !== undefined && slot.bytes.length === length) {
      let same = 0
      while (same < length && slot.bytes[same] === bytes[start + same]) same++
      if (same === length) return slot.text
    }
    const text = this.#make(bytes, start, end)
    const copy =
      length <= SMALL_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
    copy.set(bytes.subarray(start, end))
    this.#slots[place] = { bytes: copy, text }
    return text
  }
}

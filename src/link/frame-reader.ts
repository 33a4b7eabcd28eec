// Bytes of a link → frames. What the other end says is not trusted: an unknown kind, or a body that is too large, is a fault.

import type { LentBytes } from '../packet/lent-bytes.ts'
import { type Bounds, BYTES, connectionIn, HEADER_BYTES } from './frames.ts'

/** The other end of a link breaks its rules. */
export class LinkFault extends Error {}

/**
 * Returns whether the body is kept: otherwise its memory is used again. Of bytes from a client the body may be a part: what follows
 * comes in another call.
 */
type FrameTaker = (kind: number, connection: number, body: Buffer) => boolean

const EMPTY = Buffer.alloc(0)
/** Up to this size a body that has not arrived whole gets memory of its own. */
const SMALL_BODY_BYTES = 4_096

export class FrameReader {
  readonly #bounds: Bounds
  readonly #take: FrameTaker
  /** A header that has not arrived whole. */
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #kind = 0
  #connection = 0
  /** The bytes of the body that have not arrived. */
  #lacks = 0
  /** Where a body that has not arrived whole is collected. */
  #body: Buffer = EMPTY
  /** The memory for such bodies, used again unless one is kept. */
  #memory: Buffer = EMPTY
  /** Whether a part of the present chunk is kept. */
  #isChunkKept = false

  constructor(bounds: Bounds, take: FrameTaker) {
    this.#bounds = bounds
    this.#take = take
  }

  /** Returns whether a part of the chunk is kept. Throws LinkFault, and whatever the taker throws. */
  push(lent: LentBytes): boolean {
    const chunk = lent as Buffer
    this.#isChunkKept = false
    let at = 0
    while (at < chunk.length) {
      if (this.#lacks > 0) at = this.#goOnWithBody(chunk, at)
      else if (this.#headerBytes > 0 || chunk.length - at < HEADER_BYTES) {
        at = this.#collectHeader(chunk, at)
      } else {
        const length = this.#readHeader(chunk, at)
        at = this.#beginBody(chunk, at + HEADER_BYTES, length)
      }
    }
    return this.#isChunkKept
  }

  #collectHeader(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#headerBytes)
    chunk.copy(this.#header, this.#headerBytes, at, end)
    this.#headerBytes += end - at
    if (this.#headerBytes < HEADER_BYTES) return end
    this.#headerBytes = 0
    const length = this.#readHeader(this.#header, 0)
    return this.#beginBody(chunk, end, length)
  }

  /** Returns the length of the body. */
  #readHeader(memory: Buffer, at: number): number {
    const length = memory.readUInt32LE(at)
    this.#kind = memory[at + 4] ?? 0
    this.#connection = connectionIn(memory, at)
    const bytesMax = this.#bounds.get(this.#kind)
    if (bytesMax === undefined) throw new LinkFault(`a frame of the unknown kind ${this.#kind}`)
    if (length > bytesMax)
      throw new LinkFault(
        `a frame of kind ${this.#kind} with ${length} bytes, more than ${bytesMax}`,
      )
    return length
  }

  /** Returns where the next frame begins. */
  #beginBody(chunk: Buffer, at: number, length: number): number {
    const end = at + length
    if (end <= chunk.length) {
      const body = length === 0 ? EMPTY : chunk.subarray(at, end)
      if (this.#take(this.#kind, this.#connection, body)) this.#isChunkKept = true
      return end
    }
    this.#lacks = length
    if (this.#kind !== BYTES) this.#body = this.#memoryFor(length)
    return at
  }

  #memoryFor(length: number): Buffer {
    if (length <= SMALL_BODY_BYTES) return Buffer.allocUnsafeSlow(length)
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length)
    return this.#memory.subarray(0, length)
  }

  #goOnWithBody(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#lacks)
    const part = chunk.subarray(at, end)
    if (this.#kind === BYTES) {
      this.#lacks -= part.length
      if (this.#take(this.#kind, this.#connection, part)) this.#isChunkKept = true
      return end
    }
    const body = this.#body
    body.set(part, body.length - this.#lacks)
    this.#lacks -= part.length
    if (this.#lacks === 0) {
      this.#body = EMPTY
      const isKept = this.#take(this.#kind, this.#connection, body)
      if (isKept && body.buffer === this.#memory.buffer) this.#memory = EMPTY
    }
    return end
  }
}

// What a WebSocket keeps of a message that is not complete. Of a client that may be a stranger it is little.

/** What is kept is told in steps of this many bytes: it changes with each chunk. */
const TOLD_BYTES = 16_384

export class MessageParts {
  /** The bound until `isKnown`. */
  readonly bytesMax: number
  isKnown = false
  /** Whether a message or control frame was completed in the present chunk. */
  isWhole = false
  /** Whether a message was. */
  isComplete = false
  #bytes = 0
  #toldBytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** The end of a chunk. Returns whether there is too much. Pings between the parts of a message make it no shorter. */
  exceedBy(chunkBytes: number): boolean {
    this.#bytes = this.isComplete ? 0 : this.#bytes + chunkBytes
    this.isWhole = false
    this.isComplete = false
    return !this.isKnown && this.#bytes > this.bytesMax
  }

  /** Returns the bytes that are kept, if they are to be told; otherwise null. */
  newlyKept(): number | null {
    const bytes = this.#bytes - (this.#bytes % TOLD_BYTES)
    if (bytes === this.#toldBytes) return null
    this.#toldBytes = bytes
    return bytes
  }
}

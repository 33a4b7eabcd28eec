// What a WebSocket keeps of a message that is not complete. Of a client that may be a stranger it is little.

export class MessageParts {
  /** The bound until `isKnown`. */
  readonly bytesMax: number
  isKnown = false
  /** Whether a message or control frame was completed in the present chunk. */
  isWhole = false
  /** Whether a message was. */
  isComplete = false
  #bytes = 0

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
}

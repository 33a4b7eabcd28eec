// Memory for outboxes, shared by all connections of a broker: none of them holds any while it is silent.

const SMALL_BYTES = 1_024
const LARGE_BYTES = 32_768
const KEPT_MAX = 256

export class ChunkPool {
  readonly #small: Buffer[] = []
  readonly #large: Buffer[] = []

  /** At least `bytes` long; `isMore` when the taker has filled one already and writes a lot. */
  take(bytes: number, isMore: boolean): Buffer {
    if (bytes <= SMALL_BYTES && !isMore) {
      return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES)
    }
    if (bytes <= LARGE_BYTES) return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES)
    return Buffer.allocUnsafeSlow(bytes)
  }

  give(chunk: Buffer): void {
    if (chunk.length === SMALL_BYTES && this.#small.length < KEPT_MAX) this.#small.push(chunk)
    else if (chunk.length === LARGE_BYTES && this.#large.length < KEPT_MAX) this.#large.push(chunk)
  }
}

// The newest frames, in bounded memory: what pages of queues need mostly was appended a short time ago.

import type { Position } from '../ledger/message-table.ts'

export class FrameCache {
  readonly #bytesMax: number
  readonly #frames = new Map<Position, Buffer>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get(position: Position): Buffer | undefined {
    return this.#frames.get(position)
  }

  /** Positions grow, so the first one is the oldest. */
  add(position: Position, frame: Buffer): void {
    if (frame.length > this.#bytesMax) return
    this.#frames.set(position, frame)
    this.#bytes += frame.length
    for (const [oldest, { length }] of this.#frames) {
      if (this.#bytes <= this.#bytesMax) break
      this.#frames.delete(oldest)
      this.#bytes -= length
    }
  }
}

// Hears when the system has taken what was written to a stream of Node. A stream says `drain` only where more was pending
// than its mark of some 16 KiB, so what is asked here are the callbacks of the writes.

import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

const NOTHING = Buffer.alloc(0)

/** A plain socket tries the system call within write: what is not pending afterwards was copied by the system. */
export function takesAtOnce(stream: Writable): boolean {
  return stream.constructor === Socket
}

export class DrainWatch {
  readonly #stream: Writable
  readonly #drained: () => void
  #hasMark = false

  constructor(stream: Writable, drained: () => void) {
    this.#stream = stream
    this.#drained = drained
  }

  /** To be given to each write of a stream that takes late: one function for all of them. */
  readonly written = (error?: Error | null): void => {
    if (hasEnded(this.#stream, error)) return
    this.#drained()
  }

  /** Where a write to a plain socket left something pending: an empty one behind it tells when it is taken. */
  mark(): void {
    if (this.#hasMark) return
    this.#hasMark = true
    this.#stream.write(NOTHING, this.#marked)
  }

  readonly #marked = (error?: Error | null): void => {
    this.#hasMark = false
    if (hasEnded(this.#stream, error)) return
    // More was written since, and that mark was before it.
    if (this.#stream.writableLength > 0 && this.#stream.writable) this.mark()
    this.#drained()
  }
}

function hasEnded(stream: Writable, error: Error | null | undefined): boolean {
  return stream.destroyed || (error !== null && error !== undefined)
}

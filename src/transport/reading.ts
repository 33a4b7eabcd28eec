// Whether a client's socket is read from, and why not.

import type { Wire } from './wire.ts'

// Bits, for there may be several reasons at once.
export const SHARE_USED = 1
export const QUESTION_OPEN = 2
const BACKLOG = 4
export const NOT_READING_US = 8

export class Reading {
  readonly #wire: Wire
  #reasons = 0
  #isOver = false
  /**
   * The client's authentication has no verdict yet, so nothing more is to be heard of it. It is paused only when something
   * comes: a socket that is not read from does not tell that its client has gone away.
   */
  awaitsVerdict = false
  /** Bytes read since all that had been read was answered. */
  unanswered = 0

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** We have stopped, so the client's silence is ours. */
  get isPaused(): boolean {
    return this.awaitsVerdict || (this.#reasons & ~NOT_READING_US) !== 0
  }

  /** Reads no further while more than that of what was read waits for its answer. */
  holdBack(unansweredMax: number): void {
    if (this.unanswered > unansweredMax) this.pause(BACKLOG)
  }

  allAnswered(): void {
    this.unanswered = 0
    this.resume(BACKLOG)
  }

  pause(reason: number): void {
    if (this.#reasons === 0) this.#wire.pause()
    this.#reasons |= reason
  }

  /** The reason is gone. It is read from again when there is no other. */
  resume(reason: number): void {
    if ((this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons === 0 && !this.#isOver) this.#wire.resume()
  }

  /** The socket is closed. */
  end(): void {
    this.#isOver = true
  }
}

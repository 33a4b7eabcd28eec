// Pauses and resumes the reading of one socket. Several reasons to pause may hold at once.

import type { Wire } from './wire.ts'

// Reasons to pause, as bits.
export const SHARE_USED = 1
export const QUESTION_OPEN = 2
const BACKLOG = 4
export const NOT_READING_US = 8
/** PUBLISH packets that must wait, and more bytes behind them than are kept. */
export const HELD = 16
/** The client sends faster than its rates allow. */
export const TOO_FAST = 32

export class Reading {
  readonly #wire: Wire
  #reasons = 0
  #isOver = false
  /**
   * The client's authentication has no verdict yet. The socket is paused only when bytes arrive before the verdict: a
   * paused socket does not report that its client has closed it.
   */
  awaitsVerdict = false
  /** Bytes read since the outbox was last empty. */
  unanswered = 0

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** The broker does not read, so the client's silence does not count against it. */
  get isPaused(): boolean {
    return this.awaitsVerdict || (this.#reasons & ~NOT_READING_US) !== 0
  }

  /** Pauses if more than this number of bytes is unanswered. */
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

  /** The reason does not apply any more. Reading continues if there is no other reason. */
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

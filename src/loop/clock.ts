// The only clock and the only timer in the program.

/** Node's timers overflow at 2^31 - 1 ms and fire at once. */
export const TIMER_MS_MAX = 2_147_483_647

/** Deadlines are kept to about this precision, so that many of them share one wake-up. */
const WAKE_MS_MIN = 20

/**
 * The broker's clock. It begins as milliseconds since 1970, follows a clock that nobody can set, and continues from the
 * stored time when a broker starts again: so it may differ from the time of day.
 */
export class Clock {
  #aheadMs = 0
  readonly now = (): number =>
    Math.floor(performance.timeOrigin + performance.now()) + this.#aheadMs

  /** How far it is ahead of the time of day that the process began with. Called once, before the clock is read. */
  setAhead(milliseconds: number): void {
    this.#aheadMs = milliseconds
  }
}

export class Alarm {
  readonly #clock: Clock
  readonly #wake: () => void
  #timer: NodeJS.Timeout | null = null
  #at = Infinity

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** Calls `wake` at this time instead of any earlier set one. Infinity for never. */
  set(at: number): void {
    if (at === this.#at) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#at = at
    if (at === Infinity) return
    const delay = Math.min(Math.max(at - this.#clock.now(), WAKE_MS_MIN), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#ring(), delay)
  }

  #ring(): void {
    this.#timer = null
    this.#at = Infinity
    this.#wake()
  }
}

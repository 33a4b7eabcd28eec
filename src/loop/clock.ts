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

  /** Sets how far the clock is ahead of the time of day at the start of the process. Must be called once, before the clock is read. */
  setAhead(milliseconds: number): void {
    this.#aheadMs = milliseconds
  }
}

export class Alarm {
  readonly #clock: Pick<Clock, 'now'>
  readonly #wake: () => void
  #timer: NodeJS.Timeout | null = null
  /** When to wake, and when the timer fires, which is not later. */
  #at = Infinity
  #ringsAt = Infinity

  constructor(clock: Pick<Clock, 'now'>, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** Calls `wake` at this time. It replaces a time that was set before. Infinity for never. */
  set(at: number): void {
    if (at === this.#at) return
    this.#at = at
    // Deadlines are often moved to later times. The timer is not moved each time; if it fires too early, it is set again.
    if (this.#timer !== null && this.#ringsAt <= at && at !== Infinity) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (at !== Infinity) this.#start(this.#clock.now())
  }

  #start(now: number): void {
    const delay = Math.min(Math.max(this.#at - now, WAKE_MS_MIN), TIMER_MS_MAX)
    this.#ringsAt = this.#at
    this.#timer = setTimeout(this.#ring, delay)
  }

  readonly #ring = (): void => {
    this.#timer = null
    const now = this.#clock.now()
    if (this.#at > now && this.#at > this.#ringsAt) {
      this.#start(now)
      return
    }
    this.#at = Infinity
    this.#wake()
  }
}

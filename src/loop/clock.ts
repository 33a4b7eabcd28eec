// The only clock and the only timer in the program.

/** Node's timers overflow at 2^31 - 1 ms and fire at once. */
const TIMER_MS_MAX = 2_147_483_647

/** Deadlines are kept to about this precision, so that many of them share one wake-up. */
const WAKE_MS_MIN = 20

/** Milliseconds since 1970 as the process began, and from there on by a clock that no one sets back. */
export function now(): number {
  return Math.floor(performance.timeOrigin + performance.now())
}

export class Alarm {
  readonly #wake: () => void
  #timer: NodeJS.Timeout | null = null
  #at = Infinity

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Calls `wake` at this time instead of any earlier set one. Infinity for never. */
  set(at: number): void {
    if (at === this.#at) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#at = at
    if (at === Infinity) return
    const delay = Math.min(Math.max(at - now(), WAKE_MS_MIN), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#ring(), delay)
  }

  #ring(): void {
    this.#timer = null
    this.#at = Infinity
    this.#wake()
  }
}

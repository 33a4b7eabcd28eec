// Decides whether a service that failed is asked again. After some failures in a row it is left alone for a while, then one request
// tries it. The pause doubles with each try that fails.

const FAILURES_MAX = 5
const FIRST_PAUSE_MS = 1_000
const PAUSE_MS_MAX = 30_000

export class CircuitBreaker {
  readonly #now: () => number
  #failures = 0
  #opensAt = 0
  #isTried = false
  /** The number of requests that were not made. */
  spared = 0

  /** `now` is a clock that never goes back, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The number of failures since the last success. */
  get failures(): number {
    return this.#failures
  }

  /** Whether a request may be made now. Its outcome must be told. */
  mayAsk(): boolean {
    if (this.#failures < FAILURES_MAX) return true
    if (this.#isTried || this.#now() < this.#opensAt) {
      this.spared++
      return false
    }
    this.#isTried = true
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#isTried = false
  }

  failed(): void {
    this.#failures++
    this.#isTried = false
    const doublings = Math.min(Math.max(0, this.#failures - FAILURES_MAX), 10)
    this.#opensAt = this.#now() + Math.min(FIRST_PAUSE_MS * 2 ** doublings, PAUSE_MS_MAX)
  }
}

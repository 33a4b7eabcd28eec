// A rate as a bucket of tokens: it fills at a constant rate up to a maximum, and each use takes some out. Nothing happens while
// nobody asks: the tokens that have come meanwhile are computed from the time.

/** How many seconds of the rates of clients and users may come at once. */
export const RATE_BURST_SECONDS = 2

export class TokenBucket {
  readonly #perMs: number
  readonly #max: number
  #tokens: number
  #at: number

  /** The bucket begins full, with the tokens of `seconds`. */
  constructor(perSecond: number, seconds: number, now: number) {
    this.#perMs = perSecond / 1_000
    this.#max = perSecond * seconds
    this.#tokens = this.#max
    this.#at = now
  }

  /** Returns null for a rate of 0, which is no bound. */
  static of(perSecond: number, seconds: number, now: number): TokenBucket | null {
    return perSecond === 0 ? null : new TokenBucket(perSecond, seconds, now)
  }

  /** Takes one token. Returns false when there is none. */
  takeOne(now: number): boolean {
    return this.take(1, now)
  }

  /** Takes tokens. Returns false when there are not so many. */
  take(tokens: number, now: number): boolean {
    this.#fill(now)
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }

  /** Takes tokens for what has already happened. Returns the milliseconds until the debt is paid; 0 for no debt. */
  charge(tokens: number, now: number): number {
    this.#fill(now)
    this.#tokens -= tokens
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs)
  }

  /** Returns the milliseconds until there are so many tokens. */
  waitMs(tokens: number, now: number): number {
    this.#fill(now)
    return Math.max(0, Math.ceil((tokens - this.#tokens) / this.#perMs))
  }

  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#max
  }

  #fill(now: number): void {
    if (now <= this.#at) return
    this.#tokens = Math.min(this.#max, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}

// A search for expired messages in the tail of a queue, page by page.

/** The least time between two searches. */
const SEARCH_INTERVAL_MS = 10_000

export class ExpiredSearch {
  isRunning = false
  /** The last delivery that was visited. */
  after = 0
  #againAt = 0
  /** No message in the store expires before this time, in milliseconds. */
  #expiresAt = Infinity
  /** The same for the messages that this search has visited. */
  #seenExpiresAt = Infinity

  /** Begins a search, if there may be expired messages and the last search was not just now. */
  begin(now: number, after: number): boolean {
    if (this.isRunning || this.#expiresAt > now || this.#againAt > now) return false
    this.#againAt = now + SEARCH_INTERVAL_MS
    this.isRunning = true
    this.after = after
    this.#seenExpiresAt = Infinity
    this.#expiresAt = Infinity
    return true
  }

  /** A message was added to the tail. */
  added(expiresAt: number): void {
    this.#expiresAt = Math.min(this.#expiresAt, expiresAt)
  }

  /** The search has visited a message that has not expired. */
  saw(expiresAt: number): void {
    this.#seenExpiresAt = Math.min(this.#seenExpiresAt, expiresAt)
  }

  /** The search has reached the end. */
  finish(): void {
    this.isRunning = false
    this.added(this.#seenExpiresAt)
  }

  /** The tail is empty. */
  clear(): void {
    this.isRunning = false
    this.#expiresAt = Infinity
  }
}

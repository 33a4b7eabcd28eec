// A walk from page to page through all of a queue that lies in the store, for what has expired.

/** Expired messages are looked for in the store no more often than this. */
const SEARCH_INTERVAL_MS = 10_000

export class TailSearch {
  isRunning = false
  /** The last delivery that was looked at. */
  after = 0
  #againAt = 0
  /** Milliseconds before which none of those in the store expires. */
  #expiresAt = Infinity
  /** The same of those that this walk has seen. */
  #seenExpiresAt = Infinity

  /** Begins a walk, if there may be something to find and it was not tried just now. */
  begin(now: number, after: number): boolean {
    if (this.isRunning || this.#expiresAt > now || this.#againAt > now) return false
    this.#againAt = now + SEARCH_INTERVAL_MS
    this.isRunning = true
    this.after = after
    this.#seenExpiresAt = Infinity
    this.#expiresAt = Infinity
    return true
  }

  /** A message came into the store. */
  added(expiresAt: number): void {
    this.#expiresAt = Math.min(this.#expiresAt, expiresAt)
  }

  /** The walk came by one that has not expired. */
  saw(expiresAt: number): void {
    this.#seenExpiresAt = Math.min(this.#seenExpiresAt, expiresAt)
  }

  /** The walk came to the end. */
  finish(): void {
    this.isRunning = false
    this.added(this.#seenExpiresAt)
  }

  /** Nothing lies in the store any more. */
  clear(): void {
    this.isRunning = false
    this.#expiresAt = Infinity
  }
}

// What one publisher has cost the broker, and what it may cost while more is asked for than can be done. It is made with the
// first PUBLISH, so a client that only receives has none.

/** What a PUBLISH costs besides its payload. */
export const PUBLISH_BYTES = 256

export class Spending {
  /** The bytes of all its messages, once for each time that they were handled: once when they came, once a receiver. */
  spent = 0
  /** While `spent` is not below it, its PUBLISH packets wait. */
  allowance = Infinity
  /** What it spends in a window, as an average in which older windows count less. Only `PublisherRations` sets these two. */
  recent = 0
  spentBefore = 0

  get isOverdrawn(): boolean {
    return this.spent >= this.allowance
  }
}

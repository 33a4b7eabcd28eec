// What the messages of one publisher have cost the broker, and what they may cost while it is overloaded. It is made with the first
// PUBLISH, so a client that only receives has none.

/** What a PUBLISH costs besides its payload. */
export const PUBLISH_BYTES = 256

export class Spending {
  /** The cost of all its messages; of each (`PUBLISH_BYTES` + payload) × (1 + receivers). */
  spent = 0
  /** While `spent` is not below it, its PUBLISH packets wait. */
  allowance = Infinity
  // Only `PublisherRations` sets these two.
  /** What it spends in a window, as an average in which older windows count less. */
  recent = 0
  spentBefore = 0

  get isOverdrawn(): boolean {
    return this.spent >= this.allowance
  }
}

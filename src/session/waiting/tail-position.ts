// The position up to which a queue was read from the store, as the number of a delivery.

export class TailPosition {
  /** The newest delivery that was read or was always in memory. */
  after = 0
  /** Deliveries above `after` that a page must not bring: a member has them or gave them back. */
  #ahead: Set<number> | null = null

  /** Marks all deliveries up to this one as in memory. */
  passes(stored: number): void {
    this.after = Math.max(this.after, stored)
    if (this.#ahead === null) return
    for (const ahead of this.#ahead) if (ahead <= this.after) this.#ahead.delete(ahead)
    if (this.#ahead.size === 0) this.#ahead = null
  }

  /** Excludes one delivery from pages, although others before it are in the store. */
  skips(stored: number): void {
    if (stored <= this.after) return
    this.#ahead ??= new Set()
    this.#ahead.add(stored)
  }

  isSkipped(stored: number): boolean {
    return this.#ahead?.has(stored) === true
  }

  clear(): void {
    this.#ahead = null
  }
}

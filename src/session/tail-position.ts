// How far a queue has been read from the store, by the numbers of deliveries.

export class TailPosition {
  /** The newest that was read or never left the memory. */
  after = 0
  /** Those above `after` that are not to come with a page: a member has them, or gave them back. */
  #ahead: Set<number> | null = null

  /** All up to this one have been read, or never left the memory. */
  passes(stored: number): void {
    this.after = Math.max(this.after, stored)
    if (this.#ahead === null) return
    for (const ahead of this.#ahead) if (ahead <= this.after) this.#ahead.delete(ahead)
    if (this.#ahead.size === 0) this.#ahead = null
  }

  /** This one is not to come with a page, though others before it are. */
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

// A map with a bound on its entries: a new one takes the place of the one that was set longest ago.

export class BoundedMap<Key, Value> {
  /** How many entries were removed because the map was full. */
  dropped = 0
  readonly #max: number
  /** The entries in the order in which they were set last. */
  readonly #entries = new Map<Key, Value>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#entries.size
  }

  /** In the order in which they were set last. */
  entries(): Iterable<readonly [Key, Value]> {
    return this.#entries.entries()
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  /** Sets the entry, which is the newest then, and removes the oldest when there are more than the bound. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#max) return
    const [oldest] = this.#entries.keys()
    // The map has the new entry at least, so there is an oldest.
    this.#entries.delete(oldest as Key)
    this.dropped++
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key)
  }
}

// A Map for keys that go and come back. V8 leaves a deleted entry in the chain of its bucket until the table is
// built anew: one key that is deleted and set 100,000 times in a Map of a million costs each look-up of that
// bucket 100,000 steps, and any client can do that with one filter. Here a key that goes keeps its entry, empty,
// and entries are given up in batches of different keys.

const BATCH_MIN = 32
/** Keys that are texts stay no longer than this many characters of them have gone: one may have 65,535. */
const LEAVING_CHARACTERS_MAX = 524_288

export class ChurnMap<Key, Value extends object> {
  readonly #entries = new Map<Key, Value | null>()
  /** Keys that went since the last batch, also those that have come back. */
  #leavers: Set<Key> | null = null
  #emptyCount = 0
  #leavingCharacters = 0

  get size(): number {
    return this.#entries.size - this.#emptyCount
  }

  has(key: Key): boolean {
    return this.get(key) !== null
  }

  get(key: Key): Value | null {
    return this.#entries.get(key) ?? null
  }

  set(key: Key, value: Value): void {
    if (this.#emptyCount > 0 && this.#entries.get(key) === null) this.#emptyCount--
    this.#entries.set(key, value)
  }

  delete(key: Key): boolean {
    if (!this.has(key)) return false
    this.#entries.set(key, null)
    this.#emptyCount++
    this.#leavers ??= new Set()
    this.#leavers.add(key)
    if (typeof key === 'string') this.#leavingCharacters += key.length
    // A 32nd of all: then no chain has more than some 32 entries too many.
    const isBatch =
      this.#leavers.size > BATCH_MIN + this.#entries.size / 32 ||
      this.#leavingCharacters > LEAVING_CHARACTERS_MAX
    if (isBatch) this.#giveUp(this.#leavers)
    return true
  }

  /** Null for an empty entry. Stays good while the map changes: skips what went, comes to what was added. */
  values(): IterableIterator<Value | null> {
    return this.#entries.values()
  }

  #giveUp(leavers: ReadonlySet<Key>): void {
    for (const key of leavers) {
      if (this.#entries.get(key) === null) this.#entries.delete(key)
    }
    this.#leavers = null
    this.#leavingCharacters = 0
    this.#emptyCount = 0
  }
}

// A Map for keys that are deleted and added again. V8 keeps a deleted entry in the chain of its bucket until it rebuilds the
// table. If one key is deleted and added 100,000 times in a Map of a million entries, each look-up in its bucket takes
// 100,000 steps; a client can do that with one filter. In a ChurnMap a deleted key keeps its entry, with a null value, and
// empty entries are removed in batches of different keys.

const BATCH_MIN = 32
/** Empty entries are removed when their keys together have this many characters. One key may have 65,535. */
const LEAVING_CHARACTERS_MAX = 524_288

export class ChurnMap<Key, Value extends object> {
  readonly #entries = new Map<Key, Value | null>()
  /** The keys that were deleted since the last batch, including keys that were added again. */
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
    // A batch is a 32nd of all entries: then a chain has at most some 32 removed entries.
    const isBatch =
      this.#leavers.size > BATCH_MIN + this.#entries.size / 32 ||
      this.#leavingCharacters > LEAVING_CHARACTERS_MAX
    if (isBatch) this.#giveUp(this.#leavers)
    return true
  }

  /** The values, null for an empty entry. The iterator stays valid while the map changes. */
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

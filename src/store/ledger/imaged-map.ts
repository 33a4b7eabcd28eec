// A map of which an image is made in slices, while it goes on changing: what the image has not come to is kept for it
// as it was. An entry is changed in place only when no image needs it any more.

export interface ImagedEntry {
  /** The number of the newest image that need not come to this entry. */
  image: number
}

export class ImagedMap<Key, Entry extends ImagedEntry> extends Map<Key, Entry> {
  /** Entries that were replaced or taken out before the image came to them. */
  readonly #kept = new Map<Key, Entry>()
  #image = 0
  #isImaged = false

  override set(key: Key, entry: Entry): this {
    if (this.#isImaged) this.#keep(key)
    entry.image = this.#image
    return super.set(key, entry)
  }

  override delete(key: Key): boolean {
    if (this.#isImaged) this.#keep(key)
    return super.delete(key)
  }

  /** The entry, to be changed in place: a copy of it where an image needs it as it is. */
  toChange(key: Key, copyOf: (entry: Entry) => Entry): Entry | undefined {
    const entry = this.get(key)
    if (entry === undefined || this.mayChange(entry)) return entry
    const copy = copyOf(entry)
    this.set(key, copy)
    return copy
  }

  /** Whether no image needs this entry of the map as it is. */
  mayChange(entry: Entry): boolean {
    return !this.#isImaged || entry.image === this.#image
  }

  beginImage(): void {
    this.endImage()
    this.#image += 1
    this.#isImaged = true
  }

  /** The entries as they were when the image began; those that were taken out since come last. */
  *imageEntries(): Iterable<readonly [Key, Entry]> {
    for (const [key, entry] of this) {
      const imaged = entry.image === this.#image ? this.#kept.get(key) : entry
      if (imaged === undefined) continue
      yield [key, imaged]
      imaged.image = this.#image
      this.#kept.delete(key)
    }
    yield* this.#kept
  }

  endImage(): void {
    this.#isImaged = false
    this.#kept.clear()
  }

  #keep(key: Key): void {
    const entry = this.get(key)
    if (entry !== undefined && entry.image !== this.#image) this.#kept.set(key, entry)
  }
}

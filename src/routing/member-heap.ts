// Members in the order in which they are chosen: a binary heap that can also remove an entry from its middle.

export interface HeapEntry {
  /** The entry with the smallest rank is first. */
  rank: number
  /** When it was last chosen. Among equal ranks the least recently chosen entry is first. */
  turn: number
  /** Its index in the heap; -1 while it is not in the heap. */
  place: number
}

export class MemberHeap<Entry extends HeapEntry> {
  readonly #entries: Entry[] = []

  get first(): Entry | null {
    return this.#entries[0] ?? null
  }

  /** In no order. */
  get all(): readonly Entry[] {
    return this.#entries
  }

  insert(entry: Entry): void {
    if (entry.place !== -1) return
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  remove(entry: Entry): void {
    const { place } = entry
    if (place === -1) return
    entry.place = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    last.place = place
    this.#entries[place] = last
    this.reposition(last)
  }

  /** Must be called when the rank or the turn of an entry in the heap has changed. */
  reposition(entry: Entry): void {
    this.#rise(entry, entry.place)
    this.#sink(entry, entry.place)
  }

  #rise(entry: Entry, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#entries[above]
      if (parent === undefined || !isBefore(entry, parent)) break
      this.#reposition(parent, place)
      place = above
    }
    this.#reposition(entry, place)
  }

  #sink(entry: Entry, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      let child = this.#entries[below]
      if (child === undefined) break
      const sibling = this.#entries[below + 1]
      if (sibling !== undefined && isBefore(sibling, child)) {
        child = sibling
        below++
      }
      if (!isBefore(child, entry)) break
      this.#reposition(child, place)
      place = below
    }
    this.#reposition(entry, place)
  }

  #reposition(entry: Entry, place: number): void {
    this.#entries[place] = entry
    entry.place = place
  }
}

function isBefore(one: HeapEntry, other: HeapEntry): boolean {
  return one.rank === other.rank ? one.turn < other.turn : one.rank < other.rank
}

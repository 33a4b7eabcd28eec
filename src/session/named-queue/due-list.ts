// Entries by the time at which they are due.

import { type HeapEntry, MemberHeap } from '../../routing/member-heap.ts'

interface DueEntry<Item> extends HeapEntry {
  readonly item: Item
}

export class DueList<Item> {
  readonly #heap = new MemberHeap<DueEntry<Item>>()
  readonly #entries = new Map<Item, DueEntry<Item>>()
  #turn = 0

  get size(): number {
    return this.#entries.size
  }

  /** When the first is due, in milliseconds; Infinity for none. */
  get next(): number {
    return this.#heap.first?.rank ?? Infinity
  }

  get all(): Iterable<Item> {
    return this.#entries.keys()
  }

  add(item: Item, at: number): void {
    this.delete(item)
    const entry = { item, rank: at, turn: ++this.#turn, place: -1 }
    this.#entries.set(item, entry)
    this.#heap.insert(entry)
  }

  delete(item: Item): boolean {
    const entry = this.#entries.get(item)
    if (entry === undefined) return false
    this.#heap.remove(entry)
    return this.#entries.delete(item)
  }

  /** Takes out the first that is due; null for none. */
  takeDue(now: number): Item | null {
    const first = this.#heap.first
    if (first === null || first.rank > now) return null
    this.delete(first.item)
    return first.item
  }

  clear(): void {
    for (const item of [...this.#entries.keys()]) this.delete(item)
  }
}

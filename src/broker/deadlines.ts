// Deadlines in a binary heap. The caller passes the time; this module never reads a clock.
// Each entry knows its index, so that it can be moved or removed without a search.

export interface Deadline {
  /** Is called once, in a turn, when the deadline is reached. */
  expired(now: number): void
  /** Its index in the heap while it is set. Only `Deadlines` changes it. */
  place?: Entry | undefined
}

class Entry {
  at: number
  index = -1
  readonly deadline: Deadline

  constructor(deadline: Deadline, at: number) {
    this.deadline = deadline
    this.at = at
  }
}

export class Deadlines {
  /** The time of the next deadline in milliseconds; Infinity for none. Each turn begins by checking it. */
  next = Infinity
  readonly #heap: Entry[] = []
  #again: Deadline[] = []

  get count(): number {
    return this.#heap.length
  }

  /** Sets or moves the deadline. Infinity removes it. */
  set(deadline: Deadline, at: number): void {
    const known = deadline.place
    if (at === Infinity) {
      this.clear(deadline)
    } else if (known === undefined) {
      const entry = new Entry(deadline, at)
      deadline.place = entry
      this.#put(entry, this.#heap.length)
      this.#rise(entry)
    } else {
      known.at = at
      this.#rise(known)
      this.#sink(known)
    }
    this.next = this.#heap[0]?.at ?? Infinity
  }

  clear(deadline: Deadline): void {
    const entry = deadline.place
    if (entry === undefined) return
    deadline.place = undefined
    const last = this.#heap.pop()
    if (last !== undefined && last !== entry) {
      this.#put(last, entry.index)
      this.#rise(last)
      this.#sink(last)
    }
    this.next = this.#heap[0]?.at ?? Infinity
  }

  /** Called by a deadline from within `wake`: it is due again in the next tick. */
  again(deadline: Deadline): void {
    this.#again.push(deadline)
  }

  /** Wakes deadlines up to `now`, in order of time, while the turn has more than this work left. The others stay due. */
  tick(now: number, turn: { readonly turnWorkLeft: number }, leastLeft: number): void {
    let first = this.#heap[0]
    while (first !== undefined && first.at <= now && turn.turnWorkLeft > leastLeft) {
      this.clear(first.deadline)
      first.deadline.expired(now)
      first = this.#heap[0]
    }
    if (this.#again.length === 0) return
    for (const deadline of this.#again) this.set(deadline, now)
    this.#again = []
  }

  #rise(entry: Entry): void {
    while (entry.index > 0) {
      const above = this.#heap[(entry.index - 1) >> 1]
      if (above === undefined || above.at <= entry.at) return
      this.#swap(entry, above)
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1]
      const right = this.#heap[2 * entry.index + 2]
      let least = entry
      if (left !== undefined && left.at < least.at) least = left
      if (right !== undefined && right.at < least.at) least = right
      if (least === entry) return
      this.#swap(least, entry)
    }
  }

  #swap(one: Entry, other: Entry): void {
    const { index } = one
    this.#put(one, other.index)
    this.#put(other, index)
  }

  #put(entry: Entry, index: number): void {
    this.#heap[index] = entry
    entry.index = index
  }
}

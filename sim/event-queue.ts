// Virtual time: the coming events, in order of time, and at one time in the order in which they were scheduled.

interface Event {
  readonly at: number
  readonly order: number
  readonly happen: () => void
}

export class EventQueue {
  /** Milliseconds since 1970. */
  now: number
  /** The number of events that have run. It gives everything that an observer sees its order. */
  count = 0
  readonly #heap: Event[] = []
  readonly #countMax: number
  #asked = 0

  /** `countMax`: more events than any run needs. A run that has more is in an endless loop, and `step` throws. */
  constructor(now: number, countMax = Infinity) {
    this.now = now
    this.#countMax = countMax
  }

  after(milliseconds: number, happen: () => void): void {
    this.at(this.now + milliseconds, happen)
  }

  at(time: number, happen: () => void): void {
    this.#asked += 1
    const event = { at: Math.max(time, this.now), order: this.#asked, happen }
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const above = (index - 1) >> 1
      const other = heap[above]
      if (other === undefined || isBefore(other, event)) break
      heap[index] = other
      heap[above] = event
      index = above
    }
  }

  /** Runs the next event if it is due by `until`. Returns false when there is none. */
  step(until: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.at > until) return false
    const last = this.#heap.pop()
    if (last !== undefined && last !== first) this.#sink(last)
    this.now = first.at
    this.count += 1
    first.happen()
    if (this.count > this.#countMax) throw new Error('the run does not come to an end')
    return true
  }

  /** Lets time pass, and runs all events that are due meanwhile. */
  passes(milliseconds: number): void {
    const until = this.now + milliseconds
    while (this.step(until));
    this.now = until
  }

  #sink(event: Event): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (left === undefined) break
      let least = left
      if (right !== undefined && isBefore(right, left)) {
        least = right
        child += 1
      }
      if (isBefore(event, least)) break
      heap[index] = least
      index = child
    }
    heap[index] = event
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

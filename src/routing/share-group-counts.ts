// How many share groups one topic can match at the most: each of them is handed the message, in one piece with the PUBLISH.
//
// Of the filters whose `+` stand at the same levels, and that all end in `#` or all do not, a topic matches one at the
// most. So for each such shape the filter with the most groups counts, and for a topic the shapes that fit its levels. The
// first group of a filter is not counted: how many filters a topic can match is bounded by `FilterShapes`.

import { levelEnd } from './topic.ts'

/** A client may have no more than this part of what is left, so that something is left for others. */
const PARTS_OF_REST = 16

export class ShareGroupCounts {
  /** Groups by filter. */
  readonly #groups = new Map<string, number>()
  readonly #shapes = new Map<string, Shape>()
  /** Groups beyond the first of their filter, by the client that made them. */
  readonly #byClient = new Map<string, number>()
  /** What shapes of so many levels add for a topic; those that end in `#` for longer topics too. */
  readonly #exact: number[] = []
  readonly #open: number[] = []

  /** The most that a topic can match, beyond the first group of each filter. */
  get most(): number {
    return this.#mostFrom(0)
  }

  /** Whether the client may make one more group with this filter, where a topic matches no more than `max`. */
  hasRoomFor(topicFilter: string, clientId: string, max: number): boolean {
    const groups = this.#groups.get(topicFilter) ?? 0
    if (groups === 0) return true
    const key = keyOf(topicFilter)
    if (groups <= (this.#shapes.get(key)?.most ?? 0)) return true
    const levels = levelsIn(key)
    const most = isOpen(key) ? this.#mostFrom(levels) : this.#mostAt(levels)
    const own = this.#byClient.get(clientId) ?? 0
    return own < Math.floor((max - most) / PARTS_OF_REST)
  }

  /** Returns the client that the group is counted for, which `remove` is to be told; or null. */
  add(topicFilter: string, clientId: string | null): string | null {
    const groups = this.#groups.get(topicFilter) ?? 0
    this.#groups.set(topicFilter, groups + 1)
    if (groups === 0) return null
    this.#moves(topicFilter, groups - 1, groups)
    if (clientId !== null) this.#counts(clientId, 1)
    return clientId
  }

  remove(topicFilter: string, countedFor: string | null): void {
    const groups = this.#groups.get(topicFilter) ?? 0
    if (groups > 1) {
      this.#groups.set(topicFilter, groups - 1)
      this.#moves(topicFilter, groups - 1, groups - 2)
    } else {
      this.#groups.delete(topicFilter)
    }
    if (countedFor !== null) this.#counts(countedFor, -1)
  }

  #moves(topicFilter: string, from: number, to: number): void {
    const key = keyOf(topicFilter)
    const shape = this.#shapes.get(key) ?? new Shape()
    const before = shape.most
    shape.moves(from, to)
    if (shape.most === 0) this.#shapes.delete(key)
    else this.#shapes.set(key, shape)
    const sums = isOpen(key) ? this.#open : this.#exact
    const levels = levelsIn(key)
    while (sums.length <= levels) sums.push(0)
    sums[levels] = (sums[levels] ?? 0) + shape.most - before
  }

  #counts(clientId: string, by: 1 | -1): void {
    const count = (this.#byClient.get(clientId) ?? 0) + by
    if (count === 0) this.#byClient.delete(clientId)
    else this.#byClient.set(clientId, count)
  }

  /** For topics of so many levels. */
  #mostAt(levels: number): number {
    let sum = this.#exact[levels] ?? 0
    for (let open = 0; open <= levels; open++) sum += this.#open[open] ?? 0
    return sum
  }

  /** For topics of so many levels or more. */
  #mostFrom(levels: number): number {
    const end = Math.max(levels + 1, this.#exact.length, this.#open.length)
    let most = 0
    let open = 0
    for (let count = 0; count < end; count++) {
      open += this.#open[count] ?? 0
      if (count >= levels) most = Math.max(most, open + (this.#exact[count] ?? 0))
    }
    return most
  }
}

/** The filters of one shape that have more than one group. */
class Shape {
  /** How many of them have so many groups beyond the first. */
  readonly #filters = new Map<number, number>()
  most = 0

  /** One filter has another number of groups beyond the first, by one. */
  moves(from: number, to: number): void {
    const rest = (this.#filters.get(from) ?? 0) - 1
    if (rest > 0) this.#filters.set(from, rest)
    else this.#filters.delete(from)
    if (to > 0) this.#filters.set(to, (this.#filters.get(to) ?? 0) + 1)
    if (to > this.most || (from === this.most && rest <= 0)) this.most = to
  }
}

/** A letter for each level. */
function keyOf(filter: string): string {
  let key = ''
  for (let start = 0; start <= filter.length; start = levelEnd(filter, start) + 1) {
    const first = filter[start]
    key += first === '+' || first === '#' ? first : '.'
  }
  return key
}

function isOpen(key: string): boolean {
  return key.endsWith('#')
}

function levelsIn(key: string): number {
  return isOpen(key) ? key.length - 1 : key.length
}

// Bounds how many share groups one topic can match. A PUBLISH is handed to all of them in one step.
//
// The shape of a filter is the places of its `+` levels, and whether it ends in `#`. A topic matches at most one filter of
// each shape. So the bound for a topic is a sum over the shapes that fit its number of levels, each with the largest number of groups
// of one filter. The first group of a filter is not counted: `FilterShapes` bounds how many filters a topic can match.

import { levelEnd } from './topic.ts'

/** A client may use at most this part of what is left, so that something is left for others. */
const PARTS_OF_REST = 16

export class ShareGroupCounts {
  /** The number of groups of each filter. */
  readonly #groups = new Map<string, number>()
  readonly #shapes = new Map<string, Shape>()
  /** The number of groups that each client has made, without the first group of each filter. */
  readonly #byClient = new Map<string, number>()
  /** By number of levels, the sums for shapes without `#`, and for shapes with `#`, which match longer topics too. */
  readonly #exact: number[] = []
  readonly #open: number[] = []

  /** The most groups that a topic can match, without the first group of each filter. */
  get most(): number {
    return this.#mostFrom(0)
  }

  /** Whether the client may make one more group with this filter, if a topic may match at most `max` groups. */
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

  /** Counts a group. Returns the client that it is counted for, or null. Pass the result to `remove`. */
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

  /** The most groups for topics with exactly this many levels. */
  #mostAt(levels: number): number {
    let sum = this.#exact[levels] ?? 0
    for (let open = 0; open <= levels; open++) sum += this.#open[open] ?? 0
    return sum
  }

  /** The most groups for topics with at least this many levels. */
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
  /** The number of filters by their number of groups beyond the first. */
  readonly #filters = new Map<number, number>()
  most = 0

  /** The number of groups of one filter has changed by one. */
  moves(from: number, to: number): void {
    const rest = (this.#filters.get(from) ?? 0) - 1
    if (rest > 0) this.#filters.set(from, rest)
    else this.#filters.delete(from)
    if (to > 0) this.#filters.set(to, (this.#filters.get(to) ?? 0) + 1)
    if (to > this.most || (from === this.most && rest <= 0)) this.most = to
  }
}

/** Returns the shape as a text with one character per level. */
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

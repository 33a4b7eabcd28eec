// Where the `+` of all filters stand: what bounds the search for a topic. A shape is a beginning of a filter of which
// only the number of levels and the places of `+` are looked at: `a/+/b` has the shapes `./+` and `./+/.`; a beginning
// without any `+` is none.
//
// The bound: after so many levels of a topic, the nodes of the tree that a search stands at differ in their shapes.
// For each level above them is either `+` or that level of the topic, so two nodes of one shape would have the same
// levels, and be one. Hence a search comes by one node a shape at the most, by the root, and by one more for each level of
// the topic, where no `+` is above. How many filters there are does not matter.

import { levelEnd } from './topic.ts'

const HASH = 0x23
const PLUS = 0x2b

class Shape {
  /** Filters that begin like this. */
  filters = 0
  plus: Shape | null = null
  name: Shape | null = null
  /** The client whose filter was the first to begin like this; null for a part of this process. */
  readonly broughtInBy: string | null
  /** False for a beginning without any `+`. */
  readonly isCounted: boolean

  constructor(broughtInBy: string | null, isCounted: boolean) {
    this.broughtInBy = broughtInBy
    this.isCounted = isCounted
  }
}

export class FilterShapes {
  readonly #root = new Shape(null, false)
  /** Those that a client has brought in and that are still in use, whoever uses them. */
  readonly #byClient = new Map<string, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  broughtInBy(clientId: string): number {
    return this.#byClient.get(clientId) ?? 0
  }

  /** How many shapes the filter has that none of those before has. */
  newIn(filter: string): number {
    if (!filter.includes('+')) return 0
    let shape: Shape | null = this.#root
    let hasPlus = false
    let added = 0
    for (let start = 0; isLevel(filter, start); start = levelEnd(filter, start) + 1) {
      const isPlus = filter.charCodeAt(start) === PLUS
      if (isPlus) hasPlus = true
      if (shape !== null) shape = isPlus ? shape.plus : shape.name
      if (shape === null && hasPlus) added += 1
    }
    return added
  }

  /** Each filter once, however many subscribe with it. */
  add(filter: string, clientId: string | null): void {
    if (!filter.includes('+')) return
    let shape = this.#root
    for (let start = 0; isLevel(filter, start); start = levelEnd(filter, start) + 1) {
      shape = this.#below(shape, filter.charCodeAt(start) === PLUS, clientId)
      shape.filters += 1
    }
  }

  remove(filter: string): void {
    if (!filter.includes('+')) return
    let shape = this.#root
    for (let start = 0; isLevel(filter, start); start = levelEnd(filter, start) + 1) {
      const isPlus = filter.charCodeAt(start) === PLUS
      const below = isPlus ? shape.plus : shape.name
      if (below === null) return
      below.filters -= 1
      if (below.filters === 0) {
        if (isPlus) shape.plus = null
        else shape.name = null
        if (below.isCounted) this.#counts(below.broughtInBy, -1)
      }
      shape = below
    }
  }

  #below(shape: Shape, isPlus: boolean, clientId: string | null): Shape {
    const known = isPlus ? shape.plus : shape.name
    if (known !== null) return known
    const below = new Shape(clientId, isPlus || shape.isCounted)
    if (isPlus) shape.plus = below
    else shape.name = below
    if (below.isCounted) this.#counts(clientId, 1)
    return below
  }

  #counts(clientId: string | null, by: 1 | -1): void {
    this.#count += by
    if (clientId === null) return
    const count = (this.#byClient.get(clientId) ?? 0) + by
    if (count === 0) this.#byClient.delete(clientId)
    else this.#byClient.set(clientId, count)
  }
}

/** `#` is no level of its own: no node of the tree is below it. */
function isLevel(filter: string, start: number): boolean {
  return start <= filter.length && filter.charCodeAt(start) !== HASH
}

// Counts the shapes of all filters, which bounds the search for a topic. A shape is a beginning of a filter that contains a
// `+`, reduced to its number of levels and the places of `+`: `a/+/b` has the shapes `./+` and `./+/.`.
//
// The bound: all nodes that a search visits at one depth have different shapes. Each level above a visited node is
// either `+` or the level of the topic, so two nodes of one shape would have the same levels and be the same node. Therefore
// a search visits at most one node per shape, the root, and one node per level of the topic without any `+` above it. The
// number of filters does not matter.
//
// The limit does not lock out later clients. There are few shapes with few levels: 502 with up to 8 levels. Filters with few levels
// are never refused: the limit reserves places for all shapes of up to as many levels as fit into half of it. Of the other
// places, a client may use a sixteenth of what is left.

import { levelEnd } from './topic.ts'

/** A client may use at most this part of what is left for deep shapes. */
const PARTS_OF_REST = 16
const RESERVED_LEVELS_MAX = 32
const HASH = 0x23
const PLUS = 0x2b

class Shape {
  /** The number of filters with this beginning. */
  filters = 0
  plus: Shape | null = null
  name: Shape | null = null
  /** The client whose filter was the first with this beginning; null for a part of this process. */
  readonly countedFor: string | null
  /** False for a beginning without `+`. */
  readonly isCounted: boolean
  readonly levels: number

  constructor(countedFor: string | null, isCounted: boolean, levels: number) {
    this.countedFor = countedFor
    this.isCounted = isCounted
    this.levels = levels
  }
}

export type ShapeLimit = 'filterShapesMax' | 'filterShapesPerClientMax'

export class FilterShapes {
  readonly #root = new Shape(null, false, 0)
  /** The number of shapes in use that each client was the first to use. */
  readonly #byClient = new Map<string, number>()
  #count = 0
  /** Shapes with at most this many levels have reserved places. Shapes with more levels are deep. */
  readonly #reservedLevels: number
  readonly #deepMax: number
  readonly #deepByClient = new Map<string, number>()
  #deepCount = 0

  constructor(shapesMax: number = Infinity) {
    this.#reservedLevels = reservedLevels(shapesMax)
    this.#deepMax = shapesMax - shapesUpTo(this.#reservedLevels)
  }

  get count(): number {
    return this.#count
  }

  countedFor(clientId: string): number {
    return this.#byClient.get(clientId) ?? 0
  }

  /** Returns the limit that the client's filter would exceed, or null. */
  limitFor(clientId: string, filter: string, perClientMax: number): ShapeLimit | null {
    const added = this.newIn(filter)
    if (added === 0) return null
    if (this.countedFor(clientId) + added > perClientMax) return 'filterShapesPerClientMax'
    const deep = this.newIn(filter, this.#reservedLevels)
    if (deep === 0) return null
    const part = Math.floor((this.#deepMax - this.#deepCount) / PARTS_OF_REST)
    if (deep > part) return 'filterShapesMax'
    const own = this.#deepByClient.get(clientId) ?? 0
    return own + deep > part ? 'filterShapesPerClientMax' : null
  }

  /** Returns the number of new shapes of the filter that have more than `above` levels. */
  newIn(filter: string, above = 0): number {
    if (!filter.includes('+')) return 0
    let shape: Shape | null = this.#root
    let hasPlus = false
    let added = 0
    let levels = 0
    for (let start = 0; isLevel(filter, start); start = levelEnd(filter, start) + 1) {
      const isPlus = filter.charCodeAt(start) === PLUS
      if (isPlus) hasPlus = true
      if (shape !== null) shape = isPlus ? shape.plus : shape.name
      levels += 1
      if (shape === null && hasPlus && levels > above) added += 1
    }
    return added
  }

  /** Adds a filter. Call it once per filter, for the first subscription. */
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
        if (below.isCounted) this.#counts(below, -1)
      }
      shape = below
    }
  }

  #below(shape: Shape, isPlus: boolean, clientId: string | null): Shape {
    const known = isPlus ? shape.plus : shape.name
    if (known !== null) return known
    const below = new Shape(clientId, isPlus || shape.isCounted, shape.levels + 1)
    if (isPlus) shape.plus = below
    else shape.name = below
    if (below.isCounted) this.#counts(below, 1)
    return below
  }

  #counts({ countedFor, levels }: Shape, by: 1 | -1): void {
    this.#count += by
    countFor(this.#byClient, countedFor, by)
    if (levels <= this.#reservedLevels) return
    this.#deepCount += by
    countFor(this.#deepByClient, countedFor, by)
  }
}

function countFor(counts: Map<string, number>, clientId: string | null, by: 1 | -1): void {
  if (clientId === null) return
  const count = (counts.get(clientId) ?? 0) + by
  if (count === 0) counts.delete(clientId)
  else counts.set(clientId, count)
}

/** Returns how many shapes with up to this many levels exist: 2^n - 1 for each number n of levels. */
function shapesUpTo(levels: number): number {
  return 2 ** (levels + 1) - 2 - levels
}

/** Returns the largest number of levels for which all shapes fit into half of the limit. */
function reservedLevels(shapesMax: number): number {
  let levels = 0
  while (levels < RESERVED_LEVELS_MAX && shapesUpTo(levels + 1) <= shapesMax / 2) levels += 1
  return levels
}

/** `#` does not count as a level, because no node of the tree is below it. */
function isLevel(filter: string, start: number): boolean {
  return start <= filter.length && filter.charCodeAt(start) !== HASH
}

// Where the `+` of all filters stand: what bounds the search for a topic. A shape is a beginning of a filter of which
// only the number of levels and the places of `+` are looked at: `a/+/b` has the shapes `./+` and `./+/.`; a beginning
// without any `+` is none.
//
// The bound: after so many levels of a topic, the nodes of the tree that a search stands at differ in their shapes.
// For each level above them is either `+` or that level of the topic, so two nodes of one shape would have the same
// levels, and be one. Hence a search comes by one node a shape at the most, by the root, and by one more for each level of
// the topic, where no `+` is above. How many filters there are does not matter.
//
// Who comes late is served: of few levels there are few shapes, 502 of up to 8. As many of the least levels as take up
// half of the table at the most are never refused for it. Of the rest a client may have brought in a sixteenth part of
// what is left.

import { levelEnd } from './topic.ts'

/** A client may have no more than this part of what is left of the deep shapes. */
const PARTS_OF_REST = 16
const PLACED_LEVELS_MAX = 32
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
  readonly levels: number

  constructor(broughtInBy: string | null, isCounted: boolean, levels: number) {
    this.broughtInBy = broughtInBy
    this.isCounted = isCounted
    this.levels = levels
  }
}

export type ShapeLimit = 'filterShapesMax' | 'filterShapesPerClientMax'

export class FilterShapes {
  readonly #root = new Shape(null, false, 0)
  /** Those that a client has brought in and that are still in use, whoever uses them. */
  readonly #byClient = new Map<string, number>()
  #count = 0
  /** All shapes of no more levels have their places. Those with more are deep. */
  readonly #placedLevels: number
  readonly #deepMax: number
  readonly #deepByClient = new Map<string, number>()
  #deepCount = 0

  constructor(shapesMax: number = Infinity) {
    this.#placedLevels = placedLevels(shapesMax)
    this.#deepMax = shapesMax - shapesUpTo(this.#placedLevels)
  }

  get count(): number {
    return this.#count
  }

  broughtInBy(clientId: string): number {
    return this.#byClient.get(clientId) ?? 0
  }

  /** The limit that the client's filter would exceed, or null. */
  limitFor(clientId: string, filter: string, perClientMax: number): ShapeLimit | null {
    const added = this.newIn(filter)
    if (added === 0) return null
    if (this.broughtInBy(clientId) + added > perClientMax) return 'filterShapesPerClientMax'
    const deep = this.newIn(filter, this.#placedLevels)
    if (deep === 0) return null
    const part = Math.floor((this.#deepMax - this.#deepCount) / PARTS_OF_REST)
    if (deep > part) return 'filterShapesMax'
    const own = this.#deepByClient.get(clientId) ?? 0
    return own + deep > part ? 'filterShapesPerClientMax' : null
  }

  /** How many shapes of more levels than `above` the filter has that none of those before has. */
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

  #counts({ broughtInBy, levels }: Shape, by: 1 | -1): void {
    this.#count += by
    countFor(this.#byClient, broughtInBy, by)
    if (levels <= this.#placedLevels) return
    this.#deepCount += by
    countFor(this.#deepByClient, broughtInBy, by)
  }
}

function countFor(counts: Map<string, number>, clientId: string | null, by: 1 | -1): void {
  if (clientId === null) return
  const count = (counts.get(clientId) ?? 0) + by
  if (count === 0) counts.delete(clientId)
  else counts.set(clientId, count)
}

/** How many shapes there are of so many levels or fewer: 2^n - 1 of each number n of levels. */
function shapesUpTo(levels: number): number {
  return 2 ** (levels + 1) - 2 - levels
}

/** The most levels of which all shapes together take no more than half of the table. */
function placedLevels(shapesMax: number): number {
  let levels = 0
  while (levels < PLACED_LEVELS_MAX && shapesUpTo(levels + 1) <= shapesMax / 2) levels += 1
  return levels
}

/** `#` is no level of its own: no node of the tree is below it. */
function isLevel(filter: string, start: number): boolean {
  return start <= filter.length && filter.charCodeAt(start) !== HASH
}

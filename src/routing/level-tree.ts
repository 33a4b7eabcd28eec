// A tree of paths, one branch a topic level. A path that is alone below a level is held there whole, as a leaf,
// however many levels it still has: a node exists only where two paths part or run together.

import { ChurnMap } from './churn-map.ts'
import { levelEnd } from './topic.ts'

export interface Leaf {
  /** The filter or the topic that leads here. */
  readonly path: string
}

export class LevelNode<Value extends Leaf> {
  /** Where in every path through this node the level begins that leads on to its children. */
  readonly start: number
  /** The path that ends here. */
  end: Value | null = null
  /** What is at the level `+`. */
  plus: Value | LevelNode<Value> | null = null
  /** What is at the level `#`. */
  all: Value | LevelNode<Value> | null = null
  /** The first child lies here: most nodes of a long common beginning have one, and a Map takes 200 bytes. */
  #level: string | null = null
  #child: Value | LevelNode<Value> | null = null
  #others: ChurnMap<string, Value | LevelNode<Value>> | null = null

  constructor(start: number) {
    this.start = start
  }

  /** What is at a level that is neither `+` nor `#`. */
  child(level: string): Value | LevelNode<Value> | null {
    if (level === this.#level) return this.#child
    return this.#others === null ? null : this.#others.get(level)
  }

  slot(level: string): Value | LevelNode<Value> | null {
    if (level === '+') return this.plus
    if (level === '#') return this.all
    return this.child(level)
  }

  /** An occupied level keeps its place in the order of `others`: open cursors rely on it. */
  put(level: string, content: Value | LevelNode<Value>): void {
    if (level === '+') this.plus = content
    else if (level === '#') this.all = content
    else if (level === this.#level) this.#child = content
    else if (this.#level === null && !this.#others?.has(level)) {
      this.#level = ownText(level)
      this.#child = content
    } else {
      this.#others ??= new ChurnMap()
      this.#others.set(ownText(level), content)
    }
  }

  empty(level: string): void {
    if (level === '+') this.plus = null
    else if (level === '#') this.all = null
    else if (level === this.#level) {
      this.#level = null
      this.#child = null
    } else if (this.#others !== null) {
      this.#others.delete(level)
      if (this.#others.size === 0) this.#others = null
    }
  }

  /** All that is in the node, in any order; `others` may change while they are iterated. */
  get firstChild(): Value | LevelNode<Value> | null {
    return this.#child
  }

  get otherChildren(): ChurnMap<string, Value | LevelNode<Value>> | null {
    return this.#others
  }

  get occupants(): number {
    let count = this.#others === null ? 0 : this.#others.size
    if (this.#child !== null) count++
    if (this.end !== null) count++
    if (this.plus !== null) count++
    if (this.all !== null) count++
    return count
  }

  /** Any one of the occupants. */
  get occupant(): Value | LevelNode<Value> | null {
    const inline = this.#child ?? this.end ?? this.plus ?? this.all
    if (inline !== null || this.#others === null) return inline
    for (const child of this.#others.values()) {
      if (child !== null) return child
    }
    return null
  }
}

/** V8 lets shorter ones lie by themselves; of a longer one it keeps the whole text that it was cut from. */
const CUT_LENGTH_MIN = 13

/** The level outlives the path that it was cut from. */
function ownText(level: string): string {
  if (level.length < CUT_LENGTH_MIN) return level
  const copy = Buffer.from(level).toString()
  // It is another text only where this is no text of MQTT.
  return copy === level ? copy : level
}

export class LevelTree<Value extends Leaf> {
  readonly root = new LevelNode<Value>(0)

  get(path: string): Value | null {
    let node = this.root
    for (let start = 0; start <= path.length;) {
      const end = levelEnd(path, start)
      const found = node.slot(path.slice(start, end))
      if (!(found instanceof LevelNode)) return found?.path === path ? found : null
      node = found
      start = end + 1
    }
    return node.end
  }

  /** Takes the place of the value with the same path. */
  add(value: Value): void {
    const path = value.path
    let node = this.root
    for (let start = 0; start <= path.length;) {
      const end = levelEnd(path, start)
      const level = path.slice(start, end)
      const found = node.slot(level)
      if (found === null || (!(found instanceof LevelNode) && found.path === path)) {
        node.put(level, value)
        return
      }
      if (found instanceof LevelNode) {
        node = found
      } else {
        const branch = branchOver(found, end + 1)
        node.put(level, branch)
        node = branch
      }
      start = end + 1
    }
    node.end = value
  }

  remove(path: string): Value | null {
    const nodes: LevelNode<Value>[] = []
    const levels: string[] = []
    let node = this.root
    for (let start = 0; start <= path.length;) {
      const end = levelEnd(path, start)
      const level = path.slice(start, end)
      const found = node.slot(level)
      if (!(found instanceof LevelNode)) {
        if (found?.path !== path) return null
        node.empty(level)
        prune(node, nodes, levels)
        return found
      }
      nodes.push(node)
      levels.push(level)
      node = found
      start = end + 1
    }
    const removed = node.end
    node.end = null
    prune(node, nodes, levels)
    return removed
  }
}

/** A new node in the place of a leaf, which goes down one level. */
function branchOver<Value extends Leaf>(leaf: Value, start: number): LevelNode<Value> {
  const branch = new LevelNode<Value>(start)
  if (start > leaf.path.length) branch.end = leaf
  else branch.put(leaf.path.slice(start, levelEnd(leaf.path, start)), leaf)
  return branch
}

/**
 * Takes away nodes that hold nothing, and puts a single leaf in the place of its node, from `bottom` upwards.
 * The node left behind is not touched: a cursor may still stand in it and has yet to see that leaf.
 */
function prune<Value extends Leaf>(
  bottom: LevelNode<Value>,
  parents: LevelNode<Value>[],
  levels: string[],
): void {
  let node = bottom
  for (;;) {
    const parent = parents.pop()
    const level = levels.pop()
    if (parent === undefined || level === undefined || node.occupants > 1) return
    const last = node.occupant
    if (last instanceof LevelNode) return
    if (last === null) parent.empty(level)
    else parent.put(level, last)
    node = parent
  }
}

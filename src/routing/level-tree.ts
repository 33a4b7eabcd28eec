// A tree of paths with one branch per topic level. The only path below a level is stored as a leaf, with all of its
// remaining levels. A node exists only for a common beginning of two or more paths.

import { ChurnMap } from './churn-map.ts'
import { levelEnd } from './topic.ts'

export interface Leaf {
  /** The filter or topic of this leaf. */
  readonly path: string
}

export class LevelNode<Value extends Leaf> {
  /** The offset, the same in all paths through this node, of the level that selects a child. */
  readonly start: number
  /** The value whose path ends at this node. */
  end: Value | null = null
  /** The child at the level `+`. */
  plus: Value | LevelNode<Value> | null = null
  /** The child at the level `#`. */
  all: Value | LevelNode<Value> | null = null
  /** The first child has fields of its own: most nodes have only one child, and a Map takes 200 bytes. */
  #level: string | null = null
  #child: Value | LevelNode<Value> | null = null
  #others: ChurnMap<string, Value | LevelNode<Value>> | null = null

  constructor(start: number) {
    this.start = start
  }

  /** Returns the child at a level that is neither `+` nor `#`. */
  child(level: string): Value | LevelNode<Value> | null {
    if (level === this.#level) return this.#child
    return this.#others === null ? null : this.#others.get(level)
  }

  slot(level: string): Value | LevelNode<Value> | null {
    if (level === '+') return this.plus
    if (level === '#') return this.all
    return this.child(level)
  }

  /** Sets a child. A level that has a child keeps its place in the order of `others`, because open cursors rely on it. */
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

  /** The children in any order: this one and `otherChildren`, which may change during an iteration. */
  get firstChild(): Value | LevelNode<Value> | null {
    return this.#child
  }

  get otherChildren(): ChurnMap<string, Value | LevelNode<Value>> | null {
    return this.#others
  }

  get entryCount(): number {
    let count = this.#others === null ? 0 : this.#others.size
    if (this.#child !== null) count++
    if (this.end !== null) count++
    if (this.plus !== null) count++
    if (this.all !== null) count++
    return count
  }

  /** Returns any one of the entries. */
  get anyEntry(): Value | LevelNode<Value> | null {
    const inline = this.#child ?? this.end ?? this.plus ?? this.all
    if (inline !== null || this.#others === null) return inline
    for (const child of this.#others.values()) {
      if (child !== null) return child
    }
    return null
  }
}

/** From this length on, V8's slice of a string keeps the whole original string in memory. */
const CUT_LENGTH_MIN = 13

/** Copies a level, because it is kept for longer than the path that it was cut from. */
function ownText(level: string): string {
  if (level.length < CUT_LENGTH_MIN) return level
  const copy = Buffer.from(level).toString()
  // The copy differs only if the text is not valid UTF-16, which MQTT does not allow.
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

  /** Adds a value. It replaces the value with the same path. */
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

/** Returns a new node that contains the leaf one level further down. */
function branchOver<Value extends Leaf>(leaf: Value, start: number): LevelNode<Value> {
  const branch = new LevelNode<Value>(start)
  if (start > leaf.path.length) branch.end = leaf
  else branch.put(leaf.path.slice(start, levelEnd(leaf.path, start)), leaf)
  return branch
}

/**
 * Removes empty nodes, and replaces a node that has only one leaf with the leaf, from `bottom` upwards.
 * The replaced node is not changed: a cursor may be at it and must still find the leaf.
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
    if (parent === undefined || level === undefined || node.entryCount > 1) return
    const last = node.anyEntry
    if (last instanceof LevelNode) return
    if (last === null) parent.empty(level)
    else parent.put(level, last)
    node = parent
  }
}

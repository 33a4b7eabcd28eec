// All filters of the broker with their values. Filters without wildcards are in a Map and need one look-up. The others are in
// a tree, which is searched level by level, never deeper than the topic.

import { LevelNode, LevelTree, type Leaf } from './level-tree.ts'
import { ChurnMap } from './churn-map.ts'
import { hasWildcard, isHiddenFromWildcards, levelEnd, restMatches } from './topic.ts'

/** Comparing this many characters, as a power of two, takes as long as finding one node. */
const CHARACTERS_PER_STEP_BITS = 6

export class FilterTree<Value extends Leaf> {
  readonly #exact = new ChurnMap<string, Value>()
  readonly #wildcards = new LevelTree<Value>()
  /** The cost of all searches so far: the nodes and filters that were visited, where long texts count as several. */
  steps = 0
  /** The number of visited nodes. Tests compare it with its bound. */
  nodes = 0

  get(filter: string): Value | null {
    return hasWildcard(filter) ? this.#wildcards.get(filter) : this.#exact.get(filter)
  }

  /** Adds a value. It replaces the value with the same filter. */
  add(value: Value): void {
    if (hasWildcard(value.path)) this.#wildcards.add(value)
    else this.#exact.set(value.path, value)
  }

  remove(filter: string): Value | null {
    if (hasWildcard(filter)) return this.#wildcards.remove(filter)
    const value = this.#exact.get(filter)
    this.#exact.delete(filter)
    return value
  }

  /** Returns the values of all filters that match the topic, in any order. */
  match(topic: string): Value[] {
    const found: Value[] = []
    const exact = this.#exact.get(topic)
    if (exact !== null) found.push(exact)
    if (this.#wildcards.root.entryCount > 0) {
      const descent = new Descent(topic, found)
      descent.run(this.#wildcards.root)
      this.steps += descent.steps
      this.nodes += descent.nodes
    }
    return found
  }
}

/** One search, breadth first: all nodes of a level use one slice of the topic, and there is no recursion. */
class Descent<Value extends Leaf> {
  readonly #topic: string
  readonly #found: Value[]
  steps = 0
  nodes = 0
  #below: LevelNode<Value>[] = []
  /** The start of the next level of the topic. */
  #next = 0

  constructor(topic: string, found: Value[]) {
    this.#topic = topic
    this.#found = found
  }

  run(root: LevelNode<Value>): void {
    let nodes = [root]
    while (nodes.length > 0 && this.#next <= this.#topic.length) {
      this.#below = []
      this.#descend(nodes)
      nodes = this.#below
    }
    this.nodes += nodes.length
    this.steps += nodes.length
    for (const node of nodes) {
      this.#collect(node.end)
      this.#collect(node.all) // `a/#` matches `a`
    }
  }

  #descend(nodes: readonly LevelNode<Value>[]): void {
    const start = this.#next
    const end = levelEnd(this.#topic, start)
    const level = this.#topic.slice(start, end)
    this.#next = end + 1
    this.nodes += nodes.length
    this.steps += nodes.length * stepsFor(level.length)
    const seesWildcards = start > 0 || !isHiddenFromWildcards(this.#topic) // [MQTT-4.7.2-1]
    for (const node of nodes) {
      this.#follow(node.child(level), node.start + level.length + 1)
      if (seesWildcards) {
        this.#follow(node.plus, node.start + 2)
        this.#collect(node.all)
      }
    }
  }

  /** `filterStart` is the offset in the filter of the level below the child. */
  #follow(child: Value | LevelNode<Value> | null, filterStart: number): void {
    if (child === null) return
    if (child instanceof LevelNode) {
      this.#below.push(child)
      return
    }
    this.steps += stepsFor(this.#topic.length - this.#next)
    if (restMatches(child.path, filterStart, this.#topic, this.#next)) this.#found.push(child)
  }

  #collect(value: Value | LevelNode<Value> | null): void {
    // `#` is the last level of a filter, so there is never a node below it.
    if (value !== null && !(value instanceof LevelNode)) this.#found.push(value)
  }
}

function stepsFor(characters: number): number {
  return 1 + (Math.max(0, characters) >> CHARACTERS_PER_STEP_BITS)
}

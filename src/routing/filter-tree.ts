// Every filter of the broker with what belongs to it. A filter without wildcards costs one look-up in a Map,
// the others are a tree that is walked level by level, never deeper than the topic.

import { LevelNode, LevelTree, type Leaf } from './level-tree.ts'
import { ChurnMap } from './churn-map.ts'
import { hasWildcard, isHiddenFromWildcards, levelEnd, restMatches } from './topic.ts'

/** So many characters, as a power of two, are compared as quickly as one node is found. */
const CHARACTERS_A_LOOK_BITS = 6

export class FilterTree<Value extends Leaf> {
  readonly #exact = new ChurnMap<string, Value>()
  readonly #wildcards = new LevelTree<Value>()
  /** Nodes and filters that searches have come by so far, a long text as several: what a search costs. */
  looks = 0
  /** The nodes among them: what tests compare with their bound. */
  nodes = 0

  get(filter: string): Value | null {
    return hasWildcard(filter) ? this.#wildcards.get(filter) : this.#exact.get(filter)
  }

  /** Takes the place of the value with the same filter. */
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

  /** The values of all filters that match the topic, in no order that means anything. */
  match(topic: string): Value[] {
    const found: Value[] = []
    const exact = this.#exact.get(topic)
    if (exact !== null) found.push(exact)
    if (this.#wildcards.root.occupants > 0) {
      const descent = new Descent(topic, found)
      descent.run(this.#wildcards.root)
      this.looks += descent.looks
      this.nodes += descent.nodes
    }
    return found
  }
}

/** One match on its way down. Breadth first: all nodes of a level share one slice, and nothing recurses. */
class Descent<Value extends Leaf> {
  readonly #topic: string
  readonly #found: Value[]
  looks = 0
  nodes = 0
  #below: LevelNode<Value>[] = []
  /** Where the next level of the topic begins. */
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
    this.looks += nodes.length
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
    this.looks += nodes.length * looksAt(level.length)
    const seesWildcards = start > 0 || !isHiddenFromWildcards(this.#topic) // [MQTT-4.7.2-1]
    for (const node of nodes) {
      this.#follow(node.child(level), node.start + level.length + 1)
      if (seesWildcards) {
        this.#follow(node.plus, node.start + 2)
        this.#collect(node.all)
      }
    }
  }

  /** `filterStart` is where the filter goes on below the child. */
  #follow(child: Value | LevelNode<Value> | null, filterStart: number): void {
    if (child === null) return
    if (child instanceof LevelNode) {
      this.#below.push(child)
      return
    }
    this.looks += looksAt(this.#topic.length - this.#next)
    if (restMatches(child.path, filterStart, this.#topic, this.#next)) this.#found.push(child)
  }

  #collect(value: Value | LevelNode<Value> | null): void {
    // The level `#` ends a filter, so no node is ever below it.
    if (value !== null && !(value instanceof LevelNode)) this.#found.push(value)
  }
}

function looksAt(characters: number): number {
  return 1 + (Math.max(0, characters) >> CHARACTERS_A_LOOK_BITS)
}

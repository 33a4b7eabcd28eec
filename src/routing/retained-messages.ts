// The last retained message of every topic, and cursors that stream those that match a filter.

import { contentBytes, type Message, MESSAGE_BYTES } from '../message.ts'
import { LevelNode, LevelTree, type Leaf } from './level-tree.ts'
import { ChurnMap } from './churn-map.ts'
import { pathBytes } from './subscription.ts'
import { hasWildcard, isHiddenFromWildcards, levelEnd, topicMatches } from './topic.ts'

/** A topic is compared with the filter character by character: so many, as a power of two, are another step. */
const CHARACTERS_A_STEP_BITS = 6

/** A topic in the map and in the tree, and when its message expires. */
const TOPIC_BYTES = 450

/** What a topic takes besides its message. */
export function retainedTopicBytes(topic: string): number {
  return TOPIC_BYTES + pathBytes(topic)
}

/** What a retained message takes besides its topic's place. */
export function retainedBytes(message: Message): number {
  return MESSAGE_BYTES + contentBytes(message)
}

export class RetainedMessages {
  readonly #topics = new ChurnMap<string, RetainedTopic>()
  readonly #tree = new LevelTree<RetainedTopic>()
  /** Topics that begin with `$` stand apart, where no leading wildcard comes [MQTT-4.7.2-1]. */
  readonly #hiddenTree = new LevelTree<RetainedTopic>()
  #bytes = 0

  get count(): number {
    return this.#topics.size
  }

  /** Topics, payloads and properties, and what keeps them. */
  get bytes(): number {
    return this.#bytes
  }

  get(topic: string): Message | undefined {
    return this.#topics.get(topic)?.message ?? undefined
  }

  /** Replaces the message that the topic had [MQTT-3.3.1-5]; an empty one only removes it [MQTT-3.3.1-7]. */
  set(message: Message): void {
    const { topic, payload } = message
    if (payload.length === 0) {
      this.clear(topic)
      return
    }
    const known = this.#topics.get(topic)
    this.#bytes += retainedBytes(message)
    if (known !== null) {
      if (known.message !== null) this.#bytes -= retainedBytes(known.message)
      known.message = message
      return
    }
    this.#bytes += retainedTopicBytes(topic)
    const added = new RetainedTopic(topic, message)
    this.#topics.set(topic, added)
    this.#treeOf(topic).add(added)
  }

  /** False when the topic has no message. */
  clear(topic: string): boolean {
    const known = this.#topics.get(topic)
    if (known === null) return false
    this.#bytes -= retainedTopicBytes(topic)
    if (known.message !== null) this.#bytes -= retainedBytes(known.message)
    known.message = null
    this.#topics.delete(topic)
    this.#treeOf(topic).remove(topic)
    return true
  }

  /** Messages with a sequence above `sequenceMax` are left out: routing brings them to a new subscriber. */
  matching(filter: string, sequenceMax = Infinity): RetainedCursor {
    if (hasWildcard(filter)) {
      return new RetainedCursor(filter, sequenceMax, this.#treeOf(filter).root)
    }
    return new RetainedCursor(filter, sequenceMax, this.#topics.get(filter))
  }

  #treeOf(path: string): LevelTree<RetainedTopic> {
    return isHiddenFromWildcards(path) ? this.#hiddenTree : this.#tree
  }
}

/**
 * Visits each matching topic once, whatever is set or cleared between two calls. A topic that was there when
 * the cursor was opened is found where it was then; what has become of it is read at the visit.
 */
export class RetainedCursor {
  readonly #filter: string
  readonly #sequenceMax: number
  readonly #walks: Walk[]
  /** What was looked at so far: topics and levels, a long topic as several. */
  steps = 0

  constructor(filter: string, sequenceMax: number, start: Slot) {
    this.#filter = filter
    this.#sequenceMax = sequenceMax
    this.#walks = [new Walk([start], null, 0)]
  }

  get isFinished(): boolean {
    return this.#walks.length === 0
  }

  /** Null at the end; also when `stepsMax` topics and levels were looked at in vain, see `isFinished`. */
  next(stepsMax = Infinity): Message | null {
    const end = this.steps + stepsMax
    while (this.steps < end) {
      this.steps += 1
      const walk = this.#walks.at(-1)
      if (walk === undefined) return null
      const slot = walk.next()
      if (slot === null) this.#walks.pop()
      else if (slot instanceof LevelNode) this.#enter(slot, walk.filterStart)
      else if (this.#wants(slot)) return slot.message
    }
    return null
  }

  #wants(topic: RetainedTopic): boolean {
    const { message } = topic
    if (message === null || message.sequence > this.#sequenceMax) return false
    this.steps += topic.path.length >> CHARACTERS_A_STEP_BITS
    return topicMatches(this.#filter, topic.path)
  }

  #enter(node: LevelNode<RetainedTopic>, filterStart: number): void {
    const filter = this.#filter
    if (filterStart > filter.length) {
      this.#walks.push(new Walk([node.end], null, filterStart))
      return
    }
    const end = levelEnd(filter, filterStart)
    const level = filter.slice(filterStart, end)
    if (level === '#') {
      const near = [node.end, node.firstChild]
      this.#walks.push(new Walk(near, node.otherChildren, filterStart))
    } else if (level === '+') {
      this.#walks.push(new Walk([node.firstChild], node.otherChildren, end + 1))
    } else {
      this.#walks.push(new Walk([node.child(level)], null, end + 1))
    }
  }
}

type Slot = RetainedTopic | LevelNode<RetainedTopic> | null

class RetainedTopic implements Leaf {
  readonly path: string
  /** Null once it was cleared: a cursor may still come by. */
  message: Message | null

  constructor(topic: string, message: Message) {
    this.path = topic
    this.message = message
  }
}

/** What a cursor has yet to see at one node. */
class Walk {
  /** Where the filter goes on below the node. */
  readonly filterStart: number
  readonly #near: Slot[]
  readonly #others: Iterator<Slot> | null

  constructor(
    near: Slot[],
    others: ChurnMap<string, RetainedTopic | LevelNode<RetainedTopic>> | null,
    filterStart: number,
  ) {
    this.filterStart = filterStart
    this.#near = near
    this.#others = others === null ? null : others.values()
  }

  next(): Slot {
    while (this.#near.length > 0) {
      const slot = this.#near.pop() ?? null
      if (slot !== null) return slot
    }
    if (this.#others === null) return null
    for (;;) {
      const { done, value } = this.#others.next()
      if (done === true) return null
      if (value !== null) return value
    }
  }
}

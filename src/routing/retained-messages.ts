// The retained message of every topic, and cursors over the messages that match a filter.

import { contentBytes, type Message, MESSAGE_BYTES } from '../message.ts'
import { LevelNode, LevelTree, type Leaf } from './level-tree.ts'
import { ChurnMap } from './churn-map.ts'
import { pathBytes } from './subscription.ts'
import { hasWildcard, isHiddenFromWildcards, levelEnd, topicMatches } from './topic.ts'

/** Comparing this many characters of a topic, as a power of two, counts as one more step. */
const CHARACTERS_A_STEP_BITS = 6

/** The heap bytes of a topic in the map and in the tree. */
const TOPIC_BYTES = 450

/** Returns the memory of a topic without its message. */
export function retainedTopicBytes(topic: string): number {
  return TOPIC_BYTES + pathBytes(topic)
}

/** Returns the memory of a retained message without its topic's entries. */
export function retainedBytes(message: Message): number {
  return MESSAGE_BYTES + contentBytes(message)
}

export class RetainedMessages {
  readonly #tree = new LevelTree<RetainedTopic>()
  /** Topics that begin with `$` are in a tree of their own, because a leading wildcard does not match them [MQTT-4.7.2-1]. */
  readonly #hiddenTree = new LevelTree<RetainedTopic>()
  #count = 0
  #bytes = 0
  /** What was looked up last, and what was found: a message to be retained needs its topic several times. */
  #lookedUp = ''
  #found: RetainedTopic | null = null

  get count(): number {
    return this.#count
  }

  /** The bytes of topics, payloads and properties, and of the objects that keep them. */
  get bytes(): number {
    return this.#bytes
  }

  get(topic: string): Message | undefined {
    return this.#find(topic)?.message ?? undefined
  }

  #find(topic: string): RetainedTopic | null {
    if (topic === this.#lookedUp) return this.#found
    this.#lookedUp = topic
    this.#found = this.#treeOf(topic).get(topic)
    return this.#found
  }

  /** Replaces the message of the topic [MQTT-3.3.1-5]. An empty message removes it [MQTT-3.3.1-7]. */
  set(message: Message): void {
    const { topic, payload } = message
    if (payload.length === 0) {
      this.clear(topic)
      return
    }
    const known = this.#find(topic)
    this.#bytes += retainedBytes(message)
    if (known !== null) {
      if (known.message !== null) this.#bytes -= retainedBytes(known.message)
      known.message = message
      return
    }
    this.#bytes += retainedTopicBytes(topic)
    this.#count += 1
    this.#found = new RetainedTopic(topic, message)
    this.#treeOf(topic).add(this.#found)
  }

  /** Removes the message of a topic. Returns false when there was none. */
  clear(topic: string): boolean {
    const known = this.#find(topic)
    if (known === null) return false
    this.#found = null
    this.#count -= 1
    this.#bytes -= retainedTopicBytes(topic)
    if (known.message !== null) this.#bytes -= retainedBytes(known.message)
    known.message = null
    this.#treeOf(topic).remove(topic)
    return true
  }

  /** Leaves out messages with a sequence above `sequenceMax`, which reach a new subscriber as live messages. */
  matching(filter: string, sequenceMax = Infinity): RetainedCursor {
    if (hasWildcard(filter)) {
      return new RetainedCursor(filter, sequenceMax, this.#treeOf(filter).root)
    }
    return new RetainedCursor(filter, sequenceMax, this.#treeOf(filter).get(filter))
  }

  #treeOf(path: string): LevelTree<RetainedTopic> {
    return isHiddenFromWildcards(path) ? this.#hiddenTree : this.#tree
  }
}

/**
 * Visits each matching topic once, even if messages are set or cleared between two calls. A topic that existed when
 * the cursor was opened is found at its place of that time. Its message is read at the visit.
 */
export class RetainedCursor {
  readonly #filter: string
  readonly #sequenceMax: number
  readonly #walks: Walk[]
  /** The steps so far: visited topics and levels, where a long topic counts as several. */
  steps = 0
  #last: RetainedTopic | null = null

  constructor(filter: string, sequenceMax: number, start: Slot) {
    this.#filter = filter
    this.#sequenceMax = sequenceMax
    this.#walks = [new Walk([start], null, 0)]
  }

  get isFinished(): boolean {
    return this.#walks.length === 0
  }

  /** Returns the next message. Null at the end, or after `stepsMax` steps without a match: see `isFinished`. */
  next(stepsMax = Infinity): Message | null {
    const end = this.steps + stepsMax
    while (this.steps < end) {
      this.steps += 1
      const walk = this.#walks.at(-1)
      if (walk === undefined) return null
      const slot = walk.next()
      if (slot === null) this.#walks.pop()
      else if (slot instanceof LevelNode) this.#enter(slot, walk.filterStart)
      else if (this.#wants(slot)) {
        this.#last = slot
        return slot.message
      }
    }
    return null
  }

  /** Whether the message that was returned last is still the retained message of its topic. */
  isCurrent(message: Message): boolean {
    return this.#last?.message === message
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
  /** Null after it was cleared, because a cursor may still visit it. */
  message: Message | null

  constructor(topic: string, message: Message) {
    this.path = topic
    this.message = message
  }
}

/** The entries of one node that a cursor has not visited yet. */
class Walk {
  /** The offset in the filter of the level below the node. */
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

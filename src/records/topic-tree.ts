// The topics that were seen lately, as a tree of levels with rates. It has bounds; the leaf that was seen longest ago goes.

import { textBytes } from '../message.ts'
import { shortened } from '../packet/text.ts'

interface TopicNode {
  readonly level: string
  readonly parent: TopicNode | null
  children: Map<string, TopicNode> | null
  /** Messages a second to this topic and below, up to `ratedAt`. */
  rate: number
  ratedAt: number
  /** When a message to this topic itself was seen last; 0 for never. */
  lastAt: number
  lastPublisher: string | null
  /** From the node that was seen longest ago to the last one. Each node comes before its parent. */
  before: TopicNode | null
  after: TopicNode | null
}

const NODES_MAX = 20_000
const BYTES_MAX = 4_194_304
/** The heap bytes of a node besides its texts. */
const NODE_BYTES = 180
const PUBLISHER_BYTES_MAX = 64
/** A rate is an average of about so many milliseconds. */
const RATE_MS = 10_000

export class TopicTree {
  readonly root: TopicNode = newNode('', null)
  count = 0
  bytes = 0
  /** The nodes that had to go. */
  forgotten = 0
  #oldest: TopicNode | null = null
  #newest: TopicNode | null = null

  /** Counts `messages` to the topic, of which one was seen. */
  add(topic: string, publisher: string | null, messages: number, now: number): void {
    const levels = topic.split('/')
    let node = this.root
    for (const level of levels) node = this.#childOf(node, level)
    node.lastAt = now
    this.#setPublisher(node, publisher)
    for (let each: TopicNode | null = node; each !== null; each = each.parent) {
      each.rate = rateOf(each, now) + (messages * 1_000) / RATE_MS
      each.ratedAt = now
      if (each !== this.root) this.#toNewest(each)
    }
    this.#forgetOldest()
  }

  /** Returns the node of a topic or of levels above topics; null if it is not known. '' is the root. */
  find(topic: string | null): TopicNode | null {
    if (topic === null) return this.root
    let node: TopicNode | undefined = this.root
    for (const level of topic.split('/')) node = node?.children?.get(level)
    return node ?? null
  }

  #childOf(parent: TopicNode, level: string): TopicNode {
    const known = parent.children?.get(level)
    if (known !== undefined) return known
    const child = newNode(level, parent)
    parent.children ??= new Map()
    parent.children.set(level, child)
    this.count += 1
    this.bytes += NODE_BYTES + textBytes(level)
    // Its parents are moved behind it at once.
    child.before = this.#newest
    if (this.#newest === null) this.#oldest = child
    else this.#newest.after = child
    this.#newest = child
    return child
  }

  #setPublisher(node: TopicNode, publisher: string | null): void {
    const name = publisher === null ? null : shortened(publisher, PUBLISHER_BYTES_MAX)
    if (name === node.lastPublisher) return
    this.bytes += textBytes(name ?? '') - textBytes(node.lastPublisher ?? '')
    node.lastPublisher = name
  }

  #toNewest(node: TopicNode): void {
    if (node === this.#newest) return
    this.#unlink(node)
    node.before = this.#newest
    node.after = null
    if (this.#newest !== null) this.#newest.after = node
    this.#newest = node
  }

  #unlink({ before, after }: TopicNode): void {
    if (before === null) this.#oldest = after
    else before.after = after
    if (after === null) this.#newest = before
    else after.before = before
  }

  #forgetOldest(): void {
    while (this.count > NODES_MAX || this.bytes > BYTES_MAX) {
      const oldest = this.#oldest
      if (oldest?.parent == null) return
      this.#unlink(oldest)
      oldest.parent.children?.delete(oldest.level)
      if (oldest.parent.children?.size === 0) oldest.parent.children = null
      this.count -= 1
      this.forgotten += 1
      this.bytes -= NODE_BYTES + textBytes(oldest.level) + textBytes(oldest.lastPublisher ?? '')
    }
  }
}

/** Returns the messages a second at this moment. */
export function rateOf({ rate, ratedAt }: TopicNode, now: number): number {
  return rate === 0 ? 0 : rate * Math.exp(-Math.max(0, now - ratedAt) / RATE_MS)
}

function newNode(level: string, parent: TopicNode | null): TopicNode {
  return {
    level,
    parent,
    children: null,
    rate: 0,
    ratedAt: 0,
    lastAt: 0,
    lastPublisher: null,
    before: null,
    after: null,
  }
}

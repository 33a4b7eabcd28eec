// The topics of transactions, `$tx/ID/publish/TOPIC` and `$tx/ID/COMMAND`, in their parts. Each ID is used once, so that no cache would
// find the whole topic; it finds the parts.

import { TextCache } from './text-cache.ts'
import { topicNameOf, topicNames } from './topic-names.ts'

export interface TransactionTopic {
  readonly whole: string
  readonly id: string
  /** Empty for a message that is staged. */
  readonly command: string
  /** Where that message is to be published; empty for a command. */
  readonly topic: string
}

const TREE = Buffer.from('$tx/')
const PUBLISH = Buffer.from('publish/')
const SLASH = 0x2f
/** No longer id is one. */
const ID_BYTES_MAX = 65

class TransactionTopics {
  readonly #ids = new TextCache(256, ID_BYTES_MAX, topicNameOf)
  // The packets of a transaction come one after the other, often with the same topic.
  #last: TransactionTopic = { whole: '', id: '', command: '', topic: '' }
  /** `$tx/ID/publish/` of the last message. */
  readonly #prefix = Buffer.alloc(TREE.length + ID_BYTES_MAX + 1 + PUBLISH.length)
  #prefixBytes = 0

  /** Returns the parts of the topic name from `start` to `end`, or null if it has not both of them. Throws MalformedPacket. */
  partsOf(bytes: Buffer, start: number, end: number): TransactionTopic | null {
    const length = this.#prefixBytes
    const isLast = length > 0 && beginsWith(this.#prefix, length, bytes, start, end)
    if (!isLast || start + length === end) return this.#read(bytes, start, end)
    const topic = topicNames.textOf(bytes, start + length, end)
    return topic === this.#last.topic ? this.#last : this.#staged(this.#last.id, topic)
  }

  #read(bytes: Buffer, start: number, end: number): TransactionTopic | null {
    const rest = treeEnd(bytes, start, end)
    if (rest === -1) return null
    const isStaged = beginsWith(PUBLISH, PUBLISH.length, bytes, rest, end)
    const textStart = isStaged ? rest + PUBLISH.length : rest
    if (textStart === end) return null
    const id = this.#ids.textOf(bytes, start + TREE.length, rest - 1)
    const text = topicNames.textOf(bytes, textStart, end)
    if (!isStaged) return { whole: `$tx/${id}/${text}`, id, command: text, topic: '' }
    const length = textStart - start
    for (let at = 0; at < length; at++) this.#prefix[at] = bytes[start + at] ?? 0
    this.#prefixBytes = length
    return this.#staged(id, text)
  }

  #staged(id: string, topic: string): TransactionTopic {
    this.#last = { whole: `$tx/${id}/publish/${topic}`, id, command: '', topic }
    return this.#last
  }
}

export const transactionTopics: TransactionTopics = new TransactionTopics()

/** Returns where `$tx/ID/` ends; -1 if there is none. */
function treeEnd(bytes: Buffer, start: number, end: number): number {
  if (!beginsWith(TREE, TREE.length, bytes, start, end)) return -1
  const idStart = start + TREE.length
  const idEndMax = Math.min(end - 1, idStart + ID_BYTES_MAX)
  for (let at = idStart; at <= idEndMax; at++) if (bytes[at] === SLASH) return at + 1
  return -1
}

/** Whether the first `length` bytes are these. */
function beginsWith(
  prefix: Buffer,
  length: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  if (start + length > end) return false
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== prefix[index]) return false
  }
  return true
}

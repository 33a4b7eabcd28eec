// The topics of transactions, `$tx/ID/publish/TOPIC` and `$tx/ID/COMMAND`, in their parts. Each ID is used once, so that no cache would
// find it, nor the whole topic; it finds the rest.

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
  // The packets of a transaction come one after the other, often with the same topic.
  #last: TransactionTopic = { whole: '', id: '', command: '', topic: '' }
  /** `$tx/ID/` of the last one. */
  readonly #tree = Buffer.alloc(TREE.length + ID_BYTES_MAX + 1)
  #treeBytes = 0

  /** Returns the parts of the topic name from `start` to `end`, or null if it has not both of them. Throws MalformedPacket. */
  partsOf(bytes: Buffer, start: number, end: number): TransactionTopic | null {
    const length = this.#treeBytes
    const isLast = length > 0 && beginsWith(this.#tree, length, bytes, start, end)
    const rest = isLast ? start + length : treeEnd(bytes, start, end)
    if (rest === -1) return null
    const isStaged = beginsWith(PUBLISH, PUBLISH.length, bytes, rest, end)
    const textStart = isStaged ? rest + PUBLISH.length : rest
    if (textStart === end) return null
    const last = this.#last
    const id = isLast ? last.id : topicNameOf(bytes, start + TREE.length, rest - 1)
    const text = topicNames.textOf(bytes, textStart, end)
    if (isLast && isStaged && text === last.topic) return last
    if (!isLast) this.#keepTree(bytes, start, rest)
    this.#last = isStaged
      ? { whole: `$tx/${id}/publish/${text}`, id, command: '', topic: text }
      : { whole: `$tx/${id}/${text}`, id, command: text, topic: '' }
    return this.#last
  }

  #keepTree(bytes: Buffer, start: number, end: number): void {
    this.#treeBytes = end - start
    for (let at = start; at < end; at++) this.#tree[at - start] = bytes[at] ?? 0
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

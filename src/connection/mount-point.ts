// Topics of a listener with a mount point. Everything that its clients name lies under the prefix, and they do not see the prefix: a
// topic or filter always begins with it, so none reaches beyond it.

import { DELAYED, delayIn, isDelayed } from '../broker/delayed.ts'
import type { Message } from '../message.ts'
import { TOPIC_FILTER_INVALID, TOPIC_NAME_INVALID } from '../packet/reason.ts'
import { isOfTransactions, parseFilter } from '../routing/topic.ts'
import { ProtocolError } from './protocol-error.ts'

/** A UTF-8 Encoded String (5.0, section 1.5.4). */
const TEXT_BYTES_MAX = 65_535

/** What stands before the topic of a message that is staged. */
const STAGED = /^\$tx\/[^/]*\/publish\//

/** Returns the topic as the broker knows it. What is no topic name stays none. */
export function mountedTopic(topic: string, mountPoint: string): string {
  if (topic === '') return topic
  const mounted = insideOf(topic, mountPoint)
  if (isTooLong(mounted)) throw new ProtocolError(TOPIC_NAME_INVALID, `the topic ${TOO_LONG}`)
  return mounted
}

function insideOf(topic: string, mountPoint: string): string {
  if (isOfTransactions(topic)) {
    const [prefix = ''] = STAGED.exec(topic) ?? []
    const inner = topic.slice(prefix.length)
    return isOfTransactions(inner) ? topic : prefix + insideOf(inner, mountPoint)
  }
  const delay = isDelayed(topic) ? delayIn(topic) : null
  if (delay === null) return `${mountPoint}${topic}`
  return `${DELAYED}${delay.seconds}/${mountPoint}${delay.topic}`
}

/** The same for a filter. The prefix of a shared subscription stands behind the name of the group. */
export function mountedFilter(filter: string, mountPoint: string): string {
  const parsed = parseFilter(filter)
  if (parsed === null) return filter
  const { shareName, topicFilter } = parsed
  if (isOfTransactions(filter)) return filter
  const group = shareName === null ? '' : `$share/${shareName}/`
  const mounted = `${group}${mountPoint}${topicFilter}`
  if (isTooLong(mounted)) throw new ProtocolError(TOPIC_FILTER_INVALID, `the filter ${TOO_LONG}`)
  return mounted
}

const TOO_LONG = 'is too long with the mount point of the listener'

function isTooLong(text: string): boolean {
  return text.length * 3 > TEXT_BYTES_MAX && Buffer.byteLength(text) > TEXT_BYTES_MAX
}

/** Messages as clients of one mount point after the other see them. */
export class MountedMessages {
  #whole: Message | null = null
  #mountPoint = ''
  #shown: Message | null = null

  /**
   * Returns the message without the prefix; null for one from elsewhere. A session may have such messages from another listener, or
   * from the program. All receivers of a message follow each other, so the last one is kept.
   */
  shown(message: Message, mountPoint: string): Message | null {
    if (message === this.#whole && mountPoint === this.#mountPoint) return this.#shown
    // What the broker tells the client about its own transactions.
    if (message.publisher === null && isOfTransactions(message.topic)) return message
    const isInside =
      message.topic.length > mountPoint.length && message.topic.startsWith(mountPoint)
    this.#whole = message
    this.#mountPoint = mountPoint
    this.#shown = isInside ? { ...message, topic: message.topic.slice(mountPoint.length) } : null
    return this.#shown
  }

  /** No message stays in memory after a turn. */
  forget(): void {
    this.#whole = null
    this.#shown = null
  }
}

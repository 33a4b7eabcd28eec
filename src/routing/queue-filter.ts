// The grammar of `$queue/`: filters that consume from a named queue, and topics that fill one.

import { nearest } from '../nearest.ts'
import { isTopicFilter } from './topic.ts'

const PREFIX = '$queue/'
/** The user property of a SUBSCRIBE by which a consumer holds messages until a transaction settles them. */
export const TRANSACTIONAL = 'transactional'

/** A consumer that is taken for another one settles by PUBACK what it wanted to settle by a transaction. */
export function isMisspelledTransactional(word: string): boolean {
  return word !== TRANSACTIONAL && nearest(word, [TRANSACTIONAL]) !== null
}
const NAME = /^[A-Za-z0-9_.-]{1,64}(?:\.dead)?$/

interface QueueFilter {
  readonly name: string
  /** The filter that the queue takes messages in by; null if none is named. */
  readonly topicFilter: string | null
}

export function isQueueName(text: string): boolean {
  return NAME.test(text)
}

/** The topic that fills the queue directly, and the right that its consumers need. */
export function queueTopic(name: string): string {
  return PREFIX + name
}

/** Whether the filter or topic is one of `$queue`, well formed or not. */
export function isOfQueue(text: string): boolean {
  return text.startsWith(PREFIX) || text === '$queue'
}

/** Reads `$queue/NAME` or `$queue/NAME/FILTER`; null for any other form. */
export function queueInFilter(filter: string): QueueFilter | null {
  if (!filter.startsWith(PREFIX)) return null
  const end = filter.indexOf('/', PREFIX.length)
  const name = filter.slice(PREFIX.length, end === -1 ? undefined : end)
  if (!isQueueName(name)) return null
  if (end === -1) return { name, topicFilter: null }
  const topicFilter = filter.slice(end + 1)
  return isTopicFilter(topicFilter) && !topicFilter.startsWith('$') ? { name, topicFilter } : null
}

/** Returns the name of the queue whose dead letters this one has, or its own. */
export function stemOf(name: string): string {
  return name.endsWith(DEAD) ? name.slice(0, -DEAD.length) : name
}

const DEAD = '.dead'

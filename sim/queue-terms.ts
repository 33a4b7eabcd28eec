// What a publication is to a named queue: whether it is taken in, by which key, until when, and before which others.

import type { Message } from '../src/message.ts'
import { topicMatches } from '../src/routing/topic.ts'
import { expressionOf } from './expressions.ts'
import { isPublishedLater, type Publication } from './history.ts'
import type { SimQueueSettings } from './queue-settings.ts'

export function markOf(
  { properties }: Pick<Message, 'properties'>,
  name: string,
): string | undefined {
  return properties.userProperties?.findLast(([each]) => each === name)?.[1]
}

export function takesIn(
  queue: string,
  { filters, where }: SimQueueSettings,
  publication: Publication,
): boolean {
  const { topic } = publication
  if (topic === `$queue/${queue}`) return true
  if (expressionOf(where)?.isTrue(publication) === false) return false
  return filters.some(filter => topicMatches(filter, topic))
}

/** Whether both have a key in common, by any key that an operator may set. */
export function isOfAnyKey(one: Publication, other: Publication): boolean {
  const tag = markOf(one, 'a')
  return (
    one.publisher === other.publisher ||
    one.topic === other.topic ||
    (tag !== undefined && tag === markOf(other, 'a'))
  )
}

/** Null for what is bound to nothing. */
export function keyIn({ order, key }: SimQueueSettings, publication: Publication): string | null {
  if (order === 'parallel') return null
  if (order === 'fifo') return ''
  if (key === 'publisher') return publication.publisher
  if (key === 'topic') return publication.topic
  return markOf(publication, 'a') ?? null
}

/** When it expires, in milliseconds, at the earliest. */
export function expiryOf(
  settings: SimQueueSettings,
  { properties, sentAtMs }: Publication,
): number {
  const ofQueue = settings.messageExpirySeconds === 0 ? Infinity : settings.messageExpirySeconds
  return sentAtMs + Math.min(ofQueue, properties.messageExpiryInterval ?? Infinity) * 1_000
}

/** Whether the broker certainly took in `older` first. */
export function cameBefore(older: Publication, newer: Publication): boolean {
  if (older === newer || isPublishedLater(older)) return false
  const wasAccepted = older.acceptedAt !== null && older.acceptedAt < newer.sentAt
  if (older.publisher !== newer.publisher) return wasAccepted
  // What its client sends again on a later connection can arrive after the will of an earlier one.
  if (newer.kind === 'will' && older.attempts > 1) return wasAccepted
  return older.order < newer.order
}

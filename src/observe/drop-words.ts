// Why a message was dropped, in words that tell an operator what to change.

import type { DropReason } from '../session/session-context.ts'

interface DropWords {
  readonly cause: string
  /** The key of the configuration that bounds it, if there is one. */
  readonly key: string | null
  /** Whether it needs the attention of an operator. Other drops are normal operation and only counted. */
  readonly isWarned: boolean
}

export const DROP_WORDS: Readonly<Record<DropReason, DropWords>> = {
  'queue-full': {
    cause: 'its queue is full',
    key: 'limits.queuedMessagesMax, limits.queuedBytesMax',
    isWarned: true,
  },
  'user-queues-full': {
    cause: 'the queues of its user are full',
    key: 'limits.queuedBytesPerUserMax',
    isWarned: true,
  },
  'outbox-full': {
    cause: 'it does not read as fast as messages of QoS 0 come',
    key: 'limits.outboxBytesMax',
    isWarned: true,
  },
  'rate-reached': {
    cause: 'messages for it, or for all clients of its user, come faster than the rate',
    key: 'limits.outgoingMessagesPerSecondMax, limits.outgoingBytesPerSecondMax, and both PerUserMax',
    isWarned: true,
  },
  overload: {
    cause: 'the broker is overloaded',
    key: null,
    // `overload.level` in the log says it.
    isWarned: false,
  },
  'client-away': {
    cause: 'it is away, and messages of QoS 0 are not kept',
    key: 'limits.queueQoS0WhileAway',
    isWarned: false,
  },
  'message-expired': {
    cause: 'the Message Expiry Interval of the publisher has passed',
    key: null,
    isWarned: false,
  },
  'packet-too-large': {
    cause: 'it is larger than the Maximum Packet Size of the client',
    key: null,
    isWarned: true,
  },
  'session-ended': {
    cause: 'its session has ended',
    key: 'limits.sessionExpirySecondsMax',
    isWarned: false,
  },
  'queue-ended': { cause: 'its named queue was deleted', key: null, isWarned: false },
  'queue-purged': { cause: 'its named queue was purged', key: null, isWarned: false },
  replaced: {
    cause: 'a newer message of its key came to its named queue (latestByKey)',
    key: null,
    isWarned: false,
  },
  'deliveries-used-up': {
    cause: 'no consumer took it, and its named queue has none for dead letters',
    key: 'deliveriesMax and deadLetter of the queue',
    isWarned: true,
  },
  'group-ended': { cause: 'the last member has left the share group', key: null, isWarned: false },
  'not-authorized': {
    cause: 'the client may not publish its will any more',
    key: null,
    isWarned: true,
  },
  'will-refused': {
    cause: 'the will breaks a rule or a limit that was set after its client had connected',
    key: 'limits.topicLevelsMax',
    isWarned: true,
  },
  'no-right-to-receive': {
    cause: 'the client has no right to receive it',
    key: null,
    isWarned: true,
  },
  'author-lost-right': {
    cause:
      'whoever published this retained message may not publish there any more; an empty retained message to its topic removes it',
    key: 'access.checkRetainSource',
    isWarned: true,
  },
  'memory-full': {
    cause: 'the memory for what clients keep is full',
    key: 'limits.keptHeapBytesMax, limits.keptBufferBytesMax',
    isWarned: true,
  },
  'dropped-by-hook': {
    cause: 'a hook of the program dropped it (onDeliver)',
    key: null,
    isWarned: false,
  },
  duplicate: {
    cause: 'its client had published a message with the same $message-id',
    key: 'limits.dedupeSeconds',
    isWarned: false,
  },
  'no-packet-identifier': {
    cause: 'all 65,535 packet identifiers are in use',
    key: null,
    isWarned: true,
  },
}

/** Returns the words of a reason that was written down; null if it is none. */
export function dropWordsOf(reason: string): DropWords | null {
  return Object.hasOwn(DROP_WORDS, reason) ? DROP_WORDS[reason as DropReason] : null
}

/** The keys for share groups, which have separate bounds. */
export const GROUP_QUEUE_KEY = 'share.queuedMessagesMax, share.queuedBytesMax'

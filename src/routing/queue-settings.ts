// The settings of a named queue: what they mean, what is allowed, and their form in the store.

import type { Message } from '../message.ts'
import { nearest } from '../nearest.ts'
import { isShareStrategyName, type ShareStrategyName } from './share-strategy.ts'
import { readExpression, Unreadable } from './expression/expression.ts'
import { isQueueName } from './queue-filter.ts'
import { isTopicFilter } from './topic.ts'

export const QUEUE_ORDERS = ['parallel', 'fifo', 'keyed'] as const
export const QUEUE_OVERFLOWS = ['drop-oldest', 'refuse'] as const
export const QUEUE_QOS0 = ['keep', 'pass-by'] as const

export interface QueueSettings {
  /** Every PUBLISH that matches one of them is taken in. */
  readonly filters: readonly string[]
  /** Which of those it takes in: an expression; empty for all. What is published to the queue itself is taken in all the same. */
  readonly where: string
  /** `fifo`: one in flight for the whole queue. `keyed`: one in flight a key. */
  readonly order: (typeof QUEUE_ORDERS)[number]
  /** `publisher`, `topic`, `topic.N` (from 1) or `user.NAME`. */
  readonly key: string
  /** With `keyed`: a newer message takes the place of an older one of its key that waits. */
  readonly latestByKey: boolean
  readonly strategy: ShareStrategyName
  readonly messagesMax: number
  readonly bytesMax: number
  readonly overflow: (typeof QUEUE_OVERFLOWS)[number]
  /** What is done with messages of QoS 0. */
  readonly qos0: (typeof QUEUE_QOS0)[number]
  /** 0: as the publisher says. */
  readonly messageExpirySeconds: number
  /** 0: none. */
  readonly ackDeadlineSeconds: number
  readonly deliveriesMax: number
  readonly retryDelaySeconds: number
  readonly retryDelaySecondsMax: number
  /** The queue for dead letters; empty for none. */
  readonly deadLetter: string
  /** How long a queue that a subscriber made lasts without a subscription. */
  readonly idleExpirySeconds: number
}

export const QUEUE_DEFAULTS: Omit<QueueSettings, 'deadLetter'> = {
  filters: [],
  where: '',
  order: 'parallel',
  key: 'publisher',
  latestByKey: false,
  strategy: 'round-robin',
  messagesMax: 100_000,
  bytesMax: 67_108_864,
  overflow: 'drop-oldest',
  qos0: 'keep',
  messageExpirySeconds: 0,
  ackDeadlineSeconds: 0,
  deliveriesMax: 16,
  retryDelaySeconds: 1,
  retryDelaySecondsMax: 300,
  idleExpirySeconds: 604_800,
}

const SECONDS_MAX = 4_294_967
export const QUEUE_NUMBERS = {
  messagesMax: [1, 100_000_000],
  bytesMax: [1, 1_099_511_627_776],
  messageExpirySeconds: [0, SECONDS_MAX],
  ackDeadlineSeconds: [0, SECONDS_MAX],
  deliveriesMax: [1, 65_535],
  retryDelaySeconds: [0, SECONDS_MAX],
  retryDelaySecondsMax: [0, SECONDS_MAX],
  idleExpirySeconds: [1, SECONDS_MAX],
} as const
const NUMBERS: Readonly<Record<string, readonly [min: number, max: number]>> = QUEUE_NUMBERS

const QUEUE_FILTERS_MAX = 100
const KEY = /^(?:publisher|topic|topic\.[1-9][0-9]{0,2}|user\..{1,128})$/
const DEAD = '.dead'

function isDeadLetterName(name: string): boolean {
  return name.endsWith(DEAD)
}

const SETTING_NAMES = [...Object.keys(QUEUE_DEFAULTS), 'deadLetter']

export function isQueueSetting(name: string): boolean {
  return SETTING_NAMES.includes(name)
}

/** Shorter names are similar to too many words. */
const LONG_NAME = 8

/** Whether a word that is no setting seems to be meant for one. */
export function isMisspelledSetting(word: string): boolean {
  const meant = isQueueSetting(word) ? null : nearest(word, SETTING_NAMES)
  if (meant === null) return false
  return meant.length >= LONG_NAME || meant.toLowerCase() === word.toLowerCase()
}

function noSetting(word: string): string {
  const meant = nearest(word, SETTING_NAMES)
  return `a queue has no setting ${word}${meant === null ? '' : ` (did you mean ${meant}?)`}`
}

export function queueDefaults(name: string): QueueSettings {
  return { ...QUEUE_DEFAULTS, deadLetter: isDeadLetterName(name) ? '' : name + DEAD }
}

/** Returns the settings of the queue `name` with these changes, or the sentence that says what is wrong with them. */
export function changedSettings(
  name: string,
  before: QueueSettings,
  changes: Readonly<Record<string, unknown>>,
): QueueSettings | string {
  const changed: Record<string, unknown> = { ...before }
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) continue
    if (!Object.hasOwn(before, key)) return noSetting(key)
    const read = readValue(key, value)
    const fault = faultOf(name, key, read)
    if (fault !== null) return fault
    changed[key] = read
  }
  // Each value was checked by its key.
  const settings = changed as unknown as QueueSettings
  return latestFault(settings) ?? settings
}

/** Reads what `JSON.stringify` made of settings. What a newer version wrote is left out, except `where`: without it the queue would take in all. */
export function storedSettings(
  name: string,
  stored: Readonly<Record<string, unknown>>,
): QueueSettings {
  let settings = queueDefaults(name)
  for (const [key, value] of Object.entries(stored)) {
    const changed = changedSettings(name, settings, { [key]: value })
    if (typeof changed !== 'string') settings = changed
    else if (key === 'where') settings = { ...settings, where: unreadableWhere(value) }
  }
  return settings
}

/** It is kept as it is, and wants nothing. */
function unreadableWhere(value: unknown): string {
  return typeof value === 'string' ? value : `(${JSON.stringify(value)})`
}

/** A user property, and a word of the command line, is a text. */
function readValue(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (key === 'latestByKey') return value === 'true' ? true : value === 'false' ? false : value
  return key in NUMBERS ? Number(value) : value
}

function latestFault({ latestByKey, order, overflow }: QueueSettings): string | null {
  if (!latestByKey) return null
  if (order !== 'keyed') return 'latestByKey needs order: keyed'
  return overflow === 'refuse' ? 'latestByKey needs overflow: drop-oldest' : null
}

function faultOf(name: string, key: string, value: unknown): string | null {
  const bounds = NUMBERS[key]
  if (bounds !== undefined) {
    const [min, max] = bounds
    const isWithin =
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
    return isWithin ? null : `${key} is a whole number from ${min} to ${max}`
  }
  switch (key) {
    case 'filters':
      return filtersFault(value)
    case 'where':
      return whereFault(value)
    case 'latestByKey':
      return typeof value === 'boolean' ? null : 'latestByKey is true or false'
    case 'order':
      return oneOf(key, value, QUEUE_ORDERS)
    case 'overflow':
      return oneOf(key, value, QUEUE_OVERFLOWS)
    case 'qos0':
      return oneOf(key, value, QUEUE_QOS0)
    case 'key':
      return typeof value === 'string' && KEY.test(value)
        ? null
        : 'key is publisher, topic, topic.N with a level from 1, or user.NAME'
    case 'strategy':
      return typeof value === 'string' && isShareStrategyName(value) && !value.startsWith('hash-')
        ? null
        : 'strategy is round-robin, random, weighted, sticky or least-in-flight; for keys there is order: keyed'
    case 'deadLetter':
      return deadLetterFault(name, value)
    default:
      return noSetting(key)
  }
}

function filtersFault(value: unknown): string | null {
  if (!Array.isArray(value) || value.length > QUEUE_FILTERS_MAX) {
    return `filters is a list of at most ${QUEUE_FILTERS_MAX} topic filters`
  }
  const wrong = value.find(
    each => typeof each !== 'string' || !isTopicFilter(each) || each.startsWith('$'),
  )
  return wrong === undefined ? null : 'each of filters is a topic filter that does not begin with $'
}

function whereFault(value: unknown): string | null {
  if (typeof value !== 'string') return 'where is an expression, or empty for all'
  const read = value === '' ? null : readExpression(value)
  return read instanceof Unreadable ? `where: ${read.sentence}` : null
}

function deadLetterFault(name: string, value: unknown): string | null {
  if (value === '') return null
  if (typeof value !== 'string' || !isQueueName(value)) {
    return 'deadLetter is the name of a queue, or empty for none'
  }
  if (isDeadLetterName(name)) return 'a queue of dead letters has none of its own'
  return value === name ? 'deadLetter is another queue' : null
}

function oneOf(key: string, value: unknown, choices: readonly string[]): string | null {
  return choices.some(each => each === value) ? null : `${key} is ${choices.join(' or ')}`
}

/** Returns the key of a message; null if it is bound to nothing. */
export type KeyOf = (message: Message) => string | null

/** Null for a queue without order. */
export function keyOfOrder({ order, key }: QueueSettings): KeyOf | null {
  if (order === 'parallel') return null
  if (order === 'fifo') return () => ''
  if (key === 'publisher') return ({ publisher }) => publisher
  if (key === 'topic') return ({ topic }) => topic
  const [kind, rest] = splitAtDot(key)
  if (kind === 'topic') {
    const level = Number(rest) - 1
    return ({ topic }) => topic.split('/', level + 1)[level] ?? null
  }
  return ({ properties }) => {
    let value: string | null = null
    for (const [name, each] of properties.userProperties ?? []) if (name === rest) value = each
    return value
  }
}

/** Whether the same messages wait for each other by both. */
export function isOrderedAs(one: QueueSettings, other: QueueSettings): boolean {
  return one.order === other.order && one.key === other.key && one.latestByKey === other.latestByKey
}

function splitAtDot(text: string): readonly [string, string] {
  const dot = text.indexOf('.')
  return [text.slice(0, dot), text.slice(dot + 1)]
}

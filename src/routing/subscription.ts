// A subscription: a topic filter with its options.

import { textBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Expression } from './expression/expression.ts'
import type { ShareStrategyName } from './share-strategy.ts'
import { levelCount } from './topic.ts'

export interface Subscription {
  /** The filter as the client sent it, with `$share/group/`. It is the key within a session. */
  readonly filter: string
  /** The filter without `$share/group/`, which topics are matched with. */
  readonly topicFilter: string
  /** Null for a plain subscription. */
  readonly shareName: string | null
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** Subscription Identifier, 0 for none. */
  readonly identifier: number
  /** The named queue that it consumes from. Then `topicFilter` is `$queue/NAME`. */
  readonly queue?: string
  /** Whether only a transaction settles what it consumes. */
  readonly transactional?: true
  /** What a SUBSCRIBE asks for in case it makes the queue. It is not kept. */
  readonly queueWishes?: Readonly<Record<string, string>>
  /** The strategy and this member's weight that the client asked for in its share group, if it did. */
  readonly strategy?: ShareStrategyName
  readonly weight?: number
  /** Which of the matching messages it wants; left out for all. */
  readonly where?: string
  /** Of each topic it gets at most one message in so many milliseconds; left out for all. */
  readonly conflateMs?: number
}

/** A subscription as the router keeps it. */
export interface RoutedSubscription extends Subscription {
  /** What `where` says. */
  readonly expression?: Expression
}

/** The longest interval of a conflated subscription: an hour. */
export const CONFLATE_MS_MAX = 3_600_000

const SUBSCRIPTION_BYTES = 400
const GROUP_BYTES = 4_096
/** An expression, besides its text; its functions take a few bytes for each character. */
const EXPRESSION_BYTES = 1_024
/** The heap bytes of one level of a filter: if two filters share levels, each of these levels is an object. */
const LEVEL_BYTES = 64

/** Returns the heap bytes of a subscription: the filter, its levels in the tree, and its entries in maps. */
export function subscriptionBytes({ filter, shareName, where }: Subscription): number {
  const plain = SUBSCRIPTION_BYTES + pathBytes(filter)
  const own = where === undefined ? plain : plain + EXPRESSION_BYTES + 8 * textBytes(where)
  return shareName === null ? own : own + GROUP_BYTES + textBytes(filter)
}

/** Returns the heap bytes of a filter or topic in a tree: the text, and its levels. */
export function pathBytes(path: string): number {
  return 2 * textBytes(path) + LEVEL_BYTES * levelCount(path)
}

/** Options that deliver every match as it was published. Share groups and parts of this process subscribe with them. */
export function wholeSubscription(topicFilter: string, where?: string): Subscription {
  return {
    filter: topicFilter,
    topicFilter,
    shareName: null,
    qos: 2,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 2,
    identifier: 0,
    ...(where !== undefined && { where }),
  }
}

/** Whether two subscriptions with the same filter have equal options. */
export function areSame(one: Subscription, other: Subscription): boolean {
  return (
    one.qos === other.qos &&
    one.noLocal === other.noLocal &&
    one.retainAsPublished === other.retainAsPublished &&
    one.retainHandling === other.retainHandling &&
    one.identifier === other.identifier &&
    one.strategy === other.strategy &&
    one.weight === other.weight &&
    one.where === other.where &&
    one.conflateMs === other.conflateMs &&
    one.transactional === other.transactional
  )
}

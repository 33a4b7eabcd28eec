// A topic filter and the options that a client gave with it.

import type { QoS } from '../packet/packet.ts'
import type { ShareStrategyName } from './share-strategy.ts'

export interface Subscription {
  /** As the client wrote it, `$share/group/` included: the key within a session. */
  readonly filter: string
  /** The filter that topics are matched with: without `$share/group/`. */
  readonly topicFilter: string
  /** Null for a subscription that is not shared. */
  readonly shareName: string | null
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** Subscription Identifier, 0 for none. */
  readonly identifier: number
  /** How its share group should choose, and this member's weight in it, where the client said so. */
  readonly strategy?: ShareStrategyName
  readonly weight?: number
}

/** Takes everything that matches as it was published: what a share group or a part of this process subscribes with. */
export function wholeSubscription(topicFilter: string): Subscription {
  return {
    filter: topicFilter,
    topicFilter,
    shareName: null,
    qos: 2,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 2,
    identifier: 0,
  }
}

/** Whether one may stand for the other, of the same filter. */
export function areSame(one: Subscription, other: Subscription): boolean {
  return (
    one.qos === other.qos &&
    one.noLocal === other.noLocal &&
    one.retainAsPublished === other.retainAsPublished &&
    one.retainHandling === other.retainHandling &&
    one.identifier === other.identifier &&
    one.strategy === other.strategy &&
    one.weight === other.weight
  )
}

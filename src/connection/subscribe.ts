// SUBSCRIBE and UNSUBSCRIBE: each filter gets its verdict, in order.

import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import type { SubscribePacket, SubscriptionRequest, UserProperty } from '../packet/packet.ts'
import {
  NO_SUBSCRIPTION_EXISTED,
  NOT_AUTHORIZED,
  PROTOCOL_ERROR,
  QUOTA_EXCEEDED,
  type ReasonCode,
  SUCCESS,
  TOPIC_FILTER_INVALID,
} from '../packet/reason.ts'
import { isShareStrategyName, type ShareStrategyName } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import { levelCount, parseFilter } from '../routing/topic.ts'
import type { Session } from '../session/session.ts'
import { ProtocolError } from './protocol-error.ts'

/** A weight in a user property: a whole number from 1 to 1,000. */
const WEIGHT_PATTERN = /^[1-9][0-9]{0,2}$|^1000$/

export interface Granted {
  readonly subscription: Subscription
  readonly isNew: boolean
}

export interface SubscribeResult {
  readonly reasons: readonly ReasonCode[]
  /** In the order of the packet; their retained messages follow SUBACK. */
  readonly granted: readonly Granted[]
}

/** Enters what is allowed [MQTT-3.8.4-5: one packet with many filters is as many packets]. */
export function subscribe(
  packet: SubscribePacket,
  session: Session,
  permissions: Permissions,
  broker: Broker,
): SubscribeResult {
  const subscriptions = packet.subscriptions.map(request => subscriptionOf(request, packet))
  const reasons: ReasonCode[] = []
  const granted: Granted[] = []
  for (const subscription of subscriptions) {
    const refusal = refusalOf(subscription, session, permissions, broker)
    if (refusal === null) {
      const isNew = broker.subscribe(session, subscription)
      granted.push({ subscription, isNew })
    }
    reasons.push(refusal ?? subscription.qos)
  }
  return { reasons, granted }
}

export function unsubscribe(
  filters: readonly string[],
  session: Session,
  broker: Broker,
): readonly ReasonCode[] {
  for (const filter of filters) assertFilter(filter)
  return filters.map(filter =>
    broker.unsubscribe(session, filter) ? SUCCESS : NO_SUBSCRIPTION_EXISTED,
  )
}

function subscriptionOf(request: SubscriptionRequest, packet: SubscribePacket): Subscription {
  const { shareName, topicFilter } = assertFilter(request.filter)
  if (shareName !== null && request.noLocal) {
    // [MQTT-3.8.3-4]
    throw new ProtocolError(PROTOCOL_ERROR, 'no local is set on a shared subscription')
  }
  return {
    filter: request.filter,
    topicFilter,
    shareName,
    qos: request.qos,
    noLocal: request.noLocal,
    retainAsPublished: request.retainAsPublished,
    retainHandling: request.retainHandling,
    identifier: packet.properties.subscriptionIdentifiers?.[0] ?? 0,
    ...(shareName === null ? {} : wishesOf(packet.properties.userProperties ?? [])),
  }
}

function assertFilter(filter: string): { shareName: string | null; topicFilter: string } {
  const parsed = parseFilter(filter)
  if (parsed !== null) return parsed
  throw new ProtocolError(TOPIC_FILTER_INVALID, `${JSON.stringify(filter)} is no topic filter`)
}

function refusalOf(
  subscription: Subscription,
  session: Session,
  permissions: Permissions,
  broker: Broker,
): ReasonCode | null {
  const { topicLevelsMax, subscriptionsPerClientMax } = broker.limits
  const { topicFilter } = subscription
  if (topicFilter.length >= topicLevelsMax && levelCount(topicFilter) > topicLevelsMax) {
    return TOPIC_FILTER_INVALID
  }
  if (!permissions.maySubscribe(topicFilter)) return NOT_AUTHORIZED
  const isNew = !session.subscriptions.has(subscription.filter)
  if (isNew && session.subscriptions.size >= subscriptionsPerClientMax) return QUOTA_EXCEEDED
  if (isNew && session.isDurable && broker.storeIsFull) return QUOTA_EXCEEDED
  if (isNew && !broker.kept.hasRoom) {
    broker.kept.refusals += 1
    return QUOTA_EXCEEDED
  }
  return null
}

interface ShareWishes {
  strategy?: ShareStrategyName
  weight?: number
}

/** What a member asks of its share group by user properties. */
function wishesOf(userProperties: readonly UserProperty[]): ShareWishes {
  const wishes: ShareWishes = {}
  for (const [name, value] of userProperties) {
    if (name === 'strategy' && isShareStrategyName(value)) wishes.strategy = value
    else if (name === 'weight' && WEIGHT_PATTERN.test(value)) wishes.weight = Number(value)
  }
  return wishes
}

// Decides on SUBSCRIBE to `$queue/` and `$share/…/$queue/`, and on PUBLISH to `$queue/`.

import { isRuled, NO_RULE } from '../access/permissions.ts'
import { QUOTA_EXCEEDED, NOT_AUTHORIZED, TOPIC_FILTER_INVALID } from '../packet/reason.ts'
import { quoted } from '../packet/text.ts'
import {
  isMisspelledTransactional,
  isOfQueue,
  queueInFilter,
  queueTopic,
  TRANSACTIONAL,
} from '../routing/queue-filter.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { Refusal } from './not-admitted.ts'
import type { Broker } from './broker.ts'
import { userOf } from './named-queues.ts'

interface QueueRefusal extends Refusal {
  /** The rule that decided. */
  readonly rule: string | null
}

/** Returns the refusal of a subscription, or null. The right to `$queue/NAME` itself is checked elsewhere. */
export function queueSubscriptionRefusal(
  broker: Broker,
  subscription: Subscription,
  session: Session,
): QueueRefusal | null {
  const { filter, topicFilter, shareName, noLocal, where } = subscription
  if (!isOfQueue(topicFilter)) return null
  if (shareName !== null)
    return invalid('a named queue is not shared by $share: it shares by itself')
  const asked = queueInFilter(filter)
  if (asked === null) return invalid('the filter is not $queue/NAME or $queue/NAME/FILTER')
  if (noLocal) return invalid('a named queue has no No Local')
  if (where !== undefined) return invalid('the consumers of a named queue have no expressions')
  const wish = wishFault(subscription)
  if (wish !== null) return invalid(wish)
  const { queues } = broker.subscriptions
  const filters = queues.filtersOf(asked.name)
  const { topicFilter: wanted } = asked
  const isElsewhere = queues.elsewhere(asked.name) !== null
  if (isElsewhere && subscription.queueWishes?.[TRANSACTIONAL] === 'true') {
    return invalid('the queue is of another partition: it has no transactional consumers here')
  }
  if (filters === null) {
    if (isElsewhere && wanted !== null) {
      return refused(NOT_AUTHORIZED, 'there is no such queue, and it is of another partition')
    }
    return wanted === null ? null : makingRefusal(broker, asked.name, wanted, subscription, session)
  }
  if (wanted !== null && !filters.includes(wanted)) {
    return invalid(`the queue ${asked.name} does not have this filter`)
  }
  return consumingRefusal(broker, session, filters)
}

/** Returns what is wrong with the wish to be a transactional consumer, or null. */
function wishFault({ qos, queueWishes = {} }: Subscription): string | null {
  const misspelled = Object.keys(queueWishes).find(isMisspelledTransactional)
  if (misspelled !== undefined) {
    return `a consumer has no setting ${misspelled} (did you mean ${TRANSACTIONAL}?)`
  }
  const said = queueWishes[TRANSACTIONAL]
  if (said !== undefined && said !== 'true' && said !== 'false') {
    return `transactional is true or false, and not ${quoted(said)}`
  }
  const isAtMostOnce = said === 'true' && qos === 0
  return isAtMostOnce ? 'a transactional consumer subscribes with QoS 1' : null
}

function makingRefusal(
  broker: Broker,
  name: string,
  wanted: string,
  { queueWishes = {} }: Subscription,
  session: Session,
): QueueRefusal | null {
  const { subscriptions, limits, statistics } = broker
  const { queues } = subscriptions
  if (queues.settings.create === 'operators') {
    return refused(NOT_AUTHORIZED, `there is no queue ${name}, and only operators make queues`)
  }
  const settings = queues.wishedSettings(name, wanted, queueWishes)
  if (typeof settings === 'string') return invalid(settings)
  if (queues.count >= limits.namedQueuesMax) {
    statistics.limited.namedQueuesMax += 1
    return refused(QUOTA_EXCEEDED, 'no room for another named queue (limits.namedQueuesMax)')
  }
  if (queues.madeBy(userOf(session.rights.identity)) >= limits.namedQueuesPerUserMax) {
    statistics.limited.namedQueuesPerUserMax += 1
    const sentence =
      'its user has made as many named queues as it may (limits.namedQueuesPerUserMax)'
    return refused(QUOTA_EXCEEDED, sentence)
  }
  return consumingRefusal(broker, session, [wanted])
}

/** Who consumes needs the right to subscribe to each of the filters. */
function consumingRefusal(
  broker: Broker,
  session: Session,
  filters: readonly string[],
): QueueRefusal | null {
  const { clientId, rights } = session
  const { permissions } = rights
  const lacking = filters.find(
    topicFilter =>
      !broker.faults.maySubscribe(permissions, { topicFilter, shareName: null }, clientId),
  )
  if (lacking === undefined) return null
  const rule = isRuled(permissions) ? (permissions.subscribeRule(lacking, null) ?? NO_RULE) : null
  const sentence = 'no right to subscribe to what this queue takes in'
  return { reason: NOT_AUTHORIZED, sentence, rule }
}

/** Returns why nobody may publish to this topic of `$queue`, or null. */
export function queueTopicFault(broker: Broker, topic: string): string | null {
  const { queues } = broker.subscriptions
  const name = topic.slice(queueTopic('').length)
  return isOfQueue(topic) && queues.filtersOf(name) === null ? 'there is no such named queue' : null
}

function invalid(sentence: string): QueueRefusal {
  return refused(TOPIC_FILTER_INVALID, sentence)
}

function refused(reason: Refusal['reason'], sentence: string): QueueRefusal {
  return { reason, sentence, rule: null }
}

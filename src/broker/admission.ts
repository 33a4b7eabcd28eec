// Decides whether something may be published, left as a will, or subscribed to, for clients, wills and embedding programs. It checks
// in one order: well formed, reserved topics, right, quotas, room.

import { isUtf8 } from 'node:buffer'
import { isRuled, NO_RULE, type Permissions, UNRESTRICTED } from '../access/permissions.ts'
import {
  type Author,
  authoredBy,
  makeMessage,
  type Message,
  type Publishable,
  published,
} from '../message.ts'
import type { Will } from '../packet/packet.ts'
import {
  NOT_AUTHORIZED,
  PAYLOAD_FORMAT_INVALID,
  QUOTA_EXCEEDED,
  type ReasonCode,
  TOPIC_FILTER_INVALID,
  TOPIC_NAME_INVALID,
} from '../packet/reason.ts'
import { quoted } from '../packet/text.ts'
import type { Subscription } from '../routing/subscription.ts'
import {
  isOfTransactions,
  isReserved,
  isRetainedComplete,
  isTopicName,
  levelCount,
  levelEnd,
  parseFilter,
} from '../routing/topic.ts'
import { isOfQueue, queueInFilter, queueTopic } from '../routing/queue-filter.ts'
import { NamedQueue } from '../session/named-queue/named-queue.ts'
import { ShareGroup } from '../session/share-group/share-group.ts'
import type { Session } from '../session/session.ts'
import type { Broker } from './broker.ts'
import { conflationFault } from './conflations.ts'
import { delayOf, isDelayed } from './delayed.ts'
import { queueSubscriptionRefusal, queueTopicFault } from './queue-admission.ts'
import { NotAdmitted } from './not-admitted.ts'
import { COSTS } from './subscriptions.ts'
import { ANSWERS, propertyIn } from './transactions/transaction-topic.ts'

/** The asker: a client's session, or the embedding program, whose client id is null. */
export interface Asker {
  readonly clientId: string | null
  readonly permissions: Permissions
  /** Is kept with what it retains. Null for the embedding program, whose rights do not change. */
  readonly identity: Author | null
}

/** The embedding program may publish to every topic that is open to clients. */
export const PROGRAM: Asker = { clientId: null, permissions: UNRESTRICTED, identity: null }

const DOLLAR = 0x24
/** The filter `$retained-complete/TOKEN`. */
const MARKER = /^\$retained-complete\/[^/+#]+$/
const ONLY_BY_PUBLISH = 'commands are taken only from a PUBLISH of a client'
const TRANSACTIONAL = new NotAdmitted(
  'transaction',
  NOT_AUTHORIZED,
  'transactions are taken only from a PUBLISH of a client',
)

export class Admission {
  readonly #broker: Broker

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Returns the message to publish, or the refusal. */
  publish(said: Publishable, topic: string, asker: Asker): Message | NotAdmitted {
    return nameRefusal(topic) ?? this.publishDecoded(said, topic, asker)
  }

  /** The same for a PUBLISH, whose topic name the decoder has already checked. */
  publishDecoded(said: Publishable, topic: string, asker: Asker): Message | NotAdmitted {
    const { userProperties } = said.properties
    if (userProperties !== undefined) {
      if (propertyIn(userProperties) !== null) return TRANSACTIONAL
      const answer = this.#broker.messageIds.answerTo(said, topic, asker.clientId)
      if (answer !== null) return answer
    }
    if (topic.charCodeAt(0) === DOLLAR) {
      if (isDelayed(topic)) return this.#toBeDelayed(said, topic, asker)
      if (isOfTransactions(topic)) return TRANSACTIONAL
    }
    const refusal = this.named(said, topic, asker)
    if (refusal !== null) return refusal
    const own = said.retain ? retainable(said, topic) : said
    const message = makeMessage(own, topic, asker.clientId, this.#broker)
    if (message.retain) authoredBy(message, asker.identity)
    // Most messages need no further check.
    const { storeIsFull, refusesOverflow } = this.#broker
    const needsRoom = message.retain || message.qos === 2 || storeIsFull || refusesOverflow
    return needsRoom ? (this.room(message) ?? message) : message
  }

  /**
   * Returns the message of a will that is due, or the refusal: its client may have lost the right since CONNECT. A will that
   * cannot be retained any more is published without being retained. Room is not checked, because the client cannot retry.
   */
  will(will: Will, asker: Asker): Message | NotAdmitted {
    const refusal = this.topic(will, will.topic, asker)
    if (refusal !== null) return refusal
    const said = retainable(will, will.topic)
    const message = makeMessage(said, will.topic, asker.clientId, this.#broker)
    if (message.retain) authoredBy(message, asker.identity)
    if (this.#quota(message) === null) return message
    return makeMessage({ ...will, retain: false }, will.topic, asker.clientId, this.#broker)
  }

  /** The rights are those of the topic inside. What is retained is counted when it is published. */
  #toBeDelayed(said: Publishable, topic: string, asker: Asker): Message | NotAdmitted {
    const delay = delayOf(topic)
    if (typeof delay === 'string') return refused(TOPIC_NAME_INVALID, delay)
    const refusal = this.named(said, delay.topic, asker)
    if (refusal !== null) return refusal
    const { delayed, limits, memory, statistics, storeIsFull } = this.#broker
    if (delay.seconds > limits.delayedSecondsMax) {
      statistics.limited.delayedSecondsMax += 1
      const sentence = `the delay is over ${limits.delayedSecondsMax} seconds (limits.delayedSecondsMax)`
      return refused(QUOTA_EXCEEDED, sentence)
    }
    const message = makeMessage(retainable(said, delay.topic), topic, asker.clientId, this.#broker)
    authoredBy(message, asker.identity)
    if (storeIsFull) return noRoom('the disk is full, and the message must be stored')
    const limit = delayed.limitFor(message)
    if (limit === null) return message
    if (limit === 'memory') memory.refusals += 1
    else statistics.limited[limit] += 1
    const which = limit === 'memory' ? '' : ` (limits.${limit})`
    return refused(QUOTA_EXCEEDED, `no room for another delayed message${which}`)
  }

  /** Returns why a message that was staged may not be published now, or null. */
  again(message: Message, asker: Asker): NotAdmitted | null {
    const { topic } = message
    if (!isDelayed(topic)) return this.named(message, topic, asker) ?? this.room(message)
    const answer = this.#toBeDelayed(message, topic, asker)
    return answer instanceof NotAdmitted ? answer : null
  }

  /** Returns the message that is published in place of a delayed one that is due; not retained if there is no room for that. */
  delayed(held: Message): Message {
    const message = published(held, this.#broker)
    if (!message.retain || this.#quota(message) === null) return message
    return { ...message, retain: false }
  }

  /** Returns the refusal for a topic, or null. It checks form, reserved topics and right. */
  topic(said: Publishable, topic: string, asker: Asker): NotAdmitted | null {
    if (isOfTransactions(topic)) {
      return refused(TOPIC_NAME_INVALID, 'a will cannot be in a transaction')
    }
    if (isDelayed(topic)) {
      return refused(TOPIC_NAME_INVALID, 'a will has Will Delay Interval for a delay')
    }
    return nameRefusal(topic) ?? this.named(said, topic, asker)
  }

  /** Returns why nobody may publish this, or null. */
  form(said: Publishable, topic: string): NotAdmitted | null {
    return nameRefusal(topic) ?? this.#bounds(said, topic)
  }

  /** `topic` must be a well-formed topic name. */
  named(said: Publishable, topic: string, asker: Asker): NotAdmitted | null {
    const refusal = this.#bounds(said, topic)
    if (refusal !== null) return refusal
    const isOwn = topic.charCodeAt(0) === DOLLAR
    const isForQueue = isOwn && isOfQueue(topic)
    if (isOwn && !isForQueue && isReserved(topic)) return this.#reserved(said, topic, asker)
    const { permissions } = asker
    if (permissions !== UNRESTRICTED && !this.#broker.faults.mayPublish(asker, topic, said)) {
      const rule = publishRule(permissions, topic, said)
      return refused(NOT_AUTHORIZED, 'no right to publish to this topic', rule)
    }
    // Behind the right: who has none does not learn which queues there are.
    const fault = isForQueue ? queueTopicFault(this.#broker, topic) : null
    return fault === null ? null : refused(TOPIC_NAME_INVALID, fault)
  }

  /** Nothing is published there. Commands are taken from clients whose rules allow the topic: see `ControlTopic`. */
  #reserved(said: Publishable, topic: string, asker: Asker): NotAdmitted {
    const { control, faults } = this.#broker
    const { clientId, identity, permissions } = asker
    if (control?.topic !== topic || clientId === null || !isRuled(permissions)) {
      const tree = topic.slice(0, levelEnd(topic, 0))
      return refused(NOT_AUTHORIZED, `${tree} is for the broker itself to publish`)
    }
    const mayCommand =
      faults.mayPublish(asker, topic, said) &&
      identity !== null &&
      control.mayCommand({ clientId, ...identity })
    if (mayCommand) return new NotAdmitted('control', NOT_AUTHORIZED, ONLY_BY_PUBLISH)
    const rule = publishRule(permissions, topic, said)
    return refused(NOT_AUTHORIZED, 'no right to publish to this topic', rule)
  }

  /** Checks the form beyond the grammar of the topic name. */
  #bounds(said: Publishable, topic: string): NotAdmitted | null {
    const { topicLevelsMax } = this.#broker.limits
    // A name this short cannot have too many levels.
    if (topic.length >= topicLevelsMax && levelCount(topic) > topicLevelsMax) {
      this.#broker.statistics.limited.topicLevelsMax += 1
      return refused(TOPIC_NAME_INVALID, `topic ${tooManyLevels(topicLevelsMax)}`)
    }
    if (said.properties.payloadFormatIndicator === 1 && !isUtf8(said.payload)) {
      return refused(PAYLOAD_FORMAT_INVALID, 'payload is not the UTF-8 it is said to be')
    }
    return null
  }

  /** Returns the refusal of a subscription, or null. Its filter must be well formed. */
  subscription(subscription: Subscription, session: Session): NotAdmitted | null {
    const { topicLevelsMax } = this.#broker.limits
    const { filter, topicFilter } = subscription
    if (topicFilter.length >= topicLevelsMax && levelCount(topicFilter) > topicLevelsMax) {
      this.#broker.statistics.limited.topicLevelsMax += 1
      return refused(TOPIC_FILTER_INVALID, `the filter ${tooManyLevels(topicLevelsMax)}`)
    }
    // They tell a client about what is its own, so they need no right.
    const isOwn = isRetainedComplete(topicFilter) || isOfTransactions(topicFilter)
    const refusal = isOwn ? ownRefusal(subscription) : this.#right(subscription, session)
    const either = refusal ?? this.#expression(subscription, session)
    if (either !== null) return either
    const fault = conflationFault(subscription)
    if (fault !== null) return refused(TOPIC_FILTER_INVALID, fault)
    if (session.subscriptions.has(filter)) return null
    return this.#subscriptionQuota(subscription, session) ?? this.#subscriptionRoom(session)
  }

  #right(subscription: Subscription, session: Session): NotAdmitted | null {
    const { topicFilter } = subscription
    if (isDelayed(topicFilter)) {
      return refused(
        TOPIC_FILTER_INVALID,
        'delayed messages come on the topic behind $delayed/SECONDS/',
      )
    }
    const { clientId, permissions } = session.rights
    const { faults } = this.#broker
    if (!faults.maySubscribe(permissions, subscription, clientId)) {
      const { shareName } = subscription
      const rule = isRuled(permissions)
        ? (permissions.subscribeRule(topicFilter, shareName) ?? NO_RULE)
        : null
      return refused(NOT_AUTHORIZED, 'no right to subscribe to this filter', rule)
    }
    if (subscription.shareName !== null && !faults.mayShare(permissions, topicFilter, clientId)) {
      return refused(NOT_AUTHORIZED, 'no right to receive all that this share group has')
    }
    if (topicFilter.charCodeAt(0) === DOLLAR) {
      const refusal = queueSubscriptionRefusal(this.#broker, subscription, session)
      if (refusal !== null) return refused(refusal.reason, refusal.sentence, refusal.rule)
    }
    return null
  }

  /** Returns why the subscription may not have its expression, or null. */
  #expression({ filter, where }: Subscription, session: Session): NotAdmitted | null {
    if (where === undefined) return null
    const { expressions, limits, statistics } = this.#broker
    const fault = expressions.faultOf(where)
    if (fault !== null) return refused(TOPIC_FILTER_INVALID, fault)
    const { expressionsPerClientMax } = limits
    const hadOne = session.subscriptions.get(filter)?.where !== undefined
    if (!hadOne && expressions.countOf(session.clientId) >= expressionsPerClientMax) {
      statistics.limited.expressionsPerClientMax += 1
      const sentence = `the client has ${expressionsPerClientMax} expressions (limits.expressionsPerClientMax)`
      return refused(QUOTA_EXCEEDED, sentence)
    }
    if (expressions.has(where) || expressions.hasRoomFor(where)) return null
    statistics.limited.expressionsMax += 1
    const sentence = 'no room for another expression (limits.expressionsMax)'
    return refused(QUOTA_EXCEEDED, sentence)
  }

  /** Returns the refusal to end a subscription, or null. */
  unsubscription(filter: string, { rights }: Session): NotAdmitted | null {
    const { clientId, permissions } = rights
    if (permissions.mayUnsubscribe === undefined) return null
    const queue = queueInFilter(filter)
    const parts =
      queue === null
        ? parseFilter(filter)
        : { shareName: null, topicFilter: queueTopic(queue.name) }
    if (parts === null) return refused(TOPIC_FILTER_INVALID, 'the filter is not well formed')
    if (this.#broker.faults.mayUnsubscribe(permissions, parts, clientId)) return null
    const rule = isRuled(permissions)
      ? (permissions.unsubscribeRule(parts.topicFilter, parts.shareName) ?? NO_RULE)
      : null
    return refused(NOT_AUTHORIZED, 'no right to unsubscribe from this filter', rule)
  }

  room(message: Message): NotAdmitted | null {
    const refusal = this.#quota(message)
    if (refusal !== null) return refusal
    const { memory } = this.#broker
    // The packet identifier of a QoS 2 message is kept until PUBREL.
    if (message.qos === 2 && !memory.hasReserve) {
      memory.refusals += 1
      return noRoom('the memory for what clients keep is full')
    }
    if (this.#broker.storeIsFull && this.#broker.publishing.mustStore(message)) {
      return noRoom('the disk is full, and the message must be stored')
    }
    return this.#broker.refusesOverflow ? this.#queueRoom(message) : null
  }

  /** Returns the refusal if the queue of any subscriber has no room, so that a message is queued for all or for none. */
  #queueRoom(message: Message): NotAdmitted | null {
    if (message.qos === 0) return null
    const { peers, publishing } = this.#broker
    if (message.retain && peers?.isFull(message.topic) === true) return fullPartition()
    const full = publishing.firstFull(message)
    if (full === null) return null
    // Operators let this queue refuse: nobody waits for it.
    if (full instanceof NamedQueue) return noRoom(`the queue ${full.name} is full`)
    if (full.clientId === null && !(full instanceof ShareGroup)) return fullPartition()
    const who = full.clientId === null ? 'a share group' : `client ${full.clientId}`
    const sentence = 'the queue of a subscriber is full (limits.queueOverflow)'
    return new NotAdmitted('queue-full', QUOTA_EXCEEDED, sentence, `the queue of ${who}`)
  }

  /** Returns why the message cannot be retained, or null. */
  #quota(message: Message): NotAdmitted | null {
    const { peers, retained } = this.#broker
    if (message.retain && peers !== null && peers.keptWhere(message.topic) !== 'here') {
      if (message.payload.length === 0 || peers.hasRoomToRetain(message.topic)) return null
      return refused(QUOTA_EXCEEDED, 'another partition has no room for the retained message')
    }
    const limit = message.retain ? retained.limitFor(message) : null
    if (limit === null) return null
    if (limit === 'memory') {
      this.#broker.memory.refusals += 1
      return refused(QUOTA_EXCEEDED, 'no room for another retained message')
    }
    this.#broker.statistics.limited[limit] += 1
    const whose = limit.endsWith('PerUserMax') ? ' of its user' : ''
    const sentence = `no room for another retained message${whose} (limits.${limit})`
    return refused(QUOTA_EXCEEDED, sentence)
  }

  #subscriptionQuota(subscription: Subscription, session: Session): NotAdmitted | null {
    const { subscriptionsPerClientMax, subscriptionsPerUserMax } = this.#broker.limits
    if (session.subscriptions.size >= subscriptionsPerClientMax) {
      this.#broker.statistics.limited.subscriptionsPerClientMax += 1
      const sentence = `the client has ${subscriptionsPerClientMax} subscriptions (limits.subscriptionsPerClientMax)`
      return refused(QUOTA_EXCEEDED, sentence)
    }
    const { identity } = session.rights
    if (this.#broker.holdings.of(identity).subscriptions >= subscriptionsPerUserMax) {
      this.#broker.statistics.limited.subscriptionsPerUserMax += 1
      const sentence = `its user has ${subscriptionsPerUserMax} subscriptions (limits.subscriptionsPerUserMax)`
      return refused(QUOTA_EXCEEDED, sentence)
    }
    const limit = this.#broker.subscriptions.costLimitFor(session.clientId, subscription)
    if (limit === null) return null
    this.#broker.statistics.limited[limit] += 1
    return refused(QUOTA_EXCEEDED, `${COSTS[limit]} (limits.${limit})`)
  }

  #subscriptionRoom(session: Session): NotAdmitted | null {
    const { memory, storeIsFull } = this.#broker
    if (session.isDurable && storeIsFull) {
      return noRoom('the disk is full, and the subscription must be stored')
    }
    if (memory.hasRoom) return null
    memory.refusals += 1
    return noRoom('the memory for what clients keep is full')
  }
}

/** What fills a named queue directly is never retained. */
function retainable<Said extends Publishable>(said: Said, topic: string): Said {
  return isOfQueue(topic) ? { ...said, retain: false } : said
}

function nameRefusal(topic: string): NotAdmitted | null {
  if (isTopicName(topic)) return null
  return new NotAdmitted('malformed', TOPIC_NAME_INVALID, 'topic name is empty or has a wildcard')
}

function publishRule(
  permissions: Permissions,
  topic: string,
  { qos, retain }: Publishable,
): string | null {
  if (!isRuled(permissions)) return null
  return permissions.publishRule(topic, qos, retain) ?? NO_RULE
}

function refused(reason: ReasonCode, sentence: string, rule: string | null = null): NotAdmitted {
  return new NotAdmitted('refused', reason, sentence, rule)
}

function noRoom(sentence: string): NotAdmitted {
  return new NotAdmitted('no-room', QUOTA_EXCEEDED, sentence)
}

function fullPartition(): NotAdmitted {
  const sentence = 'another partition has not taken what it was sent'
  return new NotAdmitted('queue-full', QUOTA_EXCEEDED, sentence, 'the line to a partition')
}

/** Returns what is wrong with a subscription to `$retained-complete/TOKEN` or to a topic of `$tx`, or null. */
function ownRefusal({ filter, where, topicFilter }: Subscription): NotAdmitted | null {
  const isMarker = isRetainedComplete(topicFilter)
  const isRight = isMarker ? MARKER.test(filter) : ANSWERS.has(filter) && where === undefined
  if (isRight) return null
  const right = isMarker ? '$retained-complete/TOKEN' : [...ANSWERS].join(' or ')
  return refused(TOPIC_FILTER_INVALID, `${quoted(filter)} is not ${right}`)
}

function tooManyLevels(levelsMax: number): string {
  return `has more than ${levelsMax} levels (limits.topicLevelsMax)`
}

// SUBSCRIBE and UNSUBSCRIBE: each filter gets a reason code, in order.

import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import { ruleFor } from '../broker/conflations.ts'
import { PATH_CHARACTERS_PER_UNIT_BITS, WORK } from '../limits.ts'
import {
  lastValue,
  type Properties,
  type SubscriptionRequest,
  type UserProperty,
} from '../packet/packet.ts'
import {
  NO_SUBSCRIPTION_EXISTED,
  PROTOCOL_ERROR,
  type ReasonCode,
  SUCCESS,
  TOPIC_FILTER_INVALID,
} from '../packet/reason.ts'
import { quoted } from '../packet/text.ts'
import {
  queueInFilter,
  queueTopic,
  isMisspelledTransactional,
  TRANSACTIONAL,
} from '../routing/queue-filter.ts'
import { isShareStrategyName, type ShareStrategyName } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isRetainedComplete, parseFilter } from '../routing/topic.ts'
import { isMisspelledSetting, isQueueSetting } from '../routing/queue-settings.ts'
import type { Session } from '../session/session.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import { mountedFilter } from './mount-point.ts'
import { CannotServe, ProtocolError } from './protocol-error.ts'

/** A weight in a user property: a whole number from 1 to 1,000. */
const WEIGHT_PATTERN = /^[1-9][0-9]{0,2}$|^1000$/

/** How many user properties that are no settings are compared with them, which takes long. */
const OTHERS_MAX = 16

/** The user property with an interval of conflation. */
const CONFLATE = '$conflate-ms'

/** The user property with an expression. */
const WHERE = '$where'

/** The subscriber. */
export interface Subscriber {
  readonly session: Session
  readonly negotiated: NegotiatedLimits
}

/** A SUBSCRIBE has the same effect as one packet for each filter, but one answer [MQTT-3.8.4-5]. */
export class Subscribing {
  readonly reasons: ReasonCode[] = []
  readonly #subscriber: Subscriber
  readonly #broker: Broker
  readonly #identifier: number
  readonly #userProperties: readonly UserProperty[]
  /** The requests to share groups, which are read when there is a shared subscription. */
  #wishes: ShareWishes | null = null
  /** What is asked for a named queue, read with the first filter of one. */
  #queueWishes: Readonly<Record<string, string>> | null = null
  #hasToldRefusal = false
  /** What SUBACK says of the first expression, conflation, or wish for a queue or its consumer that is refused. */
  reasonString = ''

  constructor(properties: Properties, subscriber: Subscriber, broker: Broker) {
    this.#subscriber = subscriber
    this.#broker = broker
    this.#identifier = properties.subscriptionIdentifiers?.[0] ?? 0
    this.#userProperties = properties.userProperties ?? []
  }

  /** Throws for a Protocol Error. Then no filter of the packet is added. */
  check(asked: SubscriptionRequest): Subscription {
    const { isBridge, mountPoint, qosMax } = this.#subscriber.negotiated
    // Who has a mount point has no named queues: their names and filters are those of everybody.
    const queue = mountPoint === null ? queueInFilter(asked.filter) : null
    if (queue !== null) return this.#consumption(asked, queue.name)
    const { filter: plain, query } = this.#broker.expressions.dividedFilter(asked.filter)
    const filter = mountPoint === null ? plain : mountedFilter(plain, mountPoint)
    const { shareName, topicFilter } = assertFilter(filter)
    const request = isBridge ? asBridge(asked, shareName) : asked
    if (shareName !== null && request.noLocal) {
      // [MQTT-3.8.3-4]
      throw new ProtocolError(PROTOCOL_ERROR, 'no local is set on a shared subscription')
    }
    if (shareName !== null) this.#wishes ??= wishesOf(this.#userProperties)
    const isMarker = isRetainedComplete(topicFilter)
    const conflation = isMarker || isBridge ? null : this.#conflationOf(topicFilter, shareName)
    return {
      filter,
      topicFilter,
      shareName,
      // What a marker gets is lost with its connection, and asked for again.
      qos: isMarker || conflation !== null ? 0 : request.qos > qosMax ? qosMax : request.qos,
      noLocal: request.noLocal,
      retainAsPublished: request.retainAsPublished,
      retainHandling: request.retainHandling,
      identifier: this.#identifier,
      ...(shareName === null ? null : this.#wishes),
      ...(isMarker ? null : whereOf(this.#userProperties, query)),
      ...conflation,
    }
  }

  /** Returns what the client asks for, or else what a rule of the operator says. */
  #conflationOf(
    topicFilter: string,
    shareName: string | null,
  ): { readonly conflateMs: number } | null {
    const asked = conflationAsked(this.#userProperties)
    if (asked !== null) return asked.conflateMs === 0 ? null : asked
    const { rules } = this.#broker.conflating
    if (rules.length === 0 || shareName !== null) return null
    const { username } = this.#subscriber.session.rights.identity
    return ruleFor(rules, topicFilter, username)
  }

  /** A named queue delivers at QoS 1 at most. */
  #consumption(asked: SubscriptionRequest, queue: string): Subscription {
    this.#wishes ??= wishesOf(this.#userProperties)
    this.#queueWishes ??= queueWishesOf(this.#userProperties)
    return {
      ...asked,
      topicFilter: queueTopic(queue),
      shareName: null,
      qos: asked.qos === 0 || this.#subscriber.negotiated.qosMax === 0 ? 0 : 1,
      identifier: this.#identifier,
      queue,
      queueWishes: this.#queueWishes,
      ...transactionalOf(this.#userProperties),
      ...whereOf(this.#userProperties, ''),
      ...(this.#wishes.weight !== undefined && { weight: this.#wishes.weight }),
      ...conflationAsked(this.#userProperties),
    }
  }

  /** Adds the subscription if it is allowed, and keeps the reason code of the filter that was asked for. A hook may have refused it. */
  enter(decided: Subscription | NotAdmitted, filter: string): void {
    const { session } = this.#subscriber
    if (decided instanceof NotAdmitted) {
      this.#refuse(decided, filter)
      return
    }
    const refusal = this.#broker.admission.subscription(decided, session)
    if (refusal === null) {
      this.#broker.subscribe(session, decided)
      this.reasons.push(decided.qos)
    } else {
      const isUnreadable = isUnreadableWish(decided, refusal)
      if (isUnreadable && this.reasonString === '') this.reasonString = refusal.sentence
      this.#refuse(refusal, filter)
    }
  }

  #refuse({ kind, reason, sentence, rule }: NotAdmitted, filter: string): void {
    const { session } = this.#subscriber
    if (kind === 'disconnected') throw new CannotServe(reason, sentence)
    this.reasons.push(reason)
    this.#broker.statistics.subscribesRefused += 1
    if (this.#hasToldRefusal) return
    this.#hasToldRefusal = true
    const { clientId } = session
    this.#broker.observer.subscribeRefused?.(clientId, filter, reason, sentence, rule)
  }
}

/**
 * A bridge of 3.x has no options for what it needs, so it always gets them: No Local, and Retain As Published.
 */
function asBridge(request: SubscriptionRequest, shareName: string | null): SubscriptionRequest {
  return { ...request, noLocal: shareName === null, retainAsPublished: true }
}

/** Whether what the client wrote about it, and nobody else can know, is wrong. */
function isUnreadableWish(
  { where, conflateMs, queueWishes = {} }: Subscription,
  { reason }: NotAdmitted,
): boolean {
  return (
    reason === TOPIC_FILTER_INVALID &&
    (where !== undefined || conflateMs !== undefined || Object.keys(queueWishes).length > 0)
  )
}

/** The filters of an UNSUBSCRIBE, or of a part of one. */
export class Unsubscribing {
  readonly reasons: ReasonCode[] = []
  readonly #session: Session
  readonly #mountPoint: string | null
  readonly #broker: Broker
  #hasToldRefusal = false

  constructor({ session, negotiated }: Subscriber, broker: Broker) {
    this.#session = session
    this.#mountPoint = negotiated.mountPoint
    this.#broker = broker
  }

  /** Removes the subscription if it is allowed, and keeps the reason code of its filter, which `assertFilter` has checked. */
  remove(filter: string): void {
    const { filter: plain } = this.#broker.expressions.dividedFilter(filter)
    const kept = this.#mountPoint === null ? plain : mountedFilter(plain, this.#mountPoint)
    const refusal = this.#broker.admission.unsubscription(kept, this.#session)
    if (refusal === null) {
      const isRemoved = this.#broker.unsubscribe(this.#session, kept)
      this.reasons.push(isRemoved ? SUCCESS : NO_SUBSCRIPTION_EXISTED)
      return
    }
    const { reason, sentence, rule } = refusal
    this.reasons.push(reason)
    this.#broker.statistics.unsubscribesRefused += 1
    if (this.#hasToldRefusal) return
    this.#hasToldRefusal = true
    const { clientId } = this.#session
    this.#broker.observer.unsubscribeRefused?.(clientId, filter, reason, sentence, rule)
  }
}

/** Returns the work of a filter, which grows with its length. */
export function workOfFilter(filter: string): number {
  return WORK.filter + (filter.length >> PATH_CHARACTERS_PER_UNIT_BITS)
}

export function assertFilter(filter: string): { shareName: string | null; topicFilter: string } {
  const parsed = parseFilter(filter)
  if (parsed !== null) return parsed
  throw new ProtocolError(TOPIC_FILTER_INVALID, `${quoted(filter)} is no topic filter`)
}

/** Returns the expression: in a user property for all filters of the packet, behind the `?` of a topic filter, or both. */
function whereOf(
  userProperties: readonly UserProperty[],
  query: string,
): { readonly where: string } | null {
  const said = lastValue(userProperties, WHERE)
  if (said === null) return query === '' ? null : { where: query }
  return { where: query === '' ? said : `${said} ${query}` }
}

/** Returns the interval that is asked for; what cannot be read is NaN, which admission refuses. */
function conflationAsked(
  userProperties: readonly UserProperty[],
): { readonly conflateMs: number } | null {
  const said = lastValue(userProperties, CONFLATE)
  if (said === null) return null
  return { conflateMs: /^[0-9]{1,7}$/.test(said) ? Number(said) : Number.NaN }
}

interface ShareWishes {
  strategy?: ShareStrategyName
  weight?: number
}

/**
 * Returns what is asked for a named queue, in case the packet makes it: user properties with the names of its settings, and those that
 * seem to be meant for one, which admission refuses.
 */
function queueWishesOf(userProperties: readonly UserProperty[]): Readonly<Record<string, string>> {
  let others = 0
  const isWish = ([name]: UserProperty): boolean => {
    if (name === TRANSACTIONAL || isQueueSetting(name)) return true
    others += 1
    return others <= OTHERS_MAX && (isMisspelledSetting(name) || isMisspelledTransactional(name))
  }
  return Object.fromEntries(userProperties.filter(isWish))
}

/** Whether only a transaction settles what the consumer gets. What it says otherwise than `true` or `false` is refused by admission. */
function transactionalOf(userProperties: readonly UserProperty[]): { transactional?: true } {
  const said = lastValue(userProperties, TRANSACTIONAL)
  return said === 'true' ? { transactional: true } : {}
}

/** Returns the requests to a share group in the user properties. */
function wishesOf(userProperties: readonly UserProperty[]): ShareWishes {
  const wishes: ShareWishes = {}
  for (const [name, value] of userProperties) {
    if (name === 'strategy' && isShareStrategyName(value)) wishes.strategy = value
    else if (name === 'weight' && WEIGHT_PATTERN.test(value)) wishes.weight = Number(value)
  }
  return wishes
}

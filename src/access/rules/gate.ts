// The gate of a client, or of all clients with the same rules: decides at the moment of use what the client may publish, receive and subscribe to.

import { covers, coversLevels, overlap } from '../../routing/filter-relations.ts'
import { hasWildcard, topicMatches } from '../../routing/topic.ts'
import { REMEMBERED_TOPIC_LENGTH_MAX, RememberedVerdicts } from './remembered-verdicts.ts'
import {
  type ClientRules,
  EVERY_KIND,
  kindOf,
  type SubscribeRule,
  type SubscribeRules,
  type TopicRule,
  type TopicRules,
} from './rule.ts'

export class Gate {
  readonly #remembered: RememberedVerdicts
  readonly #sendVerdicts = new Map<string, number>()
  readonly #receiveVerdicts = new Map<string, number>()
  readonly #rules: ClientRules
  /** The last answer about receiving: a message to many clients asks the same for each of them. */
  #lastTopic: string | null = null
  #mayReceiveLast = false

  /** Different for different rules. */
  readonly number: number

  constructor(rules: ClientRules, remembered: RememberedVerdicts, number = 0) {
    this.#rules = rules
    this.number = number
    this.#remembered = remembered
  }

  /** Discards cached verdicts: the rules have changed, or others need the memory. */
  close(): void {
    this.#lastTopic = null
    this.#remembered.forget(this.#sendVerdicts)
    this.#remembered.forget(this.#receiveVerdicts)
  }

  maySend(topic: string, qos: number, retain: boolean): boolean {
    const kinds = this.#remembers(this.#sendVerdicts, this.#rules.send, topic)
    return (kinds & kindOf(qos, retain)) !== 0
  }

  mayReceive(topic: string): boolean {
    if (topic === this.#lastTopic) return this.#mayReceiveLast
    const mayReceive = this.#remembers(this.#receiveVerdicts, this.#rules.receive, topic) !== 0
    this.#mayReceiveLast = mayReceive
    this.#lastTopic = topic.length > REMEMBERED_TOPIC_LENGTH_MAX ? null : topic
    return mayReceive
  }

  /** `filter` is the topic filter without `$share/group/`; `shareName` is the group, or null. */
  maySubscribe(filter: string, shareName: string | null): boolean {
    return mayUse(this.#rules.subscribe, filter, shareName)
  }

  mayUnsubscribe(filter: string, shareName: string | null): boolean {
    return mayUse(this.#rules.unsubscribe, filter, shareName)
  }

  /**
   * Whether all topics of the filter may be received, so that messages of such a subscription need no check. A filter that only
   * several rules together allow counts as needing checks.
   */
  mayReceiveAllOf(filter: string): boolean {
    const { rules, otherwise } = this.#rules.receive
    for (const rule of rules) {
      if (rule.allows) {
        if (allowsAllOf(rule, filter)) return true
      } else if (
        rule.isLiteral ? topicMatches(filter, rule.filter) : overlap(rule.filter, filter)
      ) {
        return false
      }
    }
    return otherwise
  }

  /** Returns the deciding rule, for a sentence in the log; null if none matches. */
  sendingRule(topic: string, qos: number, retain: boolean): TopicRule | null {
    const kind = kindOf(qos, retain)
    return (
      this.#rules.send.rules.find(each => (each.kinds & kind) !== 0 && speaks(each, topic)) ?? null
    )
  }

  receivingRule(topic: string): TopicRule | null {
    return this.#rules.receive.rules.find(each => speaks(each, topic)) ?? null
  }

  subscribingRule(filter: string, shareName: string | null): SubscribeRule | null {
    return decidingRule(this.#rules.subscribe, filter, shareName)
  }

  unsubscribingRule(filter: string, shareName: string | null): SubscribeRule | null {
    return decidingRule(this.#rules.unsubscribe, filter, shareName)
  }

  #remembers(verdicts: Map<string, number>, rules: TopicRules, topic: string): number {
    const known = verdicts.get(topic)
    if (known !== undefined) return known
    const decided = allowedKinds(rules, topic)
    this.#remembered.remember(verdicts, topic, decided)
    return decided
  }
}

/** Returns the kinds of message that are allowed on the topic. For each kind the first matching rule decides. */
function allowedKinds({ rules, otherwise }: TopicRules, topic: string): number {
  let open = EVERY_KIND
  let allowed = 0
  for (const rule of rules) {
    if ((rule.kinds & open) === 0 || !speaks(rule, topic)) continue
    if (rule.allows) allowed |= rule.kinds & open
    open &= ~rule.kinds
    if (open === 0) return allowed
  }
  return otherwise ? allowed | open : allowed
}

function speaks({ filter, isLiteral }: TopicRule, topic: string): boolean {
  return isLiteral ? filter === topic : topicMatches(filter, topic)
}

function allowsAllOf(rule: TopicRule, filter: string): boolean {
  if (rule.isLiteral) return rule.filter === filter && !hasWildcard(filter)
  return covers(rule.filter, filter)
}

function mayUse(rules: SubscribeRules, filter: string, shareName: string | null): boolean {
  return decidingRule(rules, filter, shareName)?.allows ?? rules.otherwise
}

/**
 * Returns the first rule that matches. For rules about `$share/group/filter`, a rule that denies the filter itself decides as well:
 * otherwise a share group would be a way around it.
 */
function decidingRule(
  { rules, sharedAsWhole }: SubscribeRules,
  filter: string,
  shareName: string | null,
): SubscribeRule | null {
  const plain = rules.find(each => speaksOfFilter(each, filter)) ?? null
  if (shareName === null || !sharedAsWhole) return plain
  if (plain?.allows === false) return plain
  const whole = `$share/${shareName}/${filter}`
  return rules.find(each => speaksOfFilter(each, whole)) ?? null
}

function speaksOfFilter(rule: SubscribeRule, filter: string): boolean {
  switch (rule.speaksOf) {
    case 'same':
      return rule.filter === filter
    case 'within':
      return covers(rule.filter, filter)
    case 'withinOrHidden':
      return coversLevels(rule.filter, filter)
    case 'overlapping':
      return overlap(rule.filter, filter)
    case 'wildcards':
      return hasWildcard(filter)
  }
}

// The gate of a client: decides at the moment of use what the client may publish, receive and subscribe to.

import { covers, overlap } from '../../routing/filter-relations.ts'
import { hasWildcard, topicMatches } from '../../routing/topic.ts'
import { RememberedVerdicts } from './remembered-verdicts.ts'
import {
  type ClientRules,
  EVERY_KIND,
  kindOf,
  type SubscribeRule,
  type TopicRule,
  type TopicRules,
} from './rule.ts'

export class Gate {
  readonly #remembered: RememberedVerdicts
  readonly #sendVerdicts = new Map<string, number>()
  readonly #receiveVerdicts = new Map<string, number>()
  readonly #rules: ClientRules

  constructor(rules: ClientRules, remembered: RememberedVerdicts) {
    this.#rules = rules
    this.#remembered = remembered
  }

  /** Discards cached verdicts: the client has gone, or the rules have changed. */
  close(): void {
    this.#remembered.forget(this.#sendVerdicts)
    this.#remembered.forget(this.#receiveVerdicts)
  }

  maySend(topic: string, qos: number, retain: boolean): boolean {
    const kinds = this.#remembers(this.#sendVerdicts, this.#rules.send, topic)
    return (kinds & kindOf(qos, retain)) !== 0
  }

  mayReceive(topic: string): boolean {
    return this.#remembers(this.#receiveVerdicts, this.#rules.receive, topic) !== 0
  }

  /** `filter` is the topic filter without `$share/group/`. */
  maySubscribe(filter: string): boolean {
    const { otherwise } = this.#rules.subscribe
    return this.subscribingRule(filter)?.allows ?? otherwise
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

  subscribingRule(filter: string): SubscribeRule | null {
    return this.#rules.subscribe.rules.find(each => speaksOfFilter(each, filter)) ?? null
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

function speaksOfFilter(rule: SubscribeRule, filter: string): boolean {
  switch (rule.speaksOf) {
    case 'same':
      return rule.filter === filter
    case 'within':
      return covers(rule.filter, filter)
    case 'overlapping':
      return overlap(rule.filter, filter)
  }
}

// Rules in the form of mosquitto's dynamic security: roles with priorities, given to clients and to groups of clients. They
// are sorted into lists in which the first matching rule decides.

import {
  becomesHidden,
  hasWildcardSign,
  isOneLevel,
  LEVEL_SIGNS,
  namesIn,
  withNames,
} from './inserted-names.ts'
import {
  type ClientRules,
  EVERY_KIND,
  type RuleSubject,
  type SubscribeRule,
  type SubscribeRules,
  type TopicRule,
  type TopicRules,
} from './rule.ts'

export type RoleAction = 'send' | 'receive' | 'subscribe' | 'unsubscribe'

export interface RoleRule {
  readonly action: RoleAction
  /** The filter is literal: it matches only the same topic, or the same filter of a SUBSCRIBE. */
  readonly isLiteral: boolean
  /** `%u` and `%c` as whole levels stand for the names of the client, except in a literal filter. */
  readonly filter: string
  readonly allows: boolean
  readonly priority: number
  readonly place: string
}

interface RoleDescription {
  readonly name: string
  /** Whether clients with this role may subscribe to filters with wildcards, if a rule allows it. */
  readonly allowsWildcards: boolean
  readonly rules: readonly RoleRule[]
  readonly place: string
}

/** A role that was given to a client or group, with its priority. */
export interface Given<Value> {
  readonly value: Value
  readonly priority: number
}

export interface Group {
  readonly name: string
  readonly roles: readonly Given<Role>[]
}

export type RoleDefaults = Readonly<Record<RoleAction, boolean>>

/** A role whose rules are in the order in which they are asked: literal filters first, then by priority. */
export class Role {
  readonly name: string
  readonly place: string
  readonly allowsWildcards: boolean
  readonly #rules: Readonly<Record<RoleAction, readonly RoleRule[]>>

  constructor({ name, rules, allowsWildcards, place }: RoleDescription) {
    this.name = name
    this.place = place
    this.allowsWildcards = allowsWildcards
    const of = (action: RoleAction) => ordered(rules.filter(each => each.action === action))
    this.#rules = {
      send: of('send'),
      receive: of('receive'),
      subscribe: of('subscribe'),
      unsubscribe: of('unsubscribe'),
    }
  }

  rulesFor(action: RoleAction, subject: RuleSubject): readonly RoleRule[] {
    return this.#rules[action].flatMap(rule => withNamesOf(rule, subject))
  }
}

function ordered(rules: readonly RoleRule[]): readonly RoleRule[] {
  return rules.toSorted((one, other) => {
    if (one.isLiteral !== other.isLiteral) return one.isLiteral ? -1 : 1
    return other.priority - one.priority
  })
}

/** Orders roles: the client's own, then those of its groups, then the defaults; each by highest priority, then by name. */
export function rolesInOrder(
  roles: readonly Given<Role>[],
  groups: readonly Given<Group>[],
): readonly Role[] {
  return [...inOrder(roles), ...inOrder(groups).flatMap(group => inOrder(group.roles))]
}

/** Returns the rules of a client that has these roles in this order. */
export function rulesOfRoles(
  roles: readonly Role[],
  defaults: RoleDefaults,
  subject: RuleSubject,
): ClientRules {
  const topicRules = (action: 'send' | 'receive'): TopicRules => ({
    rules: [
      ...roles.flatMap(role => role.rulesFor(action, subject).map(topicRuleOf)),
      ...(defaults[action] ? [CONTROL_TOPICS] : []),
    ],
    otherwise: defaults[action],
  })
  const subscribeRules = (action: 'subscribe' | 'unsubscribe'): SubscribeRules => ({
    rules: [
      ...roles.flatMap(role => [
        ...(action === 'subscribe' && !role.allowsWildcards ? [noWildcards(role)] : []),
        ...role.rulesFor(action, subject).map(subscribeRuleOf),
      ]),
      ...(defaults[action] ? [CONTROL_FILTERS] : []),
    ],
    otherwise: defaults[action],
    sharedAsWhole: true,
  })
  return {
    send: topicRules('send'),
    receive: topicRules('receive'),
    subscribe: subscribeRules('subscribe'),
    unsubscribe: subscribeRules('unsubscribe'),
  }
}

function inOrder<Value extends { readonly name: string }>(
  given: readonly Given<Value>[],
): readonly Value[] {
  return given
    .toSorted((one, other) => {
      if (one.priority !== other.priority) return other.priority - one.priority
      return one.value.name < other.value.name ? -1 : 1
    })
    .map(({ value }) => value)
}

/**
 * Returns the rule for the names of the client, or nothing if it does not apply to them. A name that is not exactly one level gets
 * only rules that deny.
 */
function withNamesOf(rule: RoleRule, subject: RuleSubject): readonly RoleRule[] {
  if (rule.isLiteral) return [rule]
  const names = namesIn(rule.filter, LEVEL_SIGNS, subject)
  if (names.length === 0) return [rule]
  if (rule.allows && !names.every(isOneLevel)) return []
  if (names.some(name => name === null || hasWildcardSign(name))) return []
  const filter = withNames(rule.filter, names, LEVEL_SIGNS)
  return becomesHidden(rule.filter, filter, LEVEL_SIGNS) ? [] : [{ ...rule, filter }]
}

function topicRuleOf({ filter, isLiteral, allows, place }: RoleRule): TopicRule {
  return { allows, filter, isLiteral, kinds: EVERY_KIND, place }
}

/** For mosquitto 2.0 a `#` stands for filters that begin with `$` as well, for 2.1 it does not. Both refuse what is refused here. */
function subscribeRuleOf({ filter, isLiteral, allows, place }: RoleRule): SubscribeRule {
  const speaksOf = allows ? 'within' : 'withinOrHidden'
  return { allows, filter, speaksOf: isLiteral ? 'same' : speaksOf, place }
}

function noWildcards({ place }: Role): SubscribeRule {
  return { allows: false, filter: '#', speaksOf: 'wildcards', place }
}

/** The defaults never open the topics by which the broker is controlled. */
const CONTROL = { allows: false, filter: '$CONTROL/#', place: 'defaultACLAccess' }
const CONTROL_TOPICS: TopicRule = { ...CONTROL, isLiteral: false, kinds: EVERY_KIND }
const CONTROL_FILTERS: SubscribeRule = { ...CONTROL, speaksOf: 'within' }

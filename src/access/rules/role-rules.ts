// Rules in the form of mosquitto's dynamic security: roles with priorities, given to clients and to groups of clients. They
// are sorted into lists in which the first matching rule decides.

import type { ClientRules, SubscribeRule, TopicRule, TopicRules } from './rule.ts'
import { EVERY_KIND } from './rule.ts'

type RoleAction = 'send' | 'receive' | 'subscribe'

export interface RoleRule {
  readonly action: RoleAction
  /** The filter is literal: it matches only the same topic, or the same filter of a SUBSCRIBE. */
  readonly isLiteral: boolean
  readonly filter: string
  readonly allows: boolean
  readonly priority: number
}

export interface Role {
  readonly name: string
  readonly rules: readonly RoleRule[]
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

interface RoleDefaults {
  readonly send: boolean
  readonly receive: boolean
  readonly subscribe: boolean
}

/** Orders roles: the client's own, then those of its groups, then the defaults; each by highest priority, then by name. */
export function rulesOfRoles(
  roles: readonly Given<Role>[],
  groups: readonly Given<Group>[],
  defaults: RoleDefaults,
): ClientRules {
  const ordered = [...inOrder(roles), ...inOrder(groups).flatMap(group => inOrder(group.roles))]
  const topicRules = (action: RoleAction): TopicRules => ({
    rules: ordered.flatMap(role => rulesFor(role, action).map(each => topicRuleOf(role, each))),
    otherwise: defaults[action],
  })
  return {
    send: topicRules('send'),
    receive: topicRules('receive'),
    subscribe: {
      rules: ordered.flatMap(role =>
        rulesFor(role, 'subscribe').map(each => subscribeRuleOf(role, each)),
      ),
      otherwise: defaults.subscribe,
    },
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

/** Literal rules come before rules with wildcards. */
function rulesFor({ rules }: Role, action: RoleAction): readonly RoleRule[] {
  return rules
    .filter(each => each.action === action)
    .toSorted((one, other) => {
      if (one.isLiteral !== other.isLiteral) return one.isLiteral ? -1 : 1
      return other.priority - one.priority
    })
}

function topicRuleOf(role: Role, { filter, isLiteral, allows }: RoleRule): TopicRule {
  return { allows, filter, isLiteral, kinds: EVERY_KIND, place: placeOf(role, filter) }
}

function subscribeRuleOf(role: Role, { filter, isLiteral, allows }: RoleRule): SubscribeRule {
  return { allows, filter, speaksOf: isLiteral ? 'same' : 'within', place: placeOf(role, filter) }
}

function placeOf({ name }: Role, filter: string): string {
  return `role ${name}, ${filter}`
}

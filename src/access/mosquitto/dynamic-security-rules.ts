// Evaluates mosquitto's dynamic security for one client: its roles, then those of its groups, then the defaults.

import { type Role, rolesInOrder, rulesOfRoles } from '../rules/role-rules.ts'
import {
  type ClientRules,
  NOTHING_ALLOWED,
  type RuleBook,
  type RuleSubject,
} from '../rules/rule.ts'
import type { DynamicSecurity } from './dynamic-security-file.ts'

export class DynamicSecurityRules implements RuleBook {
  readonly #security: DynamicSecurity
  readonly #anonymousRoles: readonly Role[]

  constructor(security: DynamicSecurity) {
    this.#security = security
    const { anonymousGroup } = security
    this.#anonymousRoles =
      anonymousGroup === null ? [] : rolesInOrder([], [{ value: anonymousGroup, priority: 0 }])
  }

  /** A user that the file does not have, or has disabled, may do nothing. */
  rulesFor(subject: RuleSubject): ClientRules {
    const { secured, defaults } = this.#security
    if (subject.username === null) return rulesOfRoles(this.#anonymousRoles, defaults, subject)
    const user = secured.get(subject.username)
    if (user === undefined || user.isDisabled) return NOTHING_ALLOWED
    return rulesOfRoles(rolesInOrder(user.roles, user.groups), defaults, subject)
  }
}

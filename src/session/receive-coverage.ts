// Determines whether a client may receive everything that its subscriptions match, so that its messages need no check. This is
// determined when a subscription is added, and for all subscriptions again when rules have changed.

import {
  type RuledPermissions,
  type RulesState,
  isRuled,
  type Permissions,
  UNRESTRICTED,
} from '../access/permissions.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isOfTransactions } from '../routing/topic.ts'

/** The coverage of permissions without rules. */
const NEVER = -1
const NO_RULES: RulesState = { version: 0, allowedTopic: null, allowedSet: 0 }

export class ReceiveCoverage {
  /** The version of the rules by which everything may be received. Each message only compares it with the present version. */
  coveredAt: number
  readonly rules: RulesState
  readonly #subscriptions: ReadonlyMap<string, Subscription>
  /** Null if the permissions cannot decide about whole filters. */
  readonly covering: RuledPermissions | null
  /** The version of the rules by which `#partly` was counted. */
  checkedAt = NEVER
  /** The number of subscriptions of which not everything may be received. */
  #partly = 0

  constructor(permissions: Permissions, subscriptions: ReadonlyMap<string, Subscription>) {
    this.#subscriptions = subscriptions
    this.covering = isRuled(permissions) ? permissions : null
    this.rules = this.covering?.rules ?? NO_RULES
    this.coveredAt = permissions.mayReceive === undefined ? this.rules.version : NEVER
  }

  entered(topicFilter: string): void {
    if (!this.#isJudged() || !this.#isPartly(topicFilter)) return
    this.#partly += 1
    this.coveredAt = NEVER
  }

  left(topicFilter: string): void {
    if (!this.#isJudged() || !this.#isPartly(topicFilter)) return
    this.#partly -= 1
    if (this.#partly === 0) this.coveredAt = this.rules.version
  }

  /** Checks the subscriptions again if rules have changed. Returns how many filters were checked, which count as work of the turn. */
  judge(): number {
    this.#partly = 0
    for (const { topicFilter } of this.#subscriptions.values()) {
      if (this.#isPartly(topicFilter)) this.#partly += 1
    }
    this.checkedAt = this.rules.version
    this.coveredAt = this.#partly === 0 ? this.checkedAt : NEVER
    return this.#subscriptions.size
  }

  /** What the broker answers about its own transactions every client may receive. */
  #isPartly(topicFilter: string): boolean {
    return this.covering?.mayReceiveAllOf(topicFilter) === false && !isOfTransactions(topicFilter)
  }

  #isJudged(): boolean {
    return this.checkedAt === this.rules.version
  }
}

/** The coverage of clients whose messages are never checked. */
const EVERYTHING = new ReceiveCoverage(UNRESTRICTED, new Map())

export function coverageOf(
  permissions: Permissions,
  subscriptions: ReadonlyMap<string, Subscription>,
): ReceiveCoverage {
  if (permissions.mayReceive === undefined) return EVERYTHING
  return new ReceiveCoverage(permissions, subscriptions)
}

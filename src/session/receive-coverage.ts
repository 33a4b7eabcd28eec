// Whether a client may receive all that its subscriptions bring, so that none of its messages needs a look. Found out as each
// subscription is entered, and for all of them anew when rules have changed.

import {
  type RuledPermissions,
  isRuled,
  type Permissions,
  UNRESTRICTED,
} from '../access/permissions.ts'
import type { Subscription } from '../routing/subscription.ts'

/** Of permissions that no rules stand behind. */
const NO_RULES = { version: 0 }
const NEVER = -1

export class ReceiveCoverage {
  /** The version of the rules by which everything may be received. Compared with theirs for each message: that is all it costs. */
  coveredAt: number
  readonly rules: { readonly version: number }
  readonly #subscriptions: ReadonlyMap<string, Subscription>
  /** Null when nothing is said of whole filters. */
  readonly covering: RuledPermissions | null
  /** The version of the rules that `#partly` was counted by. */
  judgedAt = NEVER
  /** Subscriptions of which not everything may be received. */
  #partly = 0

  constructor(permissions: Permissions, subscriptions: ReadonlyMap<string, Subscription>) {
    this.#subscriptions = subscriptions
    this.covering = isRuled(permissions) ? permissions : null
    this.rules = this.covering?.rules ?? NO_RULES
    this.coveredAt = permissions.mayReceive === undefined ? this.rules.version : NEVER
  }

  entered(topicFilter: string): void {
    if (!this.#isJudged || this.covering?.mayReceiveAllOf(topicFilter) !== false) return
    this.#partly += 1
    this.coveredAt = NEVER
  }

  left(topicFilter: string): void {
    if (!this.#isJudged || this.covering?.mayReceiveAllOf(topicFilter) !== false) return
    this.#partly -= 1
    if (this.#partly === 0) this.coveredAt = this.rules.version
  }

  /** Finds out anew where rules have changed. Returns how many filters were looked at: they are work of the turn. */
  judge(covering: RuledPermissions): number {
    this.#partly = 0
    for (const { topicFilter } of this.#subscriptions.values()) {
      if (!covering.mayReceiveAllOf(topicFilter)) this.#partly += 1
    }
    this.judgedAt = this.rules.version
    this.coveredAt = this.#partly === 0 ? this.judgedAt : NEVER
    return this.#subscriptions.size
  }

  get #isJudged(): boolean {
    return this.judgedAt === this.rules.version
  }
}

/** Of every client whose messages nobody asks about. */
const EVERYTHING = new ReceiveCoverage(UNRESTRICTED, new Map())

export function coverageOf(
  permissions: Permissions,
  subscriptions: ReadonlyMap<string, Subscription>,
): ReceiveCoverage {
  if (permissions.mayReceive === undefined) return EVERYTHING
  return new ReceiveCoverage(permissions, subscriptions)
}

// The identity and permissions of a session's client: from its authentication, or from `permissionsOf` while it is not connected.

import type { Identity } from '../access/identity.ts'
import {
  GONE,
  isRuled,
  NO_RULE,
  NOTHING,
  type Permissions,
  type RulesState,
} from '../access/permissions.ts'
import { WORK } from '../limits.ts'
import { type Message, textBytes } from '../message.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isOfTransactions } from '../routing/topic.ts'
import { coverageOf, type ReceiveCoverage } from './receive-coverage.ts'
import type { SessionContext } from './session-context.ts'
import type { QueueShare } from './user-queues.ts'

/** A client that was allowed, connected or not. */
export interface Principal {
  readonly clientId: string
  readonly identity: Identity
  readonly permissions: Permissions
}

/** Returns the heap bytes of an empty session with its maps and its identity, whose client id is in the store's changes as well. */
export function sessionBytes({ clientId, username, address }: Identity): number {
  return SESSION_BYTES + 2 * textBytes(clientId) + textBytes(username ?? '') + textBytes(address)
}

const SESSION_BYTES = 1_300
const NO_RULE_SET = -1

export class ClientRights implements Principal {
  readonly clientId: string
  /** Sets the client of a new connection. It is the same user, perhaps from another address. */
  identity: Identity
  /** The permissions if they check each delivery; otherwise null, and no delivery is checked. */
  receivesBy: Permissions | null
  permissions: Permissions
  readonly subscriptions: Map<string, Subscription> = new Map()
  coverage: ReceiveCoverage
  /** Those of the coverage. */
  rules: RulesState
  /** The number of the rules by which the last message was checked; below 0 for none. */
  ruleSet = NO_RULE_SET
  /** The part of its queue in those of its user; null where they have no bound. */
  queueShare: QueueShare | null = null
  readonly #context: SessionContext

  constructor(identity: Identity, permissions: Permissions, context: SessionContext) {
    this.clientId = identity.clientId
    this.identity = identity
    this.#context = context
    this.permissions = permissions
    this.receivesBy = permissions.mayReceive === undefined ? null : permissions
    this.coverage = coverageOf(permissions, this.subscriptions)
    this.rules = this.coverage.rules
  }

  /** Sets the permissions after a re-authentication. */
  grant(permissions: Permissions): void {
    this.permissions = permissions
    this.receivesBy = permissions.mayReceive === undefined ? null : permissions
    this.coverage = coverageOf(permissions, this.subscriptions)
    this.rules = this.coverage.rules
    this.ruleSet = NO_RULE_SET
  }

  /** Whether the client may receive all that the filter matches. A client that is not known any more may not. */
  mayReceiveAllOf(topicFilter: string): boolean {
    const { permissions } = this
    if (isRuled(permissions)) return permissions.mayReceiveAllOf(topicFilter)
    if (permissions === NOTHING || permissions === GONE) return false
    return permissions.mayReceive === undefined
  }

  /**
   * Whether a live message of one of its subscriptions must not be sent to the client. Callers must check first that not everything
   * may be received by the present rules: `coverage.coveredAt !== coverage.rules.version`. A message to many clients is mostly judged
   * once for all with the same rules, without a look at the rules of each: `rules.allowedSet` and `allowedTopic`.
   */
  withholdsNew(message: Message): boolean {
    const { coverage, rules } = this
    if (coverage.covering === null) return this.withholds(message)
    if (coverage.checkedAt !== rules.version) {
      this.#context.turnWorkLeft -= coverage.judge() * WORK.filter
      if (coverage.coveredAt === rules.version) return false
    }
    const { topic } = message
    const isWithheld = !coverage.covering.mayReceive(topic) && !isOfTransactions(topic)
    this.ruleSet = coverage.covering.ruleSet
    return isWithheld
  }

  /** The same for any message, for example a queued one whose subscription may have ended. */
  withholds(message: Message): boolean {
    const { receivesBy } = this
    if (receivesBy === null) return false
    const { topic } = message
    return !this.#context.mayReceive(receivesBy, topic, this.clientId) && !isOfTransactions(topic)
  }

  /** Returns the rule that decides whether the client may receive the topic, for the log; null if there are no rules. */
  receiveRule(topic: string): string | null {
    if (!isRuled(this.permissions)) return null
    return this.permissions.receiveRule(topic) ?? NO_RULE
  }
}

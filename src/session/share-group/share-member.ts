// One member of a share group.

import { MemberHeap } from '../../routing/member-heap.ts'
import type { Subscription } from '../../routing/subscription.ts'
import { NO_IDENTIFIERS } from '../delivery.ts'
import type { KeyQueue } from '../waiting/keyed-queues.ts'
import type { Session } from '../session.ts'

/** What counts for a member besides its subscription. */
export interface MemberTerms {
  readonly weight: number
  /** Whether an administrator has taken it out: it gets no new messages, and settles those that it has. */
  readonly isDrained: boolean
}

// Wide on purpose: what share groups and named queues know of a member.
export class ShareMember {
  readonly session: Session
  terms: MemberTerms
  /** What counts of its weight: 1 unless the strategy uses weights. */
  weight: number
  /** The number of deliveries of this group to this member that are not settled. */
  inFlightOfGroup = 0
  /** Whether the strategy may choose it. */
  isReady = false
  /** The bytes that it holds, if it is transactional. */
  heldBytes = 0
  /** Whether its client is connected. */
  isHere = false
  /** Whether the group waits for its session's report that it can take a message. */
  awaitsReport = false
  #subscription: Subscription
  #identifiers: readonly number[]
  #queues: MemberHeap<KeyQueue<ShareMember>> | null = null

  constructor(session: Session, subscription: Subscription, terms: MemberTerms, weight: number) {
    this.session = session
    this.terms = terms
    this.weight = weight
    this.#subscription = subscription
    this.#identifiers = identifiersOf(subscription)
  }

  get clientId(): string {
    return this.session.clientId
  }

  /** Whether a transaction settles what it is sent. Only of a named queue. */
  get isTransactional(): boolean {
    return this.#subscription.transactional === true
  }

  get isDrained(): boolean {
    return this.terms.isDrained
  }

  get inFlight(): number {
    // A client of another partition has its exchanges there.
    const { count } = this.session.exchanges
    return count > this.inFlightOfGroup ? count : this.inFlightOfGroup
  }

  get subscription(): Subscription {
    return this.#subscription
  }

  set subscription(subscription: Subscription) {
    this.#subscription = subscription
    this.#identifiers = identifiersOf(subscription)
  }

  get identifiers(): readonly number[] {
    return this.#identifiers
  }

  /** The queues of its keys; the one with the oldest message is first. */
  get queues(): MemberHeap<KeyQueue<ShareMember>> {
    this.#queues ??= new MemberHeap()
    return this.#queues
  }
}

function identifiersOf({ identifier }: Subscription): readonly number[] {
  return identifier === 0 ? NO_IDENTIFIERS : [identifier]
}

// One client's place in a share group.

import { MemberHeap } from '../routing/member-heap.ts'
import type { Subscription } from '../routing/subscription.ts'
import { NO_IDENTIFIERS } from './delivery.ts'
import type { KeyQueue } from './keyed-queues.ts'
import type { Session } from './session.ts'

export class ShareMember {
  readonly session: Session
  weight: number
  /** Sent by this group to this member and not settled. */
  inFlightOfGroup = 0
  /** The strategy may choose it. */
  isReady = false
  /** Its client is connected. */
  isHere = false
  /** Its session is to tell the group when it can take a message. */
  isAwaited = false
  #subscription: Subscription
  #identifiers: readonly number[]
  #queues: MemberHeap<KeyQueue<ShareMember>> | null = null

  constructor(session: Session, subscription: Subscription, weight: number) {
    this.session = session
    this.weight = weight
    this.#subscription = subscription
    this.#identifiers = identifiersOf(subscription)
  }

  get clientId(): string {
    return this.session.clientId
  }

  get inFlight(): number {
    return this.session.exchanges.count
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

  /** Of the keys that are bound to it: that with the oldest message is first. */
  get queues(): MemberHeap<KeyQueue<ShareMember>> {
    this.#queues ??= new MemberHeap()
    return this.#queues
  }
}

function identifiersOf({ identifier }: Subscription): readonly number[] {
  return identifier === 0 ? NO_IDENTIFIERS : [identifier]
}

// One client's place in a share group.

import type { Subscription } from '../routing/subscription.ts'
import type { Session } from './session.ts'

const NO_IDENTIFIERS: readonly number[] = []

export class ShareMember {
  readonly session: Session
  readonly weight: number
  subscription: Subscription
  /** Sent by this group to this member and not settled. */
  inFlightOfGroup = 0
  /** The strategy may choose it. */
  isReady = false

  constructor(session: Session, subscription: Subscription, weight: number) {
    this.session = session
    this.subscription = subscription
    this.weight = weight
  }

  get clientId(): string {
    return this.session.clientId
  }

  get inFlight(): number {
    return this.session.inFlight
  }

  get identifiers(): readonly number[] {
    return this.subscription.identifier === 0 ? NO_IDENTIFIERS : [this.subscription.identifier]
  }
}

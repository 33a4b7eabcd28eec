// Looks at every session again after users or rules have changed: whose user is gone, and which subscriptions are not allowed any more.

import type { Identity } from '../access/identity.ts'
import { GONE, isRuled, NO_RULE, NOTHING, type Permissions } from '../access/permissions.ts'
import { WORK } from '../limits.ts'
import { isOfTransactions } from '../routing/topic.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { Postponed } from '../session/session-context.ts'
import type { Broker } from './broker.ts'

/** The users as they are now. */
interface PresentUsers {
  /** Whether the client was allowed as a user that does not exist any more. */
  isGone(identity: Identity): boolean
  permissionsOf(identity: Identity): Permissions | null
}

/**
 * Takes all rights from clients whose user is gone, and returns the ids of those that are connected. Subscriptions that are not allowed
 * any more are removed in this turn and the following ones. A user that is gone leaves its share groups and named queues; its other subscriptions stay,
 * in case it was removed by mistake.
 */
export function reviewSessions(broker: Broker, users: PresentUsers): readonly string[] {
  const gone: string[] = []
  for (const { clientId, rights } of broker.sessions.all()) {
    if (users.isGone(rights.identity)) {
      rights.grant(GONE)
      if (broker.sessions.holderOf(clientId) !== null) gone.push(clientId)
    } else if (rights.permissions === NOTHING || rights.permissions === GONE) {
      rights.grant(users.permissionsOf(rights.identity) ?? NOTHING)
    }
  }
  broker.postponed.add(new Review(broker))
  return gone
}

class Review implements Postponed {
  readonly #broker: Broker
  readonly #clientIds: string[]

  constructor(broker: Broker) {
    this.#broker = broker
    this.#clientIds = [...broker.sessions.all()].map(({ clientId }) => clientId)
  }

  proceed(): void {
    const broker = this.#broker
    while (broker.turnWorkLeft > 0) {
      const clientId = this.#clientIds.pop()
      if (clientId === undefined) return
      // It may have ended since the last turn.
      const session = broker.sessions.get(clientId)
      if (session !== undefined) this.#review(session)
    }
    broker.postponed.add(this)
  }

  #review(session: Session): void {
    const { permissions } = session.rights
    this.#broker.turnWorkLeft -= 1 + session.subscriptions.size * WORK.filter
    // Of other clients without rules nothing is known before they authenticate again.
    if (!isRuled(permissions) && permissions !== GONE) return
    for (const subscription of [...session.subscriptions.values()]) {
      if (!this.#isAllowed(session, subscription)) this.#revoke(session, subscription)
    }
  }

  #isAllowed(session: Session, subscription: Subscription): boolean {
    const { clientId, rights } = session
    const { permissions } = rights
    const { faults } = this.#broker
    const { queue } = subscription
    if (isOfTransactions(subscription.topicFilter)) return true
    if (permissions === GONE) return subscription.shareName === null && queue === undefined
    if (!faults.maySubscribe(permissions, subscription, clientId)) return false
    const { queues } = this.#broker.subscriptions
    const filters = queue === undefined ? null : queues.filtersOf(queue)
    if (filters !== null && !this.#broker.mayConsume(session, filters)) return false
    const { shareName, topicFilter } = subscription
    return shareName === null || faults.mayShare(permissions, topicFilter, clientId)
  }

  #revoke(session: Session, { filter, topicFilter, shareName }: Subscription): void {
    const broker = this.#broker
    const { clientId, rights } = session
    const { permissions } = rights
    broker.unsubscribe(session, filter)
    broker.statistics.subscriptionsRevoked += 1
    const rule = isRuled(permissions) ? permissions.subscribeRule(topicFilter, shareName) : null
    broker.observer.subscriptionRevoked?.(clientId, filter, rule ?? NO_RULE)
  }
}

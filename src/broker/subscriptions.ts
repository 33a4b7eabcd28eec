// The subscriptions of all clients: adds, removes and searches them. The steps of a search count as work of the turn.

import { type Limits, STEPS_PER_UNIT_BITS, OVERLAPS_PER_UNIT_BITS } from '../limits.ts'
import { FilterShapes, type ShapeLimit } from '../routing/filter-shapes.ts'
import { type Match, Router, withoutNoLocal } from '../routing/router.ts'
import { areSame, type Subscription, subscriptionBytes } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import type { Holdings } from './holdings.ts'
import { ShareGroups, type ShareSettings } from './share-groups.ts'
import type { Target } from '../session/target.ts'

/** The limits that bound the cost of a PUBLISH. */
export type CostLimit = ShapeLimit | 'shareGroupsPerTopicMax'

interface SubscriptionsContext extends SessionContext {
  readonly holdings: Holdings
}

export class Subscriptions {
  readonly groups: ShareGroups
  /** Finds the targets of a topic. Its searches count as work of the turn. */
  readonly router: Router<Target>
  readonly #context: SubscriptionsContext
  readonly #limits: Limits
  #count = 0
  #sharedCount = 0

  constructor(share: ShareSettings, context: SubscriptionsContext) {
    this.#context = context
    this.#limits = context.limits
    const searched = (steps: number): void => {
      context.turnWorkLeft -= steps >> STEPS_PER_UNIT_BITS
    }
    const shapes = new FilterShapes(context.limits.filterShapesMax)
    this.router = new Router<Target>(undefined, searched, shapes)
    this.groups = new ShareGroups(this.router, share, context)
  }

  /** The number of subscriptions of clients, connected or not, without handlers of an embedding program. */
  get count(): number {
    return this.#count
  }

  /** Those of them that are members of share groups. */
  get sharedCount(): number {
    return this.#sharedCount
  }

  /** How often the filters were searched for a topic. */
  get searches(): number {
    return this.router.searches
  }

  /** The number of shapes of all filters: see `FilterShapes`. */
  get filterShapes(): number {
    return this.router.shapes.count
  }

  /** Returns the limit on the cost of a PUBLISH that the subscription would exceed, or null. */
  costLimitFor(clientId: string, { topicFilter, shareName }: Subscription): CostLimit | null {
    if (shareName !== null && !this.groups.hasRoomFor(shareName, topicFilter, clientId)) {
      return 'shareGroupsPerTopicMax'
    }
    const { filterShapesPerClientMax } = this.#limits
    return this.router.shapes.limitFor(clientId, topicFilter, filterShapesPerClientMax)
  }

  withoutNoLocal(match: Match<Target>): Match<Target> | null {
    this.#context.turnWorkLeft -= match.subscriptions.length >> OVERLAPS_PER_UNIT_BITS
    return withoutNoLocal(match)
  }

  /** Adds or replaces a subscription; an equal one is not changed. Returns the subscription that is kept. */
  enter(session: Session, asked: Subscription): Subscription {
    const subscription = asked.shareName === null ? asked : this.groups.asKept(asked)
    const old = session.subscriptions.get(subscription.filter)
    if (old !== undefined && areSame(old, subscription)) return old
    this.restore(session, subscription)
    if (session.isDurable) {
      const { clientId } = session
      this.#context.journal.record({ kind: 'subscribed', clientId, subscription })
    }
    return subscription
  }

  /** Restores a subscription from the store. */
  restore(session: Session, subscription: Subscription): void {
    if (!session.subscriptions.has(subscription.filter)) {
      this.#context.memory.add('subscriptions', subscriptionBytes(subscription))
      this.#count += 1
      if (subscription.shareName !== null) this.#sharedCount += 1
      this.#context.holdings.add(session.rights.identity, 'subscriptions', 1)
      session.rights.coverage.entered(subscription.topicFilter)
    }
    session.subscriptions.set(subscription.filter, subscription)
    if (subscription.shareName !== null) this.groups.join(session, subscription)
    else this.router.subscribe(session, subscription, session.clientId)
  }

  leave(session: Session, filter: string): void {
    const subscription = session.subscriptions.get(filter)
    if (subscription === undefined) return
    session.subscriptions.delete(filter)
    session.rights.coverage.left(subscription.topicFilter)
    // A replay ends with its subscription [MQTT-3.10.4-2].
    if (session.isReplaying) session.replays.unsubscribed(filter)
    this.#detach(session, subscription)
    if (session.isDurable) {
      this.#context.journal.record({ kind: 'unsubscribed', clientId: session.clientId, filter })
    }
  }

  /** Removes the subscriptions of a session that has ended. The store removes them with the session. */
  end(session: Session): void {
    for (const subscription of session.subscriptions.values()) this.#detach(session, subscription)
    session.subscriptions.clear()
  }

  /** Subscribes a part of this process. */
  listen(target: Target, subscription: Subscription): void {
    this.router.subscribe(target, subscription)
  }

  unlisten(target: Target, topicFilter: string): void {
    this.router.unsubscribe(target, topicFilter)
  }

  #detach(session: Session, subscription: Subscription): void {
    this.#context.memory.add('subscriptions', -subscriptionBytes(subscription))
    this.#count -= 1
    if (subscription.shareName !== null) this.#sharedCount -= 1
    this.#context.holdings.add(session.rights.identity, 'subscriptions', -1)
    if (subscription.shareName === null) this.router.unsubscribe(session, subscription.topicFilter)
    else this.groups.leave(session, subscription)
  }
}

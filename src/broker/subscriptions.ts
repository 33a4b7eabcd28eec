// Who has subscribed to what: entered, left, and searched for. A search is work of the turn.

import { type Limits, STEPS_PER_UNIT_BITS, OVERLAPS_PER_UNIT_BITS } from '../limits.ts'
import { FilterShapes, type ShapeLimit } from '../routing/filter-shapes.ts'
import { type Match, Router, withoutNoLocal } from '../routing/router.ts'
import { areSame, type Subscription, subscriptionBytes } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import { ShareGroups, type ShareSettings } from './share-groups.ts'
import type { Target } from '../session/target.ts'

/** What bounds the cost of a PUBLISH. */
export type CostLimit = ShapeLimit | 'shareGroupsPerTopicMax'

export class Subscriptions {
  readonly groups: ShareGroups
  /** Asked directly for the targets of a topic: a search is charged to the turn. */
  readonly router: Router<Target>
  readonly #context: SessionContext
  readonly #limits: Limits
  #count = 0

  constructor(share: ShareSettings, context: SessionContext) {
    this.#context = context
    this.#limits = context.limits
    const searched = (steps: number): void => {
      context.turnWorkLeft -= steps >> STEPS_PER_UNIT_BITS
    }
    const shapes = new FilterShapes(context.limits.filterShapesMax)
    this.router = new Router<Target>(undefined, searched, shapes)
    this.groups = new ShareGroups(this.router, share, context)
  }

  /** Of clients, connected or away: handlers of a program around the broker are not among them. */
  get count(): number {
    return this.#count
  }

  /** How often a topic had to be searched for among the filters. */
  get searches(): number {
    return this.router.searches
  }

  /** Ways in which the `+` of all filters stand. */
  get filterShapes(): number {
    return this.router.shapes.count
  }

  /** The limit that the client's subscription would exceed by making a PUBLISH to some topic too dear, or null. */
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

  /** Enters or replaces a subscription, or leaves one as it is that says the same. Returns what is kept of it. */
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

  /** As the store kept it. */
  restore(session: Session, subscription: Subscription): void {
    if (!session.subscriptions.has(subscription.filter)) {
      this.#context.memory.add('subscriptions', subscriptionBytes(subscription))
      this.#count += 1
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
    // No subscription, no replay [MQTT-3.10.4-2].
    if (session.isReplaying) session.replays.unsubscribed(filter)
    this.#detach(session, subscription)
    if (session.isDurable) {
      this.#context.journal.record({ kind: 'unsubscribed', clientId: session.clientId, filter })
    }
  }

  /** The session is over: the store forgets its subscriptions with it. */
  end(session: Session): void {
    for (const subscription of session.subscriptions.values()) this.#detach(session, subscription)
    session.subscriptions.clear()
  }

  /** A subscriber that is part of this process. */
  listen(target: Target, subscription: Subscription): void {
    this.router.subscribe(target, subscription)
  }

  unlisten(target: Target, topicFilter: string): void {
    this.router.unsubscribe(target, topicFilter)
  }

  #detach(session: Session, subscription: Subscription): void {
    this.#context.memory.add('subscriptions', -subscriptionBytes(subscription))
    this.#count -= 1
    if (subscription.shareName === null) this.router.unsubscribe(session, subscription.topicFilter)
    else this.groups.leave(session, subscription)
  }
}

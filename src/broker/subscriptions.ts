// The subscriptions of all clients: adds, removes and searches them. The steps of a search count as work of the turn.

import { type Limits, STEPS_PER_UNIT_BITS, OVERLAPS_PER_UNIT_BITS } from '../limits.ts'
import { FilterShapes, type ShapeLimit } from '../routing/filter-shapes.ts'
import type { Message } from '../message.ts'
import { type Match, Router, withoutNoLocal } from '../routing/router.ts'
import { queueInFilter } from '../routing/queue-filter.ts'
import { areSame, type Subscription, subscriptionBytes } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import type { Expressions } from './expressions.ts'
import type { Deadlines } from './deadlines.ts'
import type { Holdings } from './holdings.ts'
import { NamedQueues, type QueuesSettings } from './named-queues.ts'
import type { Peers } from './peers.ts'
import { ShareGroups, type ShareSettings } from './share-groups.ts'
import type { Target } from '../session/target.ts'

/** The limits that bound the cost of a PUBLISH. */
type CostLimit = ShapeLimit | 'shareGroupsPerTopicMax'

export const COSTS: Readonly<Record<CostLimit, string>> = {
  filterShapesMax: 'the filter would make topics dear to search for',
  filterShapesPerClientMax: 'the filter would make topics dear to search for',
  shareGroupsPerTopicMax: 'a topic would be of too many share groups, or too many of this client',
}

interface SubscriptionsContext extends SessionContext {
  readonly holdings: Holdings
  readonly expressions: Expressions
  readonly deadlines: Deadlines
  mayConsume(session: Session, filters: readonly string[]): boolean
  queuesRefuse(isRefusing: boolean): void
  readonly peers: Peers | null
}

export class Subscriptions {
  readonly groups: ShareGroups
  readonly queues: NamedQueues
  /** Finds the targets of a topic. Its searches count as work of the turn. */
  readonly router: Router<Target>
  readonly #context: SubscriptionsContext
  readonly #limits: Limits
  #count = 0
  #sharedCount = 0

  constructor(share: ShareSettings, queues: QueuesSettings, context: SubscriptionsContext) {
    this.#context = context
    this.#limits = context.limits
    const searched = (steps: number): void => {
      context.turnWorkLeft -= steps >> STEPS_PER_UNIT_BITS
    }
    const shapes = new FilterShapes(context.limits.filterShapesMax)
    this.router = new Router<Target>(undefined, searched, shapes)
    this.groups = new ShareGroups(this.router, share, context, context.expressions)
    this.queues = new NamedQueues(this.router, queues, context)
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
  costLimitFor(clientId: string, subscription: Subscription): CostLimit | null {
    const { topicFilter, shareName, queue } = subscription
    if (queue !== undefined) return this.#queueCostLimitFor(clientId, subscription.filter, queue)
    if (shareName !== null && !this.groups.hasRoomFor(subscription, clientId)) {
      return 'shareGroupsPerTopicMax'
    }
    const { filterShapesPerClientMax } = this.#limits
    return this.router.shapes.limitFor(clientId, topicFilter, filterShapesPerClientMax)
  }

  /** A filter of a queue is one more, if the subscription makes the queue. */
  #queueCostLimitFor(clientId: string, filter: string, queue: string): CostLimit | null {
    const topicFilter = queueInFilter(filter)?.topicFilter ?? null
    if (topicFilter === null || this.queues.get(queue) !== null) return null
    return this.router.shapes.limitFor(clientId, topicFilter, this.#limits.filterShapesPerClientMax)
  }

  withoutNoLocal(match: Match<Target>): Match<Target> | null {
    this.#context.turnWorkLeft -= match.subscriptions.length >> OVERLAPS_PER_UNIT_BITS
    return withoutNoLocal(match)
  }

  /** Adds or replaces a subscription; an equal one is not changed. Returns the subscription that is kept. */
  enter(session: Session, asked: Subscription): Subscription {
    const { queueWishes, ...plain } = asked
    const kept = queueWishes === undefined ? asked : plain
    const subscription = asked.shareName === null ? kept : this.groups.asKept(asked)
    if (queueWishes !== undefined) this.queues.createFor(session, subscription, queueWishes)
    const old = session.subscriptions.get(subscription.filter)
    if (old !== undefined && areSame(old, subscription)) return old
    this.restore(session, subscription)
    if (session.isDurable) {
      this.#record(session.clientId, subscription)
    }
    return subscription
  }

  /** Returns those of the matches of the message that want it, where there are expressions. */
  wanted(message: Message, matches: readonly Match<Target>[]): readonly Match<Target>[] {
    return this.#context.expressions.wanted(message, matches, this.router)
  }

  /** Restores a subscription from the store, or replaces one. */
  restore(session: Session, subscription: Subscription): void {
    const { clientId } = session
    const { expressions } = this.#context
    const old = session.subscriptions.get(subscription.filter)
    // Its group collects other messages than the new one.
    if (old !== undefined && old.shareName !== null && old.where !== subscription.where) {
      this.groups.leave(session, old)
    }
    if (old === undefined) this.#add(session, subscription)
    else {
      expressions.left(clientId, old)
      const { memory } = this.#context
      memory.add('subscriptions', subscriptionBytes(subscription) - subscriptionBytes(old))
    }
    expressions.entered(clientId, subscription)
    session.subscriptions.set(subscription.filter, subscription)
    if (subscription.queue !== undefined) this.queues.join(session, subscription)
    else if (subscription.shareName !== null) this.groups.join(session, subscription)
    else {
      this.router.subscribe(session, expressions.routed(subscription), clientId)
      if (old !== undefined) expressions.released(old)
    }
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
    const subscriptions = [...session.subscriptions.values()]
    session.subscriptions.clear()
    for (const subscription of subscriptions) this.#detach(session, subscription)
  }

  /** Subscribes a part of this process. `unlisten` ends it with the same subscription. */
  listen(target: Target, subscription: Subscription): void {
    this.router.subscribe(target, this.#context.expressions.routed(subscription))
  }

  unlisten(target: Target, subscription: Subscription): void {
    const wasThere = this.router.unsubscribe(target, subscription.topicFilter)
    if (wasThere) this.#context.expressions.released(subscription)
  }

  #add(session: Session, subscription: Subscription): void {
    this.#context.memory.add('subscriptions', subscriptionBytes(subscription))
    this.#count += 1
    if (subscription.shareName !== null) this.#sharedCount += 1
    this.#context.holdings.add(session.rights.identity, 'subscriptions', 1)
    session.rights.coverage.entered(subscription.topicFilter)
  }

  #record(clientId: string, subscription: Subscription): void {
    const { journal } = this.#context
    const { where, conflateMs, transactional, ...plain } = subscription
    const { filter } = subscription
    journal.record({ kind: 'subscribed', clientId, subscription: plain })
    if (where !== undefined) journal.record({ kind: 'filtered', clientId, filter, where })
    if (conflateMs !== undefined) {
      journal.record({ kind: 'conflated', clientId, filter, milliseconds: conflateMs })
    }
    if (transactional === true) journal.record({ kind: 'transactional', clientId, filter })
  }

  #detach(session: Session, subscription: Subscription): void {
    this.#context.memory.add('subscriptions', -subscriptionBytes(subscription))
    this.#count -= 1
    if (subscription.shareName !== null) this.#sharedCount -= 1
    this.#context.holdings.add(session.rights.identity, 'subscriptions', -1)
    this.#context.expressions.left(session.clientId, subscription)
    if (subscription.queue !== undefined) this.queues.leave(session, subscription)
    else if (subscription.shareName !== null) this.groups.leave(session, subscription)
    else {
      this.router.unsubscribe(session, subscription.topicFilter)
      this.#context.expressions.released(subscription)
    }
  }
}

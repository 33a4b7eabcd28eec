// All share groups by share name and filter. A group exists from its first member to its last.

import type { Router } from '../routing/router.ts'
import { ShareGroupCounts } from '../routing/share-group-counts.ts'
import { createStrategy, type ShareStrategyName } from '../routing/share-strategy.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import type { QueueBounds } from '../session/message-queue.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import type { ShareMember } from '../session/share-member.ts'
import { type ChosenStrategy, ShareGroup } from '../session/share-group.ts'
import type { Target } from '../session/target.ts'

export interface ShareSettings {
  readonly bounds: QueueBounds
  /** Returns the configured strategy of a group; null if the first subscriber decides. */
  strategyOf(shareName: string, topicFilter: string): ShareStrategyName | null
  /** Returns the configured weight of a member, or null. */
  weightOf(shareName: string, topicFilter: string, clientId: string): number | null
  readonly defaultStrategy: ShareStrategyName
  readonly random: () => number
}

export class ShareGroups {
  readonly #groups = new Map<string, ShareGroup>()
  readonly #counts = new ShareGroupCounts()
  readonly #router: Router<Target>
  readonly #settings: ShareSettings
  readonly #context: SessionContext

  constructor(router: Router<Target>, settings: ShareSettings, context: SessionContext) {
    this.#router = router
    this.#settings = settings
    this.#context = context
  }

  get all(): Iterable<ShareGroup> {
    return this.#groups.values()
  }

  get(shareName: string, topicFilter: string): ShareGroup | null {
    return this.#groups.get(keyOf(shareName, topicFilter)) ?? null
  }

  /** Whether the group exists or the client may make it. */
  hasRoomFor(shareName: string, topicFilter: string, clientId: string): boolean {
    if (this.#groups.has(keyOf(shareName, topicFilter))) return true
    const { shareGroupsPerTopicMax } = this.#context.limits
    return this.#counts.hasRoomFor(topicFilter, clientId, shareGroupsPerTopicMax)
  }

  /**
   * Returns the subscription in the form in which it is kept: with the strategy that the group uses. So the group has the
   * same strategy after a restart, whichever member is restored first.
   */
  asKept(subscription: Subscription): Subscription {
    const { strategy, ...rest } = subscription
    const { shareName, topicFilter } = subscription
    const wish = this.#wishIn(shareName ?? '', topicFilter, strategy ?? null)
    return wish === null ? rest : { ...rest, strategy: wish }
  }

  join(session: Session, subscription: Subscription): void {
    const { shareName, topicFilter } = subscription
    const group = this.find(shareName ?? '', topicFilter, subscription.strategy, session.clientId)
    const configured = this.#settings.weightOf(shareName ?? '', topicFilter, session.clientId)
    group.join(session, subscription, configured ?? subscription.weight ?? 1)
  }

  leave(session: Session, subscription: Subscription): void {
    const key = keyOf(subscription.shareName ?? '', subscription.topicFilter)
    const group = this.#groups.get(key)
    if (group === undefined) return
    group.leave(session)
    this.endIfEmpty(group)
  }

  endIfEmpty(group: ShareGroup): void {
    if (group.memberCount > 0) return
    group.end()
    const { shareName, topicFilter } = group.owner
    this.#groups.delete(keyOf(shareName, topicFilter))
    this.#counts.remove(topicFilter, group.countedFor)
    this.#router.unsubscribe(group, topicFilter)
  }

  /** Returns the group, and makes it if there is none. Its filter is then counted for the client `clientId`. */
  find(
    shareName: string,
    topicFilter: string,
    wish?: ShareStrategyName,
    clientId: string | null = null,
  ): ShareGroup {
    const key = keyOf(shareName, topicFilter)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const { bounds } = this.#settings
    const chosen = this.#choose(shareName, topicFilter, wish ?? null)
    const group = new ShareGroup({ shareName, topicFilter }, chosen, bounds, this.#context)
    this.#groups.set(key, group)
    group.countedFor = this.#counts.add(topicFilter, clientId)
    this.#router.subscribe(group, wholeSubscription(topicFilter), clientId)
    return group
  }

  /** The strategy that the first subscriber asked for. It is used if the configuration has none. */
  #wishIn(
    shareName: string,
    topicFilter: string,
    wish: ShareStrategyName | null,
  ): ShareStrategyName | null {
    const group = this.#groups.get(keyOf(shareName, topicFilter))
    if (group !== undefined) return group.chosen.wish
    return this.#settings.strategyOf(shareName, topicFilter) === null ? wish : null
  }

  #choose(shareName: string, topicFilter: string, wish: ShareStrategyName | null): ChosenStrategy {
    const { defaultStrategy, random } = this.#settings
    const configured = this.#settings.strategyOf(shareName, topicFilter)
    const name = configured ?? wish ?? defaultStrategy
    return {
      strategy: createStrategy<ShareMember>(name, random),
      wish: configured === null ? wish : null,
      name,
      isWeighted: name === 'weighted',
    }
  }
}

// A share name contains no slash [MQTT-4.8.2-1], so the key is unique.
function keyOf(shareName: string, topicFilter: string): string {
  return `${shareName}/${topicFilter}`
}

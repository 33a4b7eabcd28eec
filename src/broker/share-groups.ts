// All share groups by share name and filter. A group exists from its first member to its last.

import type { Router } from '../routing/router.ts'
import { ShareGroupCounts } from '../routing/share-group-counts.ts'
import { createStrategy, type ShareStrategyName } from '../routing/share-strategy.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import type { QueueBounds } from '../session/waiting/message-queue.ts'
import type { Session } from '../session/session.ts'
import type { MemberTerms, ShareMember } from '../session/share-group/share-member.ts'
import { type ChosenStrategy, ShareGroup } from '../session/share-group/share-group.ts'
import type { Target } from '../session/target.ts'
import type { Expressions } from './expressions.ts'
import { type GroupsContext, GroupsElsewhere } from './groups-elsewhere.ts'
import {
  type GroupName,
  keyOf,
  type MemberOverride,
  nameOf,
  ShareOverrides,
  type StrategySource,
} from './share-overrides.ts'

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
  readonly overrides: ShareOverrides = new ShareOverrides()
  readonly #groups = new Map<string, ShareGroup>()
  readonly #counts = new ShareGroupCounts()
  readonly #router: Router<Target>
  readonly #settings: ShareSettings
  readonly #context: GroupsContext
  /** Those that other partitions keep. */
  readonly #elsewhere: GroupsElsewhere
  readonly #expressions: Expressions

  constructor(
    router: Router<Target>,
    settings: ShareSettings,
    context: GroupsContext,
    expressions: Expressions,
  ) {
    this.#expressions = expressions
    this.#router = router
    this.#settings = settings
    this.#context = context
    this.#elsewhere = new GroupsElsewhere(context, this.#counts)
  }

  get all(): Iterable<ShareGroup> {
    return this.#groups.values()
  }

  get(name: GroupName): ShareGroup | null {
    return this.#groups.get(keyOf(name)) ?? null
  }

  /** Whether the group exists or the client may make it. */
  hasRoomFor(subscription: Subscription, clientId: string): boolean {
    const { topicFilter } = subscription
    const name = nameOf(subscription)
    if (this.#context.peers?.isAddressable(name, clientId) === false) return false
    const key = keyOf(name)
    if (this.#groups.has(key) || this.#elsewhere.has(name)) return true
    const { shareGroupsPerTopicMax } = this.#context.limits
    return this.#counts.hasRoomFor(topicFilter, clientId, shareGroupsPerTopicMax)
  }

  /**
   * Returns the subscription in the form in which it is kept: with the strategy that the group uses. So the group has the
   * same strategy after a restart, whichever member is restored first.
   */
  asKept(subscription: Subscription): Subscription {
    const { strategy, ...rest } = subscription
    const wish = this.#wishIn(nameOf(subscription), strategy ?? null)
    return wish === null ? rest : { ...rest, strategy: wish }
  }

  join(session: Session, subscription: Subscription): void {
    if (this.#elsewhere.join(session, subscription, nameOf(subscription))) return
    const group = this.find(nameOf(subscription), subscription.strategy, session.clientId)
    const wish = subscription.strategy ?? null
    // It was restored before its members, which are of other partitions.
    if (group.memberCount === 0 && this.#nameFor(group.owner, wish) !== group.chosen.name) {
      group.choose(this.#chosenFor(group.owner, wish))
    }
    group.join(session, subscription, this.#termsOf(group.owner, session.clientId, subscription))
  }

  /** Who has chosen the strategy of the group. */
  sourceOf({ owner, chosen }: ShareGroup): StrategySource {
    if (this.overrides.strategyOf(owner) !== null) return 'administrator'
    const { shareName, topicFilter } = owner
    if (this.#settings.strategyOf(shareName, topicFilter) !== null) return 'configuration'
    return chosen.wish === null ? 'default' : 'subscriber'
  }

  /** Chooses among the members of a group as an administrator says; null for as it was before. */
  setStrategy(group: ShareGroup, strategy: ShareStrategyName | null): void {
    this.overrides.setStrategy(group.owner, strategy)
    this.#update(group)
  }

  setMember(group: ShareGroup, clientId: string, change: Partial<MemberOverride>): void {
    const member = group.memberOf(clientId)
    if (member === undefined) return
    const before = this.overrides.memberOf(group.owner, clientId) ?? NO_OVERRIDE
    this.overrides.setMember(group.owner, clientId, { ...before, ...change })
    this.#rejoin(group, member)
  }

  /** Forgets all that an administrator has set for the group. Returns false when there was nothing. */
  reset(name: GroupName): boolean {
    const clientIds = this.overrides.remove(name)
    const group = this.get(name)
    if (clientIds === null || group === null) return clientIds !== null
    this.#update(group)
    for (const clientId of clientIds) {
      const member = group.memberOf(clientId)
      if (member !== undefined) this.#rejoin(group, member)
    }
    return true
  }

  leave(session: Session, subscription: Subscription): void {
    if (this.#elsewhere.leave(session, nameOf(subscription))) return
    const group = this.#groups.get(keyOf(nameOf(subscription)))
    if (group === undefined) return
    group.leave(session)
    this.endIfEmpty(group)
  }

  endIfEmpty(group: ShareGroup): void {
    if (group.memberCount > 0) return
    group.end()
    const { topicFilter, where } = group.owner
    this.#groups.delete(keyOf(group.owner))
    this.#counts.remove(topicFilter, group.countedFor)
    this.#router.unsubscribe(group, topicFilter)
    this.#expressions.released(wholeSubscription(topicFilter, where))
  }

  /** Returns the group, and makes it if there is none. Its filter is then counted for the client `clientId`. */
  find(name: GroupName, wish?: ShareStrategyName, clientId: string | null = null): ShareGroup {
    const { topicFilter, where } = name
    const key = keyOf(name)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const { bounds } = this.#settings
    const chosen = this.#chosenFor(name, wish ?? null)
    const group = new ShareGroup(name, chosen, bounds, this.#context)
    this.#groups.set(key, group)
    group.countedFor = this.#counts.add(topicFilter, clientId)
    const whole = this.#expressions.routed(wholeSubscription(topicFilter, where))
    this.#router.subscribe(group, whole, clientId)
    return group
  }

  /** The strategy that the first subscriber asked for. It is used if the configuration has none. */
  #wishIn(name: GroupName, wish: ShareStrategyName | null): ShareStrategyName | null {
    const { shareName, topicFilter } = name
    const group = this.get(name) ?? undefined
    if (group !== undefined) return group.chosen.wish
    return this.#settings.strategyOf(shareName, topicFilter) === null ? wish : null
  }

  #update(group: ShareGroup): void {
    const { name, wish } = group.chosen
    if (this.#nameFor(group.owner, wish) === name) return
    group.choose(this.#chosenFor(group.owner, wish))
  }

  #rejoin(group: ShareGroup, { session, subscription }: ShareMember): void {
    group.join(session, subscription, this.#termsOf(group.owner, session.clientId, subscription))
    // It reports what it can take now, and the group hands out what it was not to have.
    session.pump()
    group.pump()
  }

  #termsOf(group: GroupName, clientId: string, { weight }: Subscription): MemberTerms {
    const override = this.overrides.memberOf(group, clientId) ?? NO_OVERRIDE
    const configured = this.#settings.weightOf(group.shareName, group.topicFilter, clientId)
    return {
      weight: override.weight ?? configured ?? weight ?? 1,
      isDrained: override.isDrained,
    }
  }

  #chosenFor(group: GroupName, wish: ShareStrategyName | null): ChosenStrategy {
    const name = this.#nameFor(group, wish)
    const configured = this.#settings.strategyOf(group.shareName, group.topicFilter)
    return {
      strategy: createStrategy<ShareMember>(name, this.#settings.random),
      wish: configured === null ? wish : null,
      name,
      isWeighted: name === 'weighted',
    }
  }

  #nameFor(group: GroupName, wish: ShareStrategyName | null): ShareStrategyName {
    const { shareName, topicFilter } = group
    const configured = this.#settings.strategyOf(shareName, topicFilter)
    return this.overrides.strategyOf(group) ?? configured ?? wish ?? this.#settings.defaultStrategy
  }
}

const NO_OVERRIDE: MemberOverride = { weight: null, isDrained: false }

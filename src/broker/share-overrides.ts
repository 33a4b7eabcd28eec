// What an administrator has set for share groups while the broker runs. It comes before the configuration and the wishes of
// clients, and stays when a group ends, because the members of many groups go and come back.

import type { ShareStrategyName } from '../routing/share-strategy.ts'

/** Who may choose the strategy of a group; whoever is first here is heard. */
export const STRATEGY_SOURCES = ['administrator', 'configuration', 'subscriber', 'default'] as const
export type StrategySource = (typeof STRATEGY_SOURCES)[number]

export interface GroupName {
  readonly shareName: string
  readonly topicFilter: string
  /** The expression of its subscriptions; left out for none. */
  readonly where?: string
}

/** Returns the name of a group, or of that of a subscription, and nothing else of it. */
export function nameOf({
  shareName,
  topicFilter,
  where,
}: Omit<GroupName, 'shareName'> & { readonly shareName: string | null }): GroupName {
  return { shareName: shareName ?? '', topicFilter, ...(where !== undefined && { where }) }
}

export interface MemberOverride {
  /** Null: as the configuration or the client says. */
  readonly weight: number | null
  /** Whether it gets no new messages. */
  readonly isDrained: boolean
}

export interface GroupOverride extends GroupName {
  /** Null: as the configuration or the first subscriber says. */
  readonly strategy: ShareStrategyName | null
  readonly members: readonly (MemberOverride & { readonly clientId: string })[]
}

interface Entry extends GroupName {
  strategy: ShareStrategyName | null
  readonly members: Map<string, MemberOverride>
}

/** The most groups and members with such settings, together. */
const SHARE_OVERRIDES_MAX = 1_000

export class ShareOverrides {
  readonly #groups = new Map<string, Entry>()
  #count = 0

  /** The number of groups and members that have settings. */
  get count(): number {
    return this.#count
  }

  /** Whether the group, or one of its members, may have settings. */
  hasRoomFor(group: GroupName, clientId: string | null): boolean {
    const entry = this.#groups.get(keyOf(group))
    const isNewMember = clientId !== null && entry?.members.has(clientId) !== true
    const more = (entry === undefined ? 1 : 0) + (isNewMember ? 1 : 0)
    return more === 0 || this.#count + more <= SHARE_OVERRIDES_MAX
  }

  get all(): readonly GroupOverride[] {
    return [...this.#groups.values()].map(entry => ({
      shareName: entry.shareName,
      topicFilter: entry.topicFilter,
      ...(entry.where !== undefined && { where: entry.where }),
      strategy: entry.strategy,
      members: [...entry.members].map(([clientId, member]) => ({ clientId, ...member })),
    }))
  }

  strategyOf(group: GroupName): ShareStrategyName | null {
    return this.#groups.get(keyOf(group))?.strategy ?? null
  }

  memberOf(group: GroupName, clientId: string): MemberOverride | null {
    return this.#groups.get(keyOf(group))?.members.get(clientId) ?? null
  }

  setStrategy(group: GroupName, strategy: ShareStrategyName | null): void {
    const entry = this.#entryOf(group)
    entry.strategy = strategy
    this.#removeIfEmpty(entry)
  }

  setMember(group: GroupName, clientId: string, member: MemberOverride): void {
    const entry = this.#entryOf(group)
    const before = entry.members.size
    if (member.weight === null && !member.isDrained) entry.members.delete(clientId)
    else entry.members.set(clientId, member)
    this.#count += entry.members.size - before
    this.#removeIfEmpty(entry)
  }

  /** Forgets all settings of the group. Returns the members that had some; null when nothing was set for the group. */
  remove(group: GroupName): readonly string[] | null {
    const entry = this.#groups.get(keyOf(group))
    if (entry === undefined) return null
    this.#groups.delete(keyOf(group))
    this.#count -= 1 + entry.members.size
    return [...entry.members.keys()]
  }

  /** Restores what was kept of an earlier run, before the groups are restored. */
  restore(kept: readonly GroupOverride[]): void {
    for (const { members, strategy, ...group } of kept) {
      if (strategy !== null) this.setStrategy(group, strategy)
      for (const { clientId, ...member } of members) this.setMember(group, clientId, member)
    }
  }

  #entryOf({ shareName, topicFilter, where }: GroupName): Entry {
    const name = { shareName, topicFilter, ...(where !== undefined && { where }) }
    const key = keyOf(name)
    let entry = this.#groups.get(key)
    if (entry === undefined) {
      entry = { ...name, strategy: null, members: new Map() }
      this.#groups.set(key, entry)
      this.#count += 1
    }
    return entry
  }

  #removeIfEmpty(entry: Entry): void {
    if (entry.strategy === null && entry.members.size === 0) this.remove(entry)
  }
}

// A share name contains no slash [MQTT-4.8.2-1], and no text U+0000 [MQTT-1.5.4-2], so the key is unique.
export function keyOf({ shareName, topicFilter, where }: GroupName): string {
  const plain = `${shareName}/${topicFilter}`
  return where === undefined ? plain : `${plain}\0${where}`
}

// The share groups that other partitions keep, as far as clients here are members.

import type { ShareGroupCounts } from '../routing/share-group-counts.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import type { Peers } from './peers.ts'
import { type GroupName, keyOf } from './share-overrides.ts'

export interface GroupsContext extends SessionContext {
  /** Null unless this broker is one of several partitions. */
  readonly peers: Peers | null
}

export class GroupsElsewhere {
  readonly #context: GroupsContext
  readonly #counts: ShareGroupCounts
  /** The clients that they are counted for. */
  readonly #countedFor = new Map<string, string | null>()

  constructor(context: GroupsContext, counts: ShareGroupCounts) {
    this.#context = context
    this.#counts = counts
  }

  has(name: GroupName): boolean {
    return this.#countedFor.size > 0 && this.#countedFor.has(keyOf(name))
  }

  /** Returns false, and does nothing, if the group is kept here. */
  join(session: Session, subscription: Subscription, name: GroupName): boolean {
    const group = this.#context.peers?.groupElsewhere(name) ?? null
    if (group === null) return false
    const key = keyOf(name)
    if (!this.#countedFor.has(key)) {
      this.#countedFor.set(key, this.#counts.add(name.topicFilter, session.clientId))
    }
    group.join(session, subscription)
    return true
  }

  /** Returns false, and does nothing, if the group is kept here. */
  leave(session: Session, name: GroupName): boolean {
    const group = this.#context.peers?.groupElsewhere(name) ?? null
    if (group === null) return false
    group.leave(session)
    const key = keyOf(name)
    const countedFor = this.#countedFor.get(key)
    if (group.memberCount > 0 || countedFor === undefined) return true
    this.#countedFor.delete(key)
    this.#counts.remove(name.topicFilter, countedFor)
    return true
  }
}

// The share groups that a session is a member of, and the groups that wait for its report that it can take a message.

import type { GroupOfMember } from './share-group/share-protocol.ts'

export class Memberships<Member> {
  readonly #groups = new Set<GroupOfMember<Member>>()
  /** The waiting groups, longest waiting first. */
  readonly #awaiting: GroupOfMember<Member>[] = []

  get groups(): ReadonlySet<GroupOfMember<Member>> {
    return this.#groups
  }

  joined(group: GroupOfMember<Member>): void {
    this.#groups.add(group)
  }

  left(group: GroupOfMember<Member>): void {
    this.#groups.delete(group)
    const place = this.#awaiting.indexOf(group)
    if (place !== -1) this.#awaiting.splice(place, 1)
  }

  /** Registers the group for one report when the session can take a message. */
  awaits(group: GroupOfMember<Member>): void {
    this.#awaiting.push(group)
  }

  /** Reports to the groups in the order of waiting, so that a group with a long queue does not displace others. */
  tell(member: Member & { readonly canTake: boolean }): void {
    for (let count = this.#awaiting.length; count > 0 && member.canTake; count--) {
      this.#awaiting.shift()?.ready(member)
    }
  }
}

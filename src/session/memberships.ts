// The share groups that a session is a member of, and those of them that wait to hear that it can take a message.

import type { GroupOfMember } from './share-protocol.ts'

export class Memberships<Member> {
  readonly #groups = new Set<GroupOfMember<Member>>()
  /** The one that has waited longest first. */
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

  /** Tells the group once when a message can be taken. */
  awaits(group: GroupOfMember<Member>): void {
    this.#awaiting.push(group)
  }

  /** The group that has waited longest is told first: one with a long queue takes nothing from the others. */
  tell(member: Member & { readonly canTake: boolean }): void {
    for (let count = this.#awaiting.length; count > 0 && member.canTake; count--) {
      this.#awaiting.shift()?.ready(member)
    }
  }
}

// A list of members without an order. Adding, removing and picking by index take constant time.

interface Entry<Member> {
  readonly member: Member
  /** -1 while it is not in the list. */
  place: number
}

export class MemberList<Member> {
  readonly #listed: Entry<Member>[] = []
  /** The entries of all members, also of members that are not in the list now, because most come back soon. */
  readonly #entries = new Map<Member, Entry<Member>>()

  get count(): number {
    return this.#listed.length
  }

  at(place: number): Member | null {
    return this.#listed[place]?.member ?? null
  }

  add(member: Member): void {
    const entry = this.#entryOf(member)
    if (entry.place !== -1) return
    entry.place = this.#listed.length
    this.#listed.push(entry)
  }

  /** Removes a member from the list. The last entry moves to its place. */
  remove(member: Member): void {
    const entry = this.#entries.get(member)
    if (entry === undefined || entry.place === -1) return
    const { place } = entry
    entry.place = -1
    const last = this.#listed.pop()
    if (last === undefined || last === entry) return
    this.#listed[place] = last
    last.place = place
  }

  /** Removes a member and its entry. */
  forget(member: Member): void {
    this.remove(member)
    this.#entries.delete(member)
  }

  #entryOf(member: Member): Entry<Member> {
    const known = this.#entries.get(member)
    if (known !== undefined) return known
    const entry = { member, place: -1 }
    this.#entries.set(member, entry)
    return entry
  }
}

// Members in no order: added, removed and picked by number in the same time, however many there are.

interface Entry<Member> {
  readonly member: Member
  /** -1 while it is not in the list. */
  place: number
}

export class MemberList<Member> {
  readonly #listed: Entry<Member>[] = []
  /** Also of members that are out of the list for now: most come back soon. */
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

  /** The last one moves to the place that becomes free. */
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

  /** Removes it for good. */
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

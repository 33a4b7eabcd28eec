// Members in no order: added, removed and picked by number in the same time, however many there are.

export class MemberList<Member> {
  readonly #members: Member[] = []
  readonly #places = new Map<Member, number>()

  get count(): number {
    return this.#members.length
  }

  at(place: number): Member | null {
    return this.#members[place] ?? null
  }

  add(member: Member): void {
    if (this.#places.has(member)) return
    this.#places.set(member, this.#members.length)
    this.#members.push(member)
  }

  /** The last one moves to the place that becomes free. */
  remove(member: Member): void {
    const place = this.#places.get(member)
    if (place === undefined) return
    this.#places.delete(member)
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[place] = last
    this.#places.set(last, place)
  }
}

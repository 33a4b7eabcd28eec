// Multi-probe consistent hashing (Appleton and O'Reilly, 2015). Each member is one point on a ring. A key has several
// probes on the ring and belongs to the member with the smallest distance behind any probe. When a member joins, keys
// move only to it; when a member leaves, only its own keys move.

import { mixed, textHash } from './text-hash.ts'

/** With this many probes the busiest of 100 members has about a quarter more than its share. */
const PROBES = 13
const RING = 2 ** 32
/** The distance between the probes of a key: 2^32 divided by the golden ratio. */
const PROBE_STEP = 0x9e3779b9

interface Point<Member> {
  readonly at: number
  readonly member: Member
}

export class HashRing<Member extends { readonly clientId: string }> {
  /** The ring in equal slices, each sorted, so that a look-up begins near its result. */
  #slices: Point<Member>[][] = [[]]
  readonly #points = new Map<Member, Point<Member>>()

  add(member: Member): void {
    if (this.#points.has(member)) return
    const point = { at: mixed(textHash(member.clientId)), member }
    this.#points.set(member, point)
    if (this.#points.size > this.#slices.length) this.#cutInto(this.#slices.length * 2)
    else this.#insert(point)
  }

  remove(member: Member): void {
    const point = this.#points.get(member)
    if (point === undefined) return
    this.#points.delete(member)
    const slice = this.#sliceAt(point.at)
    slice.splice(slice.indexOf(point), 1)
    const { length } = this.#slices
    if (length > 1 && this.#points.size < length / 8) this.#cutInto(length / 2)
  }

  /** Returns the member of the key; null when there are no members. */
  ownerOf(key: string): Member | null {
    if (this.#points.size === 0) return null
    const hash = textHash(key)
    let owner: Member | null = null
    let nearest = Infinity
    for (let probe = 0; probe < PROBES; probe++) {
      const from = mixed(hash + Math.imul(probe, PROBE_STEP))
      const point = this.#firstFrom(from)
      const distance = point.at >= from ? point.at - from : point.at - from + RING
      if (distance < nearest) {
        nearest = distance
        owner = point.member
      }
    }
    return owner
  }

  #firstFrom(from: number): Point<Member> {
    const index = this.#indexOf(from)
    for (const point of this.#sliceAt(from)) {
      if (point.at >= from) return point
    }
    // At most once around the ring, up to the points of this slice before the probe.
    for (let step = 1; ; step++) {
      const point = this.#slices[(index + step) % this.#slices.length]?.[0]
      if (point !== undefined) return point
    }
  }

  #insert(point: Point<Member>): void {
    const slice = this.#sliceAt(point.at)
    const place = slice.findIndex(other => isBefore(point, other))
    slice.splice(place === -1 ? slice.length : place, 0, point)
  }

  #cutInto(count: number): void {
    this.#slices = Array.from({ length: count }, () => [])
    for (const point of this.#points.values()) this.#insert(point)
  }

  #sliceAt(at: number): Point<Member>[] {
    return this.#slices[this.#indexOf(at)] ?? []
  }

  #indexOf(at: number): number {
    return Math.floor((at / RING) * this.#slices.length)
  }
}

/** Two client ids may have the same point. Then the order of the ids decides, not the order of joining. */
function isBefore(
  one: Point<{ readonly clientId: string }>,
  other: Point<{ readonly clientId: string }>,
): boolean {
  return one.at === other.at ? one.member.clientId < other.member.clientId : one.at < other.at
}

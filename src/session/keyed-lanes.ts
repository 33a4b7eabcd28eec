// What waits in a share group whose strategy binds each key to a member: a lane for each key that has messages waiting.
// Who owns a key changes as members come and go. The messages do not move then: the lanes are bound anew, a few in
// each turn, and each at the latest when its turn comes.

import { type Message, textBytes } from '../message.ts'
import { type HeapEntry, MemberHeap } from '../routing/member-heap.ts'
import type { Delivery } from './delivery.ts'
import type { KeptBytes } from './kept-bytes.ts'
import { type Expired, Lane, type Lanes } from './lane.ts'

/** A member, as far as lanes are concerned. */
interface LaneOwner<Owner> {
  readonly lanes: MemberHeap<KeyLane<Owner>>
}

/** How keys are bound to members at the moment. */
export interface Binding<Owner> {
  keyOf(message: Message): string | null
  ownerOf(message: Message): Owner | null
}

/** A lane with its place in the map, among all and among those of its owner. */
const LANE_BYTES = 900

function laneBytes(key: string): number {
  return LANE_BYTES + textBytes(key)
}

/** The messages of one key. Among those of its owner its place goes by its oldest message. */
export class KeyLane<Owner> implements HeapEntry {
  readonly key: string
  readonly line: Lane = new Lane()
  owner: Owner | null = null
  /** Up to which change of members its owner is known to be right. */
  boundAt = -1
  rank = 0
  readonly turn = 0
  place = -1
  /** Its place among all lanes. */
  readonly age: { readonly lane: KeyLane<Owner>; rank: number; turn: number; place: number }

  constructor(key: string) {
    this.key = key
    this.age = { lane: this, rank: 0, turn: 0, place: -1 }
  }
}

export class KeyedLanes<Owner extends LaneOwner<Owner>> implements Lanes {
  readonly #binding: Binding<Owner>
  readonly #kept: KeptBytes
  readonly #lanes = new Map<string, KeyLane<Owner>>()
  readonly #byAge = new MemberHeap<KeyLane<Owner>['age']>()
  /** Owners to look at: they may be able to take something. */
  readonly #awake = new Set<Owner>()
  /** Counts the changes of members. */
  #changes = 0
  /** The walk over all lanes that binds them anew, and the change that it began after. */
  #walk: Iterator<KeyLane<Owner>> | null = null
  #walkedFor = 0
  #length = 0

  constructor(binding: Binding<Owner>, kept: KeptBytes) {
    this.#binding = binding
    this.#kept = kept
  }

  get length(): number {
    return this.#length
  }

  get isBoundAnew(): boolean {
    return this.#walk !== null
  }

  /** The key of this message has nothing waiting: the next may pass. */
  isFreeFor(message: Message): boolean {
    return !this.#lanes.has(this.#binding.keyOf(message) ?? '')
  }

  add(delivery: Delivery): void {
    const lane = this.#laneFor(delivery.message)
    lane.line.add(delivery)
    this.#length += 1
    if (lane.line.length === 1) this.#seat(lane)
  }

  putBack(delivery: Delivery): void {
    const lane = this.#laneFor(delivery.message)
    lane.line.putBack(delivery)
    this.#length += 1
    this.#seat(lane)
  }

  peek(): Delivery | undefined {
    return this.#byAge.first?.lane.line.peek()
  }

  shift(): Delivery | undefined {
    const oldest = this.#byAge.first
    return oldest === null ? undefined : this.shiftFrom(oldest.lane)
  }

  shiftFrom(lane: KeyLane<Owner>): Delivery | undefined {
    const delivery = lane.line.shift()
    if (delivery === undefined) return undefined
    this.#length -= 1
    this.#seat(lane)
    return delivery
  }

  expire(now: number, max: number): Expired {
    const deliveries: Delivery[] = []
    let nextAt = Infinity
    for (const lane of this.#lanes.values()) {
      const expired = lane.line.expire(now, max - deliveries.length)
      for (const delivery of expired.deliveries) deliveries.push(delivery)
      nextAt = Math.min(nextAt, expired.nextAt)
      if (expired.deliveries.length === 0) continue
      this.#length -= expired.deliveries.length
      this.#seat(lane)
    }
    return { deliveries, nextAt }
  }

  /** A member came or went: keys may belong to others now. */
  ownersChanged(): void {
    this.#changes += 1
    if (this.#walk === null) this.#beginWalk()
  }

  /** Binds one more lane anew. A walk that was overtaken by another change is followed by one more. */
  bindNext(): void {
    if (this.#walk === null) return
    const next = this.#walk.next()
    if (next.done !== true) {
      this.#bind(next.value)
      return
    }
    this.#walk = null
    if (this.#walkedFor !== this.#changes) this.#beginWalk()
  }

  /** The owner may be able to take something. */
  wakes(owner: Owner): void {
    if (owner.lanes.first !== null) this.#awake.add(owner)
  }

  /** Those to look at, until they are told to sleep. */
  get awake(): Iterable<Owner> {
    return this.#awake
  }

  sleeps(owner: Owner): void {
    this.#awake.delete(owner)
  }

  /** Whether the lane is still this owner's. If not, it is bound anew. */
  isOf(lane: KeyLane<Owner>, owner: Owner): boolean {
    this.#bind(lane)
    return lane.owner === owner
  }

  /** All that waits, lane by lane. */
  all(): Delivery[] {
    const all: Delivery[] = []
    for (const { line } of this.#lanes.values()) for (const one of line.all()) all.push(one)
    return all
  }

  #beginWalk(): void {
    if (this.#length === 0) return
    this.#walk = this.#lanes.values()
    this.#walkedFor = this.#changes
  }

  #laneFor(message: Message): KeyLane<Owner> {
    const key = this.#binding.keyOf(message) ?? ''
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = new KeyLane(key)
      this.#lanes.set(key, lane)
      this.#kept.add('lanes', laneBytes(key))
    }
    return lane
  }

  /** Its oldest message is another one now. */
  #seat(lane: KeyLane<Owner>): void {
    const first = lane.line.peek()
    if (first === undefined) {
      this.#lanes.delete(lane.key)
      this.#kept.add('lanes', -laneBytes(lane.key))
      this.#byAge.remove(lane.age)
      lane.owner?.lanes.remove(lane)
      return
    }
    lane.rank = first.message.sequence
    lane.age.rank = lane.rank
    if (lane.age.place === -1) this.#byAge.insert(lane.age)
    else this.#byAge.reseat(lane.age)
    if (lane.place !== -1) lane.owner?.lanes.reseat(lane)
    this.#bind(lane)
  }

  #bind(lane: KeyLane<Owner>): void {
    const first = lane.line.peek()
    if (lane.boundAt === this.#changes || first === undefined) return
    lane.boundAt = this.#changes
    const owner = this.#binding.ownerOf(first.message)
    if (owner === lane.owner) return
    lane.owner?.lanes.remove(lane)
    lane.owner = owner
    if (owner === null) return
    owner.lanes.insert(lane)
    this.#awake.add(owner)
  }
}

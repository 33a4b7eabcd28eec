// The messages of a queue with an order: a lane for each key, of which one message at a time is with a consumer. A lane is free
// while none is. A message without a key is in a lane that is always free.

import { type Message, textBytes } from '../../message.ts'
import { type HeapEntry, MemberHeap } from '../../routing/member-heap.ts'
import type { Delivery } from '../delivery.ts'
import { type DeliveryQueue, type Expired, FifoQueue, numberOf } from '../waiting/fifo-queue.ts'
import type { MemoryAccount } from '../memory-account.ts'
import type { KeyOf } from '../../routing/queue-settings.ts'

/** The heap bytes of a lane with its entries in the map and in two heaps. */
const LANE_BYTES = 900

class Lane {
  readonly key: string | null
  readonly deliveries: FifoQueue = new FifoQueue(numberOf)
  /** How many of its messages are with consumers, or wait to be handed out again. */
  taken = 0
  readonly age: LaneEntry = { lane: this, rank: 0, turn: 0, place: -1 }
  readonly free: LaneEntry = { lane: this, rank: 0, turn: 0, place: -1 }

  constructor(key: string | null) {
    this.key = key
  }
}

interface LaneEntry extends HeapEntry {
  readonly lane: Lane
}

export class KeyLanes implements DeliveryQueue {
  readonly #keyOf: KeyOf
  readonly #memory: MemoryAccount
  readonly #lanes = new Map<string, Lane>()
  readonly #unbound = new Lane(null)
  readonly #byAge = new MemberHeap<LaneEntry>()
  /** The lanes that are free and have a message. */
  readonly #free = new MemberHeap<LaneEntry>()
  #length = 0

  constructor(keyOf: KeyOf, memory: MemoryAccount) {
    this.#keyOf = keyOf
    this.#memory = memory
  }

  get length(): number {
    return this.#length
  }

  /** The oldest message of a free lane. */
  get next(): Delivery | undefined {
    return this.#free.first?.lane.deliveries.peek()
  }

  /** Takes out what `next` is. Its lane is to be occupied by whoever hands it out. */
  shiftNext(): Delivery | undefined {
    const entry = this.#free.first
    return entry === null ? undefined : this.#shiftFrom(entry.lane)
  }

  /** Whether a new message of this key may be handed out at once. */
  isFreeFor(message: Message): boolean {
    const key = this.#keyOf(message)
    const lane = key === null ? this.#unbound : this.#lanes.get(key)
    return lane === undefined || (lane.deliveries.length === 0 && isFree(lane))
  }

  /** A message of the key was taken. */
  occupy(message: Message): void {
    const key = this.#keyOf(message)
    if (key === null) return
    const lane = this.#laneOf(key)
    lane.taken += 1
    this.#placed(lane)
  }

  /** It was settled, or put back. Returns whether another may be handed out now. */
  release(message: Message): boolean {
    const key = this.#keyOf(message)
    const lane = key === null ? undefined : this.#lanes.get(key)
    if (lane === undefined || lane.taken === 0) return false
    lane.taken -= 1
    this.#placed(lane)
    return lane.free.place !== -1
  }

  add(delivery: Delivery): void {
    const lane = this.#laneFor(delivery.message)
    lane.deliveries.add(delivery)
    this.#length += 1
    if (lane.deliveries.length === 1) this.#placed(lane)
  }

  putBack(delivery: Delivery): void {
    const lane = this.#laneFor(delivery.message)
    lane.deliveries.putBack(delivery)
    this.#length += 1
    this.#placed(lane)
  }

  peek(): Delivery | undefined {
    return this.#byAge.first?.lane.deliveries.peek()
  }

  shift(): Delivery | undefined {
    const oldest = this.#byAge.first
    return oldest === null ? undefined : this.#shiftFrom(oldest.lane)
  }

  all(): readonly Delivery[] {
    return [this.#unbound, ...this.#lanes.values()].flatMap(({ deliveries }) => deliveries.all())
  }

  givenBack(): readonly Delivery[] {
    return [this.#unbound, ...this.#lanes.values()].flatMap(({ deliveries }) =>
      deliveries.givenBack(),
    )
  }

  expire(now: number, max: number): Expired {
    const deliveries: Delivery[] = []
    let nextAt = Infinity
    for (const lane of [this.#unbound, ...this.#lanes.values()]) {
      const expired = lane.deliveries.expire(now, max - deliveries.length)
      for (const delivery of expired.deliveries) deliveries.push(delivery)
      nextAt = Math.min(nextAt, expired.nextAt)
      if (expired.deliveries.length === 0) continue
      this.#length -= expired.deliveries.length
      this.#placed(lane)
    }
    return { deliveries, nextAt }
  }

  #shiftFrom(lane: Lane): Delivery | undefined {
    const delivery = lane.deliveries.shift()
    if (delivery === undefined) return undefined
    this.#length -= 1
    this.#placed(lane)
    return delivery
  }

  #laneFor(message: Message): Lane {
    const key = this.#keyOf(message)
    return key === null ? this.#unbound : this.#laneOf(key)
  }

  #laneOf(key: string): Lane {
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane = new Lane(key)
    this.#lanes.set(key, lane)
    this.#memory.add('keys', LANE_BYTES + textBytes(key))
    return lane
  }

  /** Must be called when the oldest message of the lane, or whether it is free, has changed. */
  #placed(lane: Lane): void {
    const first = lane.deliveries.peek()
    if (first === undefined) {
      this.#byAge.remove(lane.age)
      this.#free.remove(lane.free)
      if (lane.key === null || lane.taken > 0 || !this.#lanes.delete(lane.key)) return
      this.#memory.add('keys', -LANE_BYTES - textBytes(lane.key))
      return
    }
    place(this.#byAge, lane.age, first)
    if (isFree(lane)) place(this.#free, lane.free, first)
    else this.#free.remove(lane.free)
  }
}

function isFree({ key, taken }: Lane): boolean {
  return key === null || taken === 0
}

function place(heap: MemberHeap<LaneEntry>, entry: LaneEntry, first: Delivery): void {
  entry.rank = numberOf(first)
  if (entry.place === -1) heap.insert(entry)
  else heap.reposition(entry)
}

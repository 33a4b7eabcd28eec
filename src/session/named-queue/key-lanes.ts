// The messages of a queue with an order: a lane for each key, of which one message at a time is with a consumer. A lane is free
// while none is. A message without a key is in a lane that is always free.

import { type Message, textBytes } from '../../message.ts'
import { type HeapEntry, MemberHeap } from '../../routing/member-heap.ts'
import type { Delivery } from '../delivery.ts'
import {
  type DeliveryQueue,
  type Expired,
  expireParts,
  FifoQueue,
  numberOf,
} from '../waiting/fifo-queue.ts'
import type { MemoryAccount } from '../memory-account.ts'
import type { KeyOf } from '../../routing/queue-settings.ts'
import { type Newest, NewestInStore } from './newest-in-store.ts'
import { sizeOf } from '../waiting/queue-tail.ts'

/** The heap bytes of a lane with its entries in the map and in two heaps. */
const LANE_BYTES = 900

class Lane {
  readonly key: string | null
  readonly deliveries: FifoQueue = new FifoQueue(numberOf)
  /** How many of its messages are with consumers, or wait to be handed out again. */
  taken = 0
  /** The number of the one that was taken last. */
  lastTaken = 0
  readonly age: LaneEntry = { lane: this, rank: 0, turn: 0, place: -1 }
  readonly free: LaneEntry = { lane: this, rank: 0, turn: 0, place: -1 }

  constructor(key: string | null) {
    this.key = key
  }
}

/** The message is out of the lanes. */
type Replaced = (delivery: Delivery) => void

interface LaneEntry extends HeapEntry {
  readonly lane: Lane
}

// Wide on purpose: each way of a message in and out, and what `latestByKey` asks about a key.
export class KeyLanes implements DeliveryQueue {
  readonly #keyOf: KeyOf
  readonly #memory: MemoryAccount
  readonly #lanes = new Map<string, Lane>()
  readonly #unbound = new Lane(null)
  readonly #byAge = new MemberHeap<LaneEntry>()
  /** The lanes that are free and have a message. */
  readonly #free = new MemberHeap<LaneEntry>()
  #length = 0
  /** With `latestByKey`: what is newest in the store, and who is given a message that a newer one has replaced. Otherwise null. */
  readonly #newest: NewestInStore | null
  readonly #replaced: Replaced | null

  constructor(keyOf: KeyOf, memory: MemoryAccount, replaced: Replaced | null) {
    this.#keyOf = keyOf
    this.#memory = memory
    this.#replaced = replaced
    this.#newest = replaced === null ? null : new NewestInStore(memory)
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
  occupy(message: Message, number: number): void {
    const key = this.#keyOf(message)
    if (key === null) return
    const lane = this.#laneOf(key)
    lane.taken += 1
    lane.lastTaken = number
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
    if (this.#isOutdated(delivery)) return
    const lane = this.#laneFor(delivery.message)
    lane.deliveries.add(delivery)
    this.#length += 1
    if (lane.deliveries.length === 1) this.#placed(lane)
  }

  putBack(delivery: Delivery): void {
    if (this.#isOutdated(delivery)) return
    const lane = this.#laneFor(delivery.message)
    lane.deliveries.putBack(delivery)
    this.#length += 1
    this.#placed(lane)
  }

  inStore({ message, stored, identifiers }: Delivery): void {
    const key = this.#newest === null ? null : this.#keyOf(message)
    if (key === null) return
    const bytes = sizeOf({ message, identifiers })
    this.#newest?.set(key, { stored, sequence: message.sequence, bytes })
  }

  /** One in the store has expired. */
  leftStore({ message, stored }: Delivery): void {
    const key = this.#newest === null ? null : this.#keyOf(message)
    if (key !== null && this.#newest?.get(key)?.stored === stored) this.#newest.delete(key)
  }

  /** Whether a newer one of its key waits. */
  hasNewer(message: Message): boolean {
    const key = this.#keyOf(message)
    if (key === null) return false
    const newest = this.#newest?.get(key)
    const waiting = this.#lanes.get(key)?.deliveries.peek()
    const inMemory = waiting?.message.sequence ?? 0
    return Math.max(newest?.sequence ?? 0, inMemory) > message.sequence
  }

  /** Whether any of its key waits or was taken. */
  isKnown(message: Message): boolean {
    const key = this.#keyOf(message)
    return key !== null && (this.#lanes.has(key) || this.#newest?.get(key) !== undefined)
  }

  /** The number of the one of its key that was taken; 0 for none. */
  takenOf(message: Message): number {
    const key = this.#keyOf(message)
    const lane = key === null ? undefined : this.#lanes.get(key)
    return lane === undefined || lane.taken === 0 ? 0 : lane.lastTaken
  }

  /** Takes out what waits and is older than this message. Returns what of it is in the store. */
  takeOlder(message: Message): Newest | null {
    const key = this.#keyOf(message)
    if (key === null) return null
    this.#takeOlder(key, message)
    const newest = this.#newest?.get(key)
    if (newest === undefined || newest.sequence > message.sequence) return null
    this.#newest?.delete(key)
    return newest
  }

  /** Others have its messages now. */
  ends(): void {
    this.#newest?.clear()
    for (const lane of this.#lanes.values()) {
      lane.taken = 0
      this.#placed(lane)
    }
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
    return expireParts([this.#unbound, ...this.#lanes.values()], now, max, (lane, by) => {
      this.#length -= by
      this.#placed(lane)
    })
  }

  /** With `latestByKey`: takes out what it replaces. Returns whether it is replaced itself. */
  #isOutdated(delivery: Delivery): boolean {
    if (this.#newest === null) return false
    const { message, stored } = delivery
    const key = this.#keyOf(message)
    if (key === null) return false
    if (stored !== 0 && this.#newest.get(key)?.stored === stored) this.#newest.delete(key)
    if (this.hasNewer(message)) {
      this.#replaced?.(delivery)
      return true
    }
    this.#takeOlder(key, message)
    return false
  }

  #takeOlder(key: string, { sequence }: Message): void {
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    for (let next = lane.deliveries.peek(); next !== undefined; next = lane.deliveries.peek()) {
      if (next.message.sequence >= sequence) return
      this.#shiftFrom(lane)
      this.#replaced?.(next)
    }
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

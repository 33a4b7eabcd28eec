// The queue of a share group whose strategy binds each key to a member: one queue for each key with waiting messages.
// The member of a key, its owner, changes when members join or leave. The messages do not move then: the queues get their new
// owners, a few in each turn, and each queue at the latest when its messages are handed out.

import { type Message, textBytes } from '../../message.ts'
import { type HeapEntry, MemberHeap } from '../../routing/member-heap.ts'
import type { Delivery } from '../delivery.ts'
import type { MemoryAccount } from '../memory-account.ts'
import { expireParts, type Expired, FifoQueue, type DeliveryQueue } from './fifo-queue.ts'

/** The part of a member that keyed queues use. */
interface KeyOwner<Owner> {
  readonly queues: MemberHeap<KeyQueue<Owner>>
}

/** The present owners of keys. */
interface Binding<Owner> {
  keyOf(message: Message): string | null
  ownerOf(message: Message): Owner | null
}

/** The heap bytes of a queue with its entries in the map and in two lists. */
const KEY_QUEUE_BYTES = 900

function keyQueueBytes(key: string): number {
  return KEY_QUEUE_BYTES + textBytes(key)
}

/** The messages of one key. The queues of an owner are ordered by their oldest messages. */
export class KeyQueue<Owner> implements HeapEntry {
  readonly key: string
  readonly deliveries: FifoQueue = new FifoQueue()
  owner: Owner | null = null
  /** The last change of members for which the owner was checked. */
  boundAt = -1
  rank = 0
  readonly turn = 0
  place = -1
  /** Its index in the list of all queues. */
  readonly age: { readonly queue: KeyQueue<Owner>; rank: number; turn: number; place: number }

  constructor(key: string) {
    this.key = key
    this.age = { queue: this, rank: 0, turn: 0, place: -1 }
  }
}

export class KeyedQueues<Owner extends KeyOwner<Owner>> implements DeliveryQueue {
  readonly #binding: Binding<Owner>
  readonly #memory: MemoryAccount
  readonly #queues = new Map<string, KeyQueue<Owner>>()
  readonly #byAge = new MemberHeap<KeyQueue<Owner>['age']>()
  /** The owners that may be able to take a message. */
  readonly #candidates = new Set<Owner>()
  /** The number of changes of members. */
  #changes = 0
  /** The pass over all queues that updates owners, and the change of members that it began with. */
  #walk: Iterator<KeyQueue<Owner>> | null = null
  #walkedFor = 0
  #length = 0

  constructor(binding: Binding<Owner>, memory: MemoryAccount) {
    this.#binding = binding
    this.#memory = memory
  }

  get length(): number {
    return this.#length
  }

  get isBoundAnew(): boolean {
    return this.#walk !== null
  }

  /** Whether no message of this key waits, so that the next one may be sent at once. */
  isFreeFor(message: Message): boolean {
    return !this.#queues.has(this.#binding.keyOf(message) ?? '')
  }

  add(delivery: Delivery): void {
    const queue = this.#queueFor(delivery.message)
    queue.deliveries.add(delivery)
    this.#length += 1
    if (queue.deliveries.length === 1) this.#reposition(queue)
  }

  putBack(delivery: Delivery): void {
    const queue = this.#queueFor(delivery.message)
    queue.deliveries.putBack(delivery)
    this.#length += 1
    this.#reposition(queue)
  }

  peek(): Delivery | undefined {
    return this.#byAge.first?.queue.deliveries.peek()
  }

  shift(): Delivery | undefined {
    const oldest = this.#byAge.first
    return oldest === null ? undefined : this.shiftFrom(oldest.queue)
  }

  shiftFrom(queue: KeyQueue<Owner>): Delivery | undefined {
    const delivery = queue.deliveries.shift()
    if (delivery === undefined) return undefined
    this.#length -= 1
    this.#reposition(queue)
    return delivery
  }

  expire(now: number, max: number): Expired {
    return expireParts(this.#queues.values(), now, max, (queue, by) => {
      this.#length -= by
      this.#reposition(queue)
    })
  }

  /** A member joined or left, so keys may have other owners. */
  ownersChanged(): void {
    this.#changes += 1
    if (this.#walk === null) this.#beginWalk()
  }

  /** Updates the owner of one more queue. If members changed during a pass, another pass follows. */
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

  /** Notes that the owner may be able to take a message. */
  addCandidate(owner: Owner): void {
    if (owner.queues.first !== null) this.#candidates.add(owner)
  }

  /** Returns the noted owners, which stay until they are removed. */
  get candidates(): Iterable<Owner> {
    return this.#candidates
  }

  removeCandidate(owner: Owner): void {
    this.#candidates.delete(owner)
  }

  /** Whether the queue still has this owner. If not, it gets its new owner. */
  isOf(queue: KeyQueue<Owner>, owner: Owner): boolean {
    this.#bind(queue)
    return queue.owner === owner
  }

  /** All waiting messages, queue by queue. */
  all(): Delivery[] {
    const all: Delivery[] = []
    for (const { deliveries } of this.#queues.values())
      for (const one of deliveries.all()) all.push(one)
    return all
  }

  #beginWalk(): void {
    if (this.#length === 0) return
    this.#walk = this.#queues.values()
    this.#walkedFor = this.#changes
  }

  #queueFor(message: Message): KeyQueue<Owner> {
    const key = this.#binding.keyOf(message) ?? ''
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      queue = new KeyQueue(key)
      this.#queues.set(key, queue)
      this.#memory.add('keys', keyQueueBytes(key))
    }
    return queue
  }

  /** Must be called when the oldest message of the queue has changed. */
  #reposition(queue: KeyQueue<Owner>): void {
    const first = queue.deliveries.peek()
    if (first === undefined) {
      this.#queues.delete(queue.key)
      this.#memory.add('keys', -keyQueueBytes(queue.key))
      this.#byAge.remove(queue.age)
      queue.owner?.queues.remove(queue)
      return
    }
    queue.rank = first.message.sequence
    queue.age.rank = queue.rank
    if (queue.age.place === -1) this.#byAge.insert(queue.age)
    else this.#byAge.reposition(queue.age)
    if (queue.place !== -1) queue.owner?.queues.reposition(queue)
    this.#bind(queue)
  }

  #bind(queue: KeyQueue<Owner>): void {
    const first = queue.deliveries.peek()
    if (queue.boundAt === this.#changes || first === undefined) return
    queue.boundAt = this.#changes
    const owner = this.#binding.ownerOf(first.message)
    if (owner === queue.owner) return
    queue.owner?.queues.remove(queue)
    queue.owner = owner
    if (owner === null) return
    owner.queues.insert(queue)
    this.#candidates.add(owner)
  }
}

// The tail of a long queue: it lies in the store and is read into memory page by page.

import { strict as assert } from 'node:assert'
import { contentBytes, identifiersBytes, MESSAGE_BYTES } from '../message.ts'
import type { Owner } from '../store/change.ts'
import type { StoredDelivery } from '../store/store.ts'
import { type Delivery, DELIVERY_BYTES, type DeliveryOrigin, restoredDelivery } from './delivery.ts'
import type { MemoryAccount } from './memory-account.ts'
import { drop, isExpired, type PageReader, type SessionContext } from './session-context.ts'

/** What one waiting delivery is counted as besides topic, payload and properties. */
const DELIVERY_OVERHEAD_BYTES = MESSAGE_BYTES + DELIVERY_BYTES

/** Pages are asked for when less than this part of what may be in memory is left there. */
const LOW_PART = 4

/** Expired messages are looked for in the store no more often than this. */
const SEARCH_INTERVAL_MS = 10_000

/** A walk from page to page through all that waits in the store, for what has expired. */
interface Search {
  after: number
  /** Milliseconds before which none of those that were seen expires. */
  nextAt: number
}

/** The queue that it is the tail of. */
export interface TailReader {
  /** The next page has come from the store. */
  paged(deliveries: readonly Delivery[]): void
}

export class QueueTail implements PageReader {
  readonly owner: Owner
  messages = 0
  bytes = 0
  readonly #context: SessionContext
  readonly #origin: DeliveryOrigin | null
  readonly #reader: TailReader
  /** The newest that was read or never left the memory. */
  #after = 0
  /** For whom a page is on its way. */
  #asked: 'next' | 'search' | null = null
  #isWanted = false
  #search: Search | null = null
  #searchAt = 0
  /** Milliseconds before which none of those in the store expires. */
  #expiresAt = Infinity
  /** Those above `after` that are not to come with a page: a member has them, or gave them back. */
  #ahead: Set<number> | null = null

  constructor(
    owner: Owner,
    origin: DeliveryOrigin | null,
    context: SessionContext,
    reader: TailReader,
  ) {
    this.owner = owner
    this.#origin = origin
    this.#context = context
    this.#reader = reader
  }

  get after(): number {
    return this.#asked === 'search' ? (this.#search?.after ?? this.#after) : this.#after
  }

  /** Expired ones are being looked for. */
  get isSearched(): boolean {
    return this.#search !== null
  }

  get memory(): MemoryAccount {
    return this.#context.memory
  }

  /** Leaves the delivery in the store if those before it are there, or memory holds enough of the queue. */
  takes(delivery: Delivery, inMemory: number, bytesInMemory: number): boolean {
    if (delivery.stored === 0) return false
    const { queuedInMemoryMax, queuedInMemoryBytesMax } = this.#context.limits
    const isShort = inMemory < queuedInMemoryMax && bytesInMemory < queuedInMemoryBytesMax
    const hasRoom = isShort && this.memory.hasRoom
    if (this.messages === 0 && hasRoom) {
      this.#passes(delivery.stored)
      return false
    }
    this.messages += 1
    this.bytes += sizeOf(delivery)
    this.#expiresAt = Math.min(this.#expiresAt, delivery.message.expiresAt)
    return true
  }

  /** What waited when the broker began: `first` in memory, and this much behind it. */
  restore(first: readonly Delivery[], messages: number, bytes: number): void {
    for (const { stored } of first) this.#passes(stored)
    this.messages = messages
    this.bytes = bytes + messages * DELIVERY_OVERHEAD_BYTES
    // Nobody knows before they are read.
    if (messages > 0) this.#expiresAt = 0
  }

  /** A delivery that is in memory or with a member, though the store may have it among those that wait. */
  passesBy(delivery: Delivery): void {
    const { stored } = delivery
    if (this.messages === 0) this.#passes(stored)
    else if (stored > this.#after) {
      this.#ahead ??= new Set()
      this.#ahead.add(stored)
    }
  }

  /** A delivery that is older than all of these, and has a smaller number. */
  followsOn(delivery: Delivery): void {
    this.#passes(delivery.stored)
  }

  /** So little of the queue is in memory that more is needed soon. */
  isNeeded(inMemory: number, bytesInMemory: number): boolean {
    if (this.messages === 0) return false
    if (inMemory === 0) return true
    const { queuedInMemoryMax, queuedInMemoryBytesMax } = this.#context.limits
    return (
      inMemory * LOW_PART < queuedInMemoryMax &&
      bytesInMemory * LOW_PART < queuedInMemoryBytesMax &&
      this.memory.hasRoom
    )
  }

  want(): void {
    if (this.messages === 0) return
    this.#isWanted = true
    this.#ask()
  }

  /** Begins to look for expired ones in the store, if there may be some and it was not tried just now. */
  search(now: number): void {
    if (this.messages === 0 || this.#search !== null) return
    if (this.#expiresAt > now || this.#searchAt > now) return
    this.#searchAt = now + SEARCH_INTERVAL_MS
    this.#search = { after: this.#after, nextAt: Infinity }
    this.#expiresAt = Infinity
    this.#ask()
  }

  paged(page: readonly StoredDelivery[]): void {
    const asked = this.#asked
    this.#asked = null
    if (this.messages > 0) {
      if (asked === 'search') this.#searched(page)
      else this.#read(page)
    }
    // The queue may have ended since.
    if (this.messages === 0) this.#isEmptied()
    this.#ask()
  }

  /** One page is on its way at a time: first the next page of the queue. */
  #ask(): void {
    if (this.#asked !== null || (!this.#isWanted && this.#search === null)) return
    this.#asked = this.#isWanted ? 'next' : 'search'
    this.#context.wantPage(this)
  }

  #read(page: readonly StoredDelivery[]): void {
    this.#isWanted = false
    const last = page.at(-1)
    assert(last !== undefined, 'a page has a delivery while one waits')
    const deliveries = page
      .filter(({ delivery }) => this.#ahead?.has(delivery) !== true)
      .map(stored => restoredDelivery(stored, this.#origin))
    this.#passes(last.delivery)
    this.messages -= deliveries.length
    for (const delivery of deliveries) this.#subtract(delivery)
    if (deliveries.length === 0) this.want()
    else this.#reader.paged(deliveries)
  }

  #searched(page: readonly StoredDelivery[]): void {
    const search = this.#search
    if (search === null) return
    const last = page.at(-1)
    for (const stored of page) this.#look(stored, search)
    search.after = Math.max(last?.delivery ?? 0, this.#after)
    if (last !== undefined) return
    this.#search = null
    this.#expiresAt = Math.min(this.#expiresAt, search.nextAt)
  }

  #look(stored: StoredDelivery, search: Search): void {
    const { delivery: number, message } = stored
    // The queue was read on meanwhile, or a member has it.
    if (message === null || number <= this.#after || this.#ahead?.has(number) === true) return
    if (!isExpired(message, this.#context.now)) {
      search.nextAt = Math.min(search.nextAt, message.expiresAt)
      return
    }
    const delivery = restoredDelivery(stored, this.#origin)
    this.messages -= 1
    this.#subtract(delivery)
    drop(this.#context, 'message-expired', delivery, this.owner)
  }

  /** A store that an older version wrote says that its messages are smaller than they are. */
  #subtract(delivery: Delivery): void {
    this.bytes = Math.max(0, this.bytes - sizeOf(delivery))
  }

  /** Lets go of all of it. Returns how many messages that were. */
  clear(): number {
    const { messages } = this
    this.messages = 0
    this.#ahead = null
    this.#isEmptied()
    return messages
  }

  #isEmptied(): void {
    this.bytes = 0
    this.#isWanted = false
    this.#search = null
    this.#expiresAt = Infinity
  }

  #passes(stored: number): void {
    this.#after = Math.max(this.#after, stored)
    if (this.#ahead === null) return
    for (const ahead of this.#ahead) if (ahead <= this.#after) this.#ahead.delete(ahead)
    if (this.#ahead.size === 0) this.#ahead = null
  }
}

export function sizeOf(delivery: Delivery): number {
  return (
    contentBytes(delivery.message) +
    identifiersBytes(delivery.identifiers) +
    DELIVERY_OVERHEAD_BYTES
  )
}

// The tail of a long queue: the part that is in the store only. It is read into memory page by page.

import { strict as assert } from 'node:assert'
import { contentBytes, identifiersBytes, MESSAGE_BYTES } from '../../message.ts'
import type { Owner } from '../../store/change.ts'
import type { StoredDelivery } from '../../store/store.ts'
import {
  type Delivery,
  DELIVERY_BYTES,
  type DeliveryOrigin,
  restoredDelivery,
} from '../delivery.ts'
import type { MemoryAccount } from '../memory-account.ts'
import { TailPosition } from './tail-position.ts'
import { ExpiredSearch } from './expired-search.ts'
import { isExpired, type PageReader, type SessionContext } from '../session-context.ts'

/** The bytes that a queued delivery counts besides topic, payload and properties. */
const DELIVERY_OVERHEAD_BYTES = MESSAGE_BYTES + DELIVERY_BYTES

/** The next page is requested when less than this part of the allowed messages is left in memory. */
const LOW_PART = 4

/** The queue that this is the tail of. */
export interface TailReader {
  /** Adds the next page from the store. */
  paged(deliveries: readonly Delivery[]): void
  /** This one was found there and has expired. */
  expired(delivery: Delivery): void
  /** Some that have expired are gone. */
  shrunk(): void
}

// Wide on purpose: each way of a message into the tail and out of it.
export class QueueTail implements PageReader {
  readonly owner: Owner
  messages = 0
  bytes = 0
  readonly #context: SessionContext
  readonly #origin: DeliveryOrigin | null
  readonly #reader: TailReader
  readonly #position = new TailPosition()
  readonly #search = new ExpiredSearch()
  /** Which request a page is outstanding for. */
  #asked: 'next' | 'search' | null = null
  #isWanted = false
  /** What has left it since a page was asked for, which may have it still. */
  readonly #lost = new Set<number>()

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
    const isSearch = this.#asked === 'search' && this.#search.isRunning
    return isSearch ? this.#search.after : this.#position.after
  }

  /** Whether it is being searched for expired messages. */
  get isSearched(): boolean {
    return this.#search.isRunning
  }

  get memory(): MemoryAccount {
    return this.#context.memory
  }

  /** Leaves the delivery in the store if earlier ones are there, or if memory has enough of the queue. Returns whether it did. */
  takes(delivery: Delivery, inMemory: number, bytesInMemory: number): boolean {
    if (delivery.stored === 0) return false
    const hasRoom = this.isShort(inMemory, bytesInMemory) && this.memory.hasRoom
    if (this.messages === 0 && hasRoom) {
      this.#position.passes(delivery.stored)
      return false
    }
    this.messages += 1
    this.bytes += sizeOf(delivery)
    this.#search.added(delivery.message.expiresAt)
    return true
  }

  /** Restores the tail at the start: `first` is in memory, and `remainder` is behind it. */
  restore(first: readonly Delivery[], messages: number, bytes: number): void {
    for (const { stored } of first) this.#position.passes(stored)
    this.messages = messages
    this.bytes = bytes + messages * DELIVERY_OVERHEAD_BYTES
    // Their expiry is unknown until they are read.
    if (messages > 0) this.#search.added(0)
  }

  /** Excludes a delivery from pages: it is in memory or with a member, although the store may have it as queued. */
  excludeFromPages(delivery: Delivery): void {
    const { stored } = delivery
    if (this.messages === 0) this.#position.passes(stored)
    else this.#position.skips(stored)
  }

  /** Notes that a delivery with a smaller number than the tail's is in memory: pages begin behind it. */
  continuesBehind(delivery: Delivery): void {
    this.#position.passes(delivery.stored)
  }

  /** A delivery leaves it that was not read. */
  loses(stored: number, bytes: number): void {
    this.messages -= 1
    this.bytes = Math.max(0, this.bytes - bytes)
    if (this.#asked !== null) this.#lost.add(stored)
    if (this.messages === 0) this.#isEmptied()
  }

  /** Whether memory has less of the queue than it may have. */
  isShort(inMemory: number, bytesInMemory: number): boolean {
    const { queuedInMemoryMax, queuedInMemoryBytesMax } = this.#context.limits
    return inMemory < queuedInMemoryMax && bytesInMemory < queuedInMemoryBytesMax
  }

  /** Whether so few messages are in memory that the next page should be requested. */
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

  /** Begins a search for expired messages in the store, if there may be some and the last search was not just now. */
  search(now: number): void {
    if (this.messages > 0 && this.#search.begin(now, this.#position.after)) this.#ask()
  }

  paged(page: readonly StoredDelivery[]): void {
    const asked = this.#asked
    this.#asked = null
    if (this.messages > 0) {
      if (asked === 'search') this.#searched(page)
      else this.#read(page)
    }
    this.#lost.clear()
    // The queue may have ended meanwhile.
    if (this.messages === 0) this.#isEmptied()
    this.#ask()
  }

  /** Requests a page. One page is outstanding at a time; the next page of the queue comes before pages of a search. */
  #ask(): void {
    if (this.#asked !== null || (!this.#isWanted && !this.#search.isRunning)) return
    this.#asked = this.#isWanted ? 'next' : 'search'
    this.#context.pages.want(this)
  }

  #read(page: readonly StoredDelivery[]): void {
    this.#isWanted = false
    const last = page.at(-1)
    if (last === undefined) {
      assert(this.#lost.size > 0, 'a page has a delivery while one waits')
      this.want()
      return
    }
    const deliveries = page
      .filter(({ delivery }) => this.#isIn(delivery))
      .map(stored => restoredDelivery(stored, this.#origin))
    this.#position.passes(last.delivery)
    this.messages -= deliveries.length
    for (const delivery of deliveries) this.#subtract(delivery)
    if (deliveries.length === 0) this.want()
    else this.#reader.paged(deliveries)
  }

  /** Whether the delivery of a page is one that was not read. */
  #isIn(number: number): boolean {
    if (number <= this.#position.after || this.#lost.has(number)) return false
    return !this.#position.isSkipped(number)
  }

  #searched(page: readonly StoredDelivery[]): void {
    if (!this.#search.isRunning) return
    const last = page.at(-1)
    for (const stored of page) this.#look(stored)
    this.#reader.shrunk()
    this.#search.after = Math.max(last?.delivery ?? 0, this.#position.after)
    if (last === undefined) this.#search.finish()
  }

  #look(stored: StoredDelivery): void {
    const { delivery: number, message } = stored
    // It was read meanwhile, or a member has it.
    if (message === null || !this.#isIn(number)) return
    // A dead letter does not expire any more.
    if (stored.handOuts !== null && stored.handOuts.reason !== '') return
    if (!isExpired(message, this.#context.now)) {
      this.#search.saw(message.expiresAt)
      return
    }
    const delivery = restoredDelivery(stored, this.#origin)
    this.messages -= 1
    this.#subtract(delivery)
    this.#reader.expired(delivery)
  }

  /** Subtracts a delivery that was read. The sum stays at 0 or above: stores of an older version count messages as too small. */
  #subtract(delivery: Delivery): void {
    this.bytes = Math.max(0, this.bytes - sizeOf(delivery))
  }

  /** Discards the tail. Returns the number of its messages. */
  clear(): number {
    const { messages } = this
    this.messages = 0
    this.#position.clear()
    this.#isEmptied()
    return messages
  }

  #isEmptied(): void {
    this.bytes = 0
    this.#isWanted = false
    this.#search.clear()
  }
}

/** The bytes that the delivery counts in a queue. */
export function sizeOf({
  message,
  identifiers,
}: Pick<Delivery, 'message' | 'identifiers'>): number {
  return contentBytes(message) + identifiersBytes(identifiers) + DELIVERY_OVERHEAD_BYTES
}

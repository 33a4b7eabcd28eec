// The end of a long waiting line: it lies in the store and is brought into memory page by page.

import { strict as assert } from 'node:assert'
import { contentBytes, identifiersBytes, MESSAGE_BYTES } from '../message.ts'
import type { Owner } from '../store/change.ts'
import type { StoredDelivery } from '../store/store.ts'
import { type Delivery, DELIVERY_BYTES, type DeliveryOrigin, restoredDelivery } from './delivery.ts'
import type { KeptBytes } from './kept-bytes.ts'
import type { PageReader, SessionContext } from './session-context.ts'

/** What one waiting delivery is counted as besides topic, payload and properties. */
const DELIVERY_OVERHEAD_BYTES = MESSAGE_BYTES + DELIVERY_BYTES

/** Pages are asked for when less than this part of what may be in memory is left there. */
const LOW_PART = 4

/** Whose waiting line it is the end of. */
export interface RestOfLine {
  /** The next page has come from the store. */
  paged(deliveries: readonly Delivery[]): void
}

export class StoredRest implements PageReader {
  readonly owner: Owner
  after = 0
  messages = 0
  bytes = 0
  readonly #context: SessionContext
  readonly #origin: DeliveryOrigin | null
  readonly #line: RestOfLine
  #isWanted = false
  /** Those above `after` that are not to come with a page: a member has them, or gave them back. */
  #ahead: Set<number> | null = null

  constructor(
    owner: Owner,
    origin: DeliveryOrigin | null,
    context: SessionContext,
    line: RestOfLine,
  ) {
    this.owner = owner
    this.#origin = origin
    this.#context = context
    this.#line = line
  }

  get kept(): KeptBytes {
    return this.#context.kept
  }

  /** Leaves the delivery in the store if those before it are there, or memory holds enough of the line. */
  takes(delivery: Delivery, inMemory: number, bytesInMemory: number): boolean {
    if (delivery.stored === 0) return false
    const { queuedInMemoryMax, queuedInMemoryBytesMax } = this.#context.limits
    const isShort = inMemory < queuedInMemoryMax && bytesInMemory < queuedInMemoryBytesMax
    const hasRoom = isShort && this.kept.hasRoom
    if (this.messages === 0 && hasRoom) {
      this.#passes(delivery.stored)
      return false
    }
    this.messages += 1
    this.bytes += sizeOf(delivery)
    return true
  }

  /** What waited when the broker began: `first` in memory, and this much behind it. */
  restore(first: readonly Delivery[], messages: number, bytes: number): void {
    for (const { stored } of first) this.#passes(stored)
    this.messages = messages
    this.bytes = bytes + messages * DELIVERY_OVERHEAD_BYTES
  }

  /** A delivery that is in memory or with a member, though the store may have it among those that wait. */
  passesBy(delivery: Delivery): void {
    const { stored } = delivery
    if (this.messages === 0) this.#passes(stored)
    else if (stored > this.after) {
      this.#ahead ??= new Set()
      this.#ahead.add(stored)
    }
  }

  /** So little of the line is in memory that more is needed soon. */
  isNeeded(inMemory: number, bytesInMemory: number): boolean {
    if (this.messages === 0) return false
    if (inMemory === 0) return true
    const { queuedInMemoryMax, queuedInMemoryBytesMax } = this.#context.limits
    return (
      inMemory * LOW_PART < queuedInMemoryMax &&
      bytesInMemory * LOW_PART < queuedInMemoryBytesMax &&
      this.kept.hasRoom
    )
  }

  want(): void {
    if (this.#isWanted || this.messages === 0) return
    this.#isWanted = true
    this.#context.wantPage(this)
  }

  paged(page: readonly StoredDelivery[]): void {
    this.#isWanted = false
    // The line has ended since.
    if (this.messages === 0) return
    const last = page.at(-1)
    assert(last !== undefined, 'a page has a delivery while one waits')
    const deliveries = page
      .filter(({ delivery }) => this.#ahead?.has(delivery) !== true)
      .map(stored => restoredDelivery(stored, this.#origin))
    this.#passes(last.delivery)
    this.messages -= deliveries.length
    for (const delivery of deliveries) this.bytes -= sizeOf(delivery)
    // A store that an older version wrote says that its messages are smaller than they are.
    if (this.messages === 0 || this.bytes < 0) this.bytes = 0
    if (deliveries.length === 0) this.want()
    else this.#line.paged(deliveries)
  }

  /** Lets go of all of it. Returns how many messages that were. */
  clear(): number {
    const { messages } = this
    this.messages = 0
    this.bytes = 0
    this.#ahead = null
    return messages
  }

  #passes(stored: number): void {
    this.after = Math.max(this.after, stored)
    if (this.#ahead === null) return
    for (const ahead of this.#ahead) if (ahead <= this.after) this.#ahead.delete(ahead)
  }
}

export function sizeOf(delivery: Delivery): number {
  return (
    contentBytes(delivery.message) +
    identifiersBytes(delivery.identifiers) +
    DELIVERY_OVERHEAD_BYTES
  )
}

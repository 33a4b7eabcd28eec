// The queue of one owner, a session or a share group: within its bounds, its tail on disk. What the bounds push out and
// what has expired is dropped and counted here; pages from the store come in here.

import { WORK } from '../limits.ts'
import type { Owner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import { type Delivery, type DeliveryOrigin, NO_IDENTIFIERS } from './delivery.ts'
import { recordQueued } from './delivery-journal.ts'
import type { DeliveryQueue } from './fifo-queue.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import { QueueTail, sizeOf, type TailReader } from './queue-tail.ts'
import {
  drop,
  type DropReason,
  isExpired,
  type Postponed,
  type SessionContext,
} from './session-context.ts'

/** Whose queue it is. */
export interface QueueOwner {
  /** Its name in the store. */
  readonly owner: Owner
  /** More can be taken out: a page has come, or the turn that the rest was postponed to. */
  pump(): void
}

interface QueueOptions {
  readonly bounds: QueueBounds
  /** The share group, where the queue is one's. */
  readonly origin: DeliveryOrigin | null
  /** Null for a queue in the order of publishing. */
  readonly deliveries: DeliveryQueue | null
}

export class OwnedQueue implements TailReader, Postponed {
  /** What waits: whoever takes something out does it there. */
  readonly waiting: MessageQueue
  readonly tail: QueueTail
  readonly #owner: QueueOwner
  readonly #context: SessionContext
  readonly #bounds: QueueBounds
  readonly #origin: DeliveryOrigin | null
  #isPostponed = false
  /** The owner is gone. */
  #discardReason: DropReason | null = null

  constructor(owner: QueueOwner, context: SessionContext, options: QueueOptions) {
    this.#owner = owner
    this.#context = context
    this.#bounds = options.bounds
    this.#origin = options.origin
    this.tail = new QueueTail(owner.owner, options.origin, context, this)
    this.waiting = new MessageQueue(this.tail, options.bounds, options.deliveries ?? undefined)
  }

  /** Messages in memory and in the store. */
  get messages(): number {
    return this.waiting.messages
  }

  /** Their bytes, as the bounds count them. */
  get bytes(): number {
    return this.waiting.bytesInAll
  }

  get isDiscarded(): boolean {
    return this.#discardReason !== null
  }

  /** Puts a delivery that its owner has recorded at the end, and drops what the bounds push out. */
  push(delivery: Delivery): void {
    const reason = this.#add(delivery)
    if (reason !== null) this.#drop(delivery, reason)
  }

  /** The same of one that is not recorded yet: it is now, unless it was pushed out itself. */
  pushNew(delivery: Delivery): void {
    const reason = this.#add(delivery)
    if (reason === null) {
      recordQueued(this.#context.journal, delivery, this.#owner.owner)
      return
    }
    // What was never recorded need not be settled.
    delivery.stored = 0
    this.#drop(delivery, reason)
  }

  /** What waited when the broker began; `remainder` stays in the store until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const queued = this.#asQueued(deliveries)
    this.waiting.restore(queued)
    this.tail.restore(queued, remainder.messages, remainder.bytes)
  }

  paged(deliveries: readonly Delivery[]): void {
    this.waiting.restore(this.#asQueued(deliveries))
    if (this.#bounds.queueOverflow === 'drop-oldest') {
      for (const oldest of this.waiting.takeOldest(0)) this.#drop(oldest, 'queue-full')
    }
    this.#owner.pump()
  }

  /** Asks for the next page when little is left in memory. */
  wantIfShort(): void {
    if (this.tail.isNeeded(this.waiting.length, this.waiting.bytes)) this.tail.want()
  }

  /** Drops a delivery that was taken out and is not sent any more. */
  dropTaken(delivery: Delivery, reason: DropReason): void {
    this.#context.turnWorkLeft -= WORK.queueStep
    drop(this.#context, reason, delivery, this.#owner.owner)
  }

  /** The owner goes on with it in the next turn. */
  postpone(): void {
    if (this.#isPostponed) return
    this.#isPostponed = true
    this.#context.postponed.add(this)
  }

  proceed(): void {
    this.#isPostponed = false
    if (this.#discardReason === null) this.#owner.pump()
    else this.#discard(this.#discardReason)
  }

  /** The owner is gone: drops all, a part of it in each turn. The change that ended the owner ended it in the store. */
  discard(reason: DropReason): void {
    this.#discardReason = reason
    this.#context.droppedInStore(reason, this.tail.clear())
    this.#discard(reason)
  }

  #discard(reason: DropReason): void {
    const { owner } = this.#owner
    const clientId = owner.kind === 'session' ? owner.clientId : null
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.#context.dropped(reason, next.message, clientId)
      this.#context.turnWorkLeft -= WORK.queueStep
      if (this.#context.turnWorkLeft > 0) continue
      if (this.waiting.length > 0) this.postpone()
      return
    }
  }

  /** Null when it was added, else why it is lost. */
  #add(delivery: Delivery): DropReason | null {
    const size = sizeOf(delivery)
    if (this.waiting.fits(size, 1) && this.#mayStay(delivery)) {
      this.waiting.add(delivery)
      return null
    }
    for (const expired of this.waiting.takeExpired(this.#context.now)) {
      this.#drop(expired, 'message-expired')
    }
    if (!this.waiting.fits(size, 1) && !this.waiting.fitsMeanwhile(size))
      return this.#addThrough(delivery, size)
    if (!this.#mayStay(delivery)) return this.#addInto(delivery)
    this.waiting.add(delivery)
    return null
  }

  /** What is stored can be left there. */
  #mayStay(delivery: Delivery): boolean {
    return delivery.stored !== 0 || this.#context.memory.hasRoom
  }

  /** There is no memory for more: it takes the place of an older one, or is lost itself. */
  #addInto(delivery: Delivery): DropReason | null {
    this.#context.memory.refusals += 1
    if (this.#bounds.queueOverflow === 'drop-newest') return 'memory-full'
    const oldest = this.waiting.shift()
    if (oldest === undefined) return 'memory-full'
    this.waiting.add(delivery)
    this.#drop(oldest, 'memory-full')
    return null
  }

  /** The bounds are reached: older ones make room for it, or it is lost itself. */
  #addThrough(delivery: Delivery, size: number): DropReason | null {
    const { queueOverflow, queuedBytesMax, queuedMessagesMax } = this.#bounds
    const isLost = queueOverflow === 'drop-newest' || size > queuedBytesMax || queuedMessagesMax < 1
    if (isLost) return 'queue-full'
    const oldest = this.waiting.takeOldest(size)
    this.waiting.add(delivery)
    // The queue is full as an observer hears of them.
    for (const each of oldest) this.#drop(each, 'queue-full')
    return null
  }

  #drop(delivery: Delivery, reason: DropReason): void {
    const isOver = isExpired(delivery.message, this.#context.now)
    drop(this.#context, isOver ? 'message-expired' : reason, delivery, this.#owner.owner)
  }

  /** A member of the group may have had it with other options: the store says so still. */
  #asQueued(deliveries: readonly Delivery[]): readonly Delivery[] {
    return this.#origin === null ? deliveries : deliveries.map(asQueued)
  }
}

/** With the QoS and RETAIN of the message, and without the identifiers of a member that may have had it. */
export function asQueued(delivery: Delivery): Delivery {
  const { message, qos, retain, identifiers } = delivery
  if (qos === message.qos && retain === message.retain && identifiers.length === 0) return delivery
  return { ...delivery, qos: message.qos, retain: message.retain, identifiers: NO_IDENTIFIERS }
}

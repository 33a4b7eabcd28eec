// The queue of one owner, a session, a share group or a named queue, with its bounds and its tail on disk. It drops and counts messages that
// exceed the bounds or have expired, and receives pages from the store.

import { WORK } from '../../limits.ts'
import type { Message } from '../../message.ts'
import type { Owner } from '../../store/change.ts'
import type { Remainder } from '../../store/store.ts'
import { type Delivery, type DeliveryOrigin, NO_IDENTIFIERS } from '../delivery.ts'
import { recordQueued } from '../delivery-journal.ts'
import type { DeliveryQueue } from './fifo-queue.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import { QueueTail, sizeOf, type TailReader } from './queue-tail.ts'
import {
  drop,
  type DropReason,
  isExpired,
  type Postponed,
  type SessionContext,
} from '../session-context.ts'
import type { QueueShare } from '../user-queues.ts'

/** The owner of the queue: a session, a share group or a named queue. */
export interface QueueOwner {
  /** The owner in the store. */
  readonly owner: Owner
  /** Continues to take messages out: a page has arrived, or a postponed turn has begun. */
  pump(): void
}

interface QueueOptions {
  readonly bounds: QueueBounds
  /** The share group or named queue, if it is its queue. */
  readonly origin: DeliveryOrigin | null
  /** The keyed queues; null for a queue in the order of publishing. */
  readonly deliveries: DeliveryQueue | null
  /** Its part in the queues of its user; null where they have no bound. */
  readonly share: QueueShare | null
  /** Called for a message that would be dropped. Returns whether it is kept elsewhere. Null if nothing is. */
  readonly saves: Saves | null
}

type Saves = (delivery: Delivery, reason: DropReason) => boolean

type Lack = 'memory-full' | 'user-queues-full'

// Wide on purpose: one method for each way into the queue and out of it.
export class OwnedQueue implements TailReader, Postponed {
  /** The messages. Owners take messages out of it directly. */
  readonly waiting: MessageQueue
  readonly tail: QueueTail
  readonly #owner: QueueOwner
  readonly #context: SessionContext
  readonly #bounds: QueueBounds
  readonly #origin: DeliveryOrigin | null
  readonly #share: QueueShare | null
  readonly #saves: Saves | null
  /** What prepared transactions will put into it. */
  readonly #reserved = { messages: 0, bytes: 0 }
  #isPostponed = false
  /** Whether the owner has ended. */
  #discardReason: DropReason | null = null

  constructor(owner: QueueOwner, context: SessionContext, options: QueueOptions) {
    this.#owner = owner
    this.#context = context
    this.#bounds = options.bounds
    this.#origin = options.origin
    this.#share = options.share
    this.#saves = options.saves
    this.tail = new QueueTail(owner.owner, options.origin, context, this)
    this.waiting = new MessageQueue(this.tail, options.bounds, options.deliveries ?? undefined)
  }

  /** The number of messages in memory and in the store. */
  get messages(): number {
    return this.waiting.messages
  }

  /** Their bytes, as counted by the bounds. */
  get bytes(): number {
    return this.waiting.bytesInAll
  }

  get isDiscarded(): boolean {
    return this.#discardReason !== null
  }

  /** Adds a delivery that was recorded in the journal, and drops messages if the bounds are exceeded. */
  push(delivery: Delivery): void {
    const reason = this.#add(delivery)
    if (reason !== null) this.#drop(delivery, reason)
  }

  /** The same for a delivery that is not recorded yet: it is recorded unless it is dropped itself. */
  pushNew(delivery: Delivery): void {
    const reason = this.#add(delivery)
    if (reason === null) {
      recordQueued(this.#context.journal, delivery, this.#owner.owner)
      return
    }
    // A delivery that was not recorded needs no settling in the store.
    delivery.stored = 0
    this.#drop(delivery, reason)
  }

  /** Restores queued deliveries at the start. `remainder` stays in the store until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const queued = this.#asQueued(deliveries)
    this.waiting.restore(queued)
    this.tail.restore(queued, remainder.messages, remainder.bytes)
    this.#share?.set(this.bytes)
  }

  paged(deliveries: readonly Delivery[]): void {
    this.waiting.restore(this.#asQueued(deliveries))
    if (this.#bounds.queueOverflow === 'drop-oldest') {
      for (const oldest of this.waiting.takeOldest(0)) this.#drop(oldest, 'queue-full')
      this.#share?.set(this.bytes)
    }
    this.#owner.pump()
  }

  /** Messages of the tail have expired. */
  shrunk(): void {
    this.#share?.set(this.bytes)
  }

  /** Requests the next page when few messages are left in memory. */
  wantIfShort(): void {
    this.#share?.set(this.bytes)
    if (this.tail.isNeeded(this.waiting.length, this.waiting.bytes)) this.tail.want()
  }

  /** Drops a delivery that was taken out and is not sent. */
  dropTaken(delivery: Delivery, reason: DropReason): void {
    this.#context.turnWorkLeft -= WORK.queueStep
    if (this.#saves?.(delivery, reason) === true) return
    drop(this.#context, reason, delivery, this.#owner.owner)
  }

  expired(delivery: Delivery): void {
    this.dropTaken(delivery, 'message-expired')
  }

  /** Lets the owner continue in the next turn. */
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

  /** The owner has ended: drops all messages, a part in each turn. In the store the end of the owner has removed them. */
  discard(reason: DropReason): void {
    this.#discardReason = reason
    this.#share?.set(0)
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

  /**
   * Whether a message has room, or the queue drops what has none. A message that is larger than the whole queue never has room: it
   * is dropped, because its publisher would wait for ever.
   */
  hasRoomFor(message: Message, identifiers: readonly number[], isStored: boolean): boolean {
    const { queueOverflow, queuedBytesMax, queuedMessagesMax } = this.#bounds
    const size = sizeOf({ message, identifiers })
    if (queueOverflow !== 'refuse' || size > queuedBytesMax || queuedMessagesMax < 1) return true
    const { messages, bytes } = this.#reserved
    if (!this.waiting.fits(size + bytes, 1 + messages)) this.#dropExpired()
    const isFull = !this.waiting.fits(size + bytes, 1 + messages)
    if (isFull && (messages > 0 || !this.waiting.fitsMeanwhile(size))) return false
    if (!this.#hasShareFor(size)) return false
    return isStored || this.#context.memory.hasRoom
  }

  /** Keeps room for a message of a transaction, or gives it up again. */
  reserve(message: Message, sign: 1 | -1): void {
    this.#reserved.messages += sign
    this.#reserved.bytes += sign * sizeOf({ message, identifiers: NO_IDENTIFIERS })
  }

  #dropExpired(): void {
    for (const expired of this.waiting.takeExpired(this.#context.now)) {
      this.#drop(expired, 'message-expired')
    }
    this.#share?.set(this.bytes)
  }

  /** Adds a delivery. Returns null, or the reason why it was dropped. */
  #add(delivery: Delivery): DropReason | null {
    const reason = this.#isAccepted(delivery) ? null : this.#addWithin(delivery)
    this.#share?.set(this.bytes)
    return reason
  }

  /** Whether another partition has acknowledged what would have been refused here. Then it is added, above the bounds too. */
  #isAccepted(delivery: Delivery): boolean {
    if (this.#bounds.queueOverflow !== 'refuse' || delivery.stored === 0) return false
    if (!this.#context.isTakingOver) return false
    this.waiting.add(delivery)
    return true
  }

  #addWithin(delivery: Delivery): DropReason | null {
    const size = sizeOf(delivery)
    let lack = this.#lackFor(delivery, size)
    if (lack !== null || !this.waiting.fits(size, 1)) {
      this.#dropExpired()
      if (!this.waiting.fits(size, 1) && !this.waiting.fitsMeanwhile(size))
        return this.#addThrough(delivery, size)
      lack = this.#lackFor(delivery, size)
      if (lack !== null) return this.#addInto(delivery, lack)
    }
    this.waiting.add(delivery)
    return null
  }

  /** Returns why there is no room beyond the bounds of this queue, or null. A stored delivery stays in the store. */
  #lackFor({ stored }: Delivery, size: number): Lack | null {
    if (!this.#hasShareFor(size)) return 'user-queues-full'
    return stored !== 0 || this.#context.memory.hasRoom ? null : 'memory-full'
  }

  #hasShareFor(size: number): boolean {
    if (this.#share === null) return true
    this.#share.set(this.bytes)
    return this.#share.hasRoomFor(size)
  }

  /** The delivery replaces an older one or is dropped itself. */
  #addInto(delivery: Delivery, lack: Lack): DropReason | null {
    if (lack === 'memory-full') this.#context.memory.refusals += 1
    if (this.#bounds.queueOverflow !== 'drop-oldest') return lack
    const oldest = this.waiting.shift()
    if (oldest === undefined) return lack
    this.waiting.add(delivery)
    this.#drop(oldest, lack)
    return null
  }

  /** The bounds are reached: older deliveries are dropped, or the new one is. */
  #addThrough(delivery: Delivery, size: number): DropReason | null {
    const { queueOverflow, queuedBytesMax, queuedMessagesMax } = this.#bounds
    const isLost = queueOverflow !== 'drop-oldest' || size > queuedBytesMax || queuedMessagesMax < 1
    if (isLost) return 'queue-full'
    const oldest = this.waiting.takeOldest(size)
    this.waiting.add(delivery)
    // The drop is reported while the queue is still full.
    for (const each of oldest) this.#drop(each, 'queue-full')
    this.#share?.set(this.bytes)
    return null
  }

  #drop(delivery: Delivery, reason: DropReason): void {
    const isOver = isExpired(delivery.message, this.#context.now)
    const known = isOver ? 'message-expired' : reason
    if (this.#saves?.(delivery, known) === true) return
    drop(this.#context, known, delivery, this.#owner.owner)
  }

  /** Corrects the options of a stored delivery: a member of the group may have had it with other options. */
  #asQueued(deliveries: readonly Delivery[]): readonly Delivery[] {
    return this.#origin === null ? deliveries : deliveries.map(asQueued)
  }
}

/** Resets a delivery to the QoS and RETAIN of the message, without the identifiers of a member. */
export function asQueued(delivery: Delivery): Delivery {
  const { message, retain, identifiers } = delivery
  const qos = delivery.origin?.owner.kind === 'queue' ? 1 : message.qos
  if (qos === delivery.qos && retain === message.retain && identifiers.length === 0) return delivery
  return { ...delivery, qos, retain: message.retain, identifiers: NO_IDENTIFIERS }
}

// Hands the messages of a named queue to its consumers, as far as a turn allows: first those that are stuck, then those that wait.

import { WORK } from '../../limits.ts'
import type { Delivery } from '../delivery.ts'
import { numberOf } from '../waiting/fifo-queue.ts'
import type { HandOutTable } from './hand-out-table.ts'
import type { HandOut } from './hand-outs.ts'
import type { KeyLanes } from './key-lanes.ts'
import type { NamedQueue } from './named-queue.ts'
import { isExpired, type SessionContext } from '../session-context.ts'
import type { ShareMember } from '../share-group/share-member.ts'

interface DispatchParts {
  readonly handOuts: HandOutTable
  /** The lanes of the present order; null without order. */
  readonly lanes: () => KeyLanes | null
  /** Hands a delivery that was taken out to the consumer. */
  readonly handOut: (delivery: Delivery, member: ShareMember) => void
  readonly takeAway: (handOut: HandOut, held: Delivery) => Delivery
  /** A delivery that was taken out becomes a dead letter. */
  readonly bury: (delivery: Delivery, reason: 'expired' | 'deliveries') => void
  /** Nobody who is ready has the right to receive the delivery, which was taken out. */
  readonly delay: (delivery: Delivery) => void
}

/** What is done, instead of handing them out, with all messages that waited when it began. */
interface Sweep {
  readonly upTo: number
  readonly take: (delivery: Delivery) => void
}

export class QueueDispatch {
  readonly #queue: NamedQueue
  readonly #context: SessionContext
  readonly #parts: DispatchParts
  #sweep: Sweep | null = null

  constructor(queue: NamedQueue, context: SessionContext, parts: DispatchParts) {
    this.#queue = queue
    this.#context = context
    this.#parts = parts
  }

  get isSweeping(): boolean {
    return this.#sweep !== null
  }

  sweep(take: (delivery: Delivery) => void): void {
    this.#sweep = { upTo: this.#context.nextDelivery(), take }
  }

  /** Whether no queued message must be handed out before this new one. */
  mayPass({ message }: Delivery): boolean {
    const { waiting, tail } = this.#queue.queue
    if (this.#isHeldBack || this.#sweep !== null || waiting.isMoving) return false
    const lanes = this.#parts.lanes()
    return lanes === null ? waiting.isEmpty : tail.messages === 0 && lanes.isFreeFor(message)
  }

  /** Returns false when this turn has no work left for the rest. */
  pump(): boolean {
    return this.#moveAll() && this.#sweepAll() && this.#handOutStuck() && this.#handOutWaiting()
  }

  /** Whether so many messages were refused that no more are handed out before some of them. */
  get #isHeldBack(): boolean {
    return this.#parts.handOuts.delayed.size >= this.#context.limits.queuedInMemoryMax
  }

  /** The order has changed: the queued messages move into the lanes of the new one. */
  #moveAll(): boolean {
    const { waiting } = this.#queue.queue
    while (waiting.isMoving) {
      if (!this.#mayWork()) return false
      waiting.moveNext()
    }
    return true
  }

  #sweepAll(): boolean {
    if (this.#sweep === null) return true
    const { upTo, take } = this.#sweep
    const { waiting, tail } = this.#queue.queue
    let next = waiting.peek()
    while (next !== undefined && numberOf(next) <= upTo) {
      if (!this.#mayWork()) return false
      waiting.shift()
      take(next)
      next = waiting.peek()
    }
    if (next !== undefined || tail.messages === 0) this.#sweep = null
    return true
  }

  #handOutStuck(): boolean {
    const { handOuts, handOut: give, takeAway, bury } = this.#parts
    const { consumers } = this.#queue
    for (const handOut of handOuts.stuck) {
      if (!consumers.isReady) return true
      if (!this.#mayWork()) return false
      const { held, aside } = handOut
      const message = aside?.message ?? handOut.message
      if (message === undefined || message === null) continue
      const isOver = isExpired(message, this.#context.now)
      // Who has it may still settle it.
      if (isOver && aside !== null) bury(aside, 'expired')
      const member = isOver ? null : consumers.choose(message, handOut)
      if (member === null) continue
      handOuts.stuck.delete(handOut)
      const delivery = held === null ? aside : takeAway(handOut, held)
      if (delivery !== null) give(delivery, member)
    }
    return true
  }

  #handOutWaiting(): boolean {
    const { waiting } = this.#queue.queue
    while (!this.#isHeldBack) {
      const lanes = this.#parts.lanes()
      const next = lanes === null ? waiting.peek() : lanes.next
      if (next === undefined) return true
      if (!this.#mayWork()) return false
      if (!this.#handOutNext(next, lanes)) return true
    }
    return true
  }

  /** Returns false when nobody can take anything now. */
  #handOutNext(next: Delivery, lanes: KeyLanes | null): boolean {
    const { consumers } = this.#queue
    // The broker had stopped before it could become a dead letter.
    const isUsedUp = this.#parts.handOuts.isUsedUp(next, this.#queue.settings)
    const isOver = isUsedUp || isExpired(next.message, this.#context.now)
    if (!isOver && !consumers.isReady) return false
    const member = isOver ? null : consumers.choose(next.message, null)
    this.#takeOut(next, lanes)
    if (isOver) this.#parts.bury(next, isUsedUp ? 'deliveries' : 'expired')
    // It must not hold the others back.
    else if (member === null) this.#parts.delay(next)
    else this.#parts.handOut(next, member)
    return true
  }

  #takeOut(next: Delivery, lanes: KeyLanes | null): void {
    if (lanes === null) this.#queue.queue.waiting.shift()
    else {
      lanes.shiftNext()
      this.#queue.queue.waiting.left(next)
      lanes.occupy(next.message)
    }
  }

  #mayWork(): boolean {
    if (this.#context.turnWorkLeft <= 0) return false
    this.#context.turnWorkLeft -= WORK.groupHandOver
    return true
  }
}

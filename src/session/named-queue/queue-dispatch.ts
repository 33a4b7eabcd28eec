// Hands the messages of a named queue to its consumers, as far as a turn allows: first those that are stuck, then those that wait.

import { WORK } from '../../limits.ts'
import type { Delivery } from '../delivery.ts'
import type { HandOutTable } from './hand-out-table.ts'
import type { HandOut } from './hand-outs.ts'
import type { KeyLanes } from './key-lanes.ts'
import type { NamedQueue } from './named-queue.ts'
import { RunningSweep, type Sweep } from './queue-sweep.ts'
import { numberOf } from '../waiting/fifo-queue.ts'
import { isExpired, type SessionContext } from '../session-context.ts'
import type { ShareMember } from '../share-group/share-member.ts'

export interface DispatchParts {
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

/** How many messages past their deadlines are looked at in vain in one go, and when the others are, and what is held back. */
const LOOKS_MAX = 256
const LOOK_MS = 1_000

export class QueueDispatch {
  readonly #queue: NamedQueue
  readonly #context: SessionContext
  readonly #parts: DispatchParts
  #sweep: RunningSweep | null = null
  /** Whether those past their deadlines have used up the last turn. They would use up the next one as well, if nobody else may have them. */
  #isWaitingFirst = false

  constructor(queue: NamedQueue, context: SessionContext, parts: DispatchParts) {
    this.#queue = queue
    this.#context = context
    this.#parts = parts
  }

  /** What an operator does with the waiting messages at present. */
  get sweep(): Sweep | null {
    return this.#sweep?.sweep ?? null
  }

  /** Not while the queue `isBusy`. */
  begin(sweep: Sweep): void {
    const upTo = this.#context.nextDelivery()
    this.#sweep = new RunningSweep(sweep, this.#parts.handOuts, upTo)
    this.#queue.queue.postpone()
  }

  /** Whether no queued message must be handed out before this new one. */
  mayPass({ message }: Delivery): boolean {
    const { waiting, tail } = this.#queue.queue
    if (this.#isHeldBack() || this.#sweep !== null || waiting.isMoving) return false
    const lanes = this.#parts.lanes()
    return lanes === null ? waiting.isEmpty : tail.messages === 0 && lanes.isFreeFor(message)
  }

  /** Returns false when this turn has no work left for the rest. */
  pump(): boolean {
    if (!this.#moveAll() || !this.#sweepAll()) return false
    if (this.#isWaitingFirst) {
      this.#isWaitingFirst = false
      if (!this.#handOutWaiting()) return false
      this.#handOutStuck()
      return true
    }
    this.#handOutStuck()
    this.#isWaitingFirst = this.#context.turnWorkLeft <= 0
    return this.#handOutWaiting()
  }

  /** Whether so many messages were refused, or are past their deadlines, that no more are handed out before some of them. */
  #isHeldBack(): boolean {
    const { delayed, stuck } = this.#parts.handOuts
    return (
      delayed.size + stuck.size >= this.#context.limits.queuedInMemoryMax || this.isWithoutMemory
    )
  }

  /** Whether memory is full, and messages that were refused, or are past their deadlines, are a part of that. */
  get isWithoutMemory(): boolean {
    const { delayed, stuck } = this.#parts.handOuts
    return delayed.size + stuck.size > 0 && !this.#context.memory.hasReserve
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
    const running = this.#sweep
    if (running === null) return true
    if (!this.#sweepAside(running)) return false
    const { waiting, tail } = this.#queue.queue
    let next = waiting.peek()
    while (next !== undefined && running.wants(next)) {
      if (!this.#mayWork()) return false
      waiting.shift()
      running.takes(next, this.#context)
      next = waiting.peek()
    }
    if (next === undefined && tail.messages > 0 && !running.sweep.isOver) return true
    this.#sweep = null
    running.sweep.ends()
    return true
  }

  /** Those that wait for their next hand-out are older than most others. */
  #sweepAside(running: RunningSweep): boolean {
    const { handOuts, lanes } = this.#parts
    for (const aside of handOuts.aside) {
      if (!running.wants(aside)) continue
      if (!this.#mayWork()) return false
      handOuts.takeOut(aside)
      lanes()?.release(aside.message)
      running.takes(aside, this.#context)
    }
    return true
  }

  /** What is left of it is not for the next turn, which would look in vain again. */
  #handOutStuck(): void {
    const { handOuts, handOut: give, takeAway, bury } = this.#parts
    const { consumers } = this.#queue
    const { stuck } = handOuts
    const looksMax = Math.min(stuck.size, LOOKS_MAX)
    let looks = 0
    handOuts.looksAgainAt = Infinity
    for (const handOut of stuck) {
      if (!consumers.isReady) return
      if (looks === looksMax) {
        if (looks < stuck.size) this.#looksLater()
        return
      }
      this.#context.turnWorkLeft -= WORK.groupHandOver
      const { held, aside } = handOut
      const message = aside?.message ?? handOut.message
      if (message === undefined || message === null) continue
      const isOver = isExpired(message, this.#context.now)
      // Who has it may still settle it.
      if (isOver && aside !== null) bury(aside, 'expired')
      const member = isOver ? null : consumers.choose(message, handOut)
      const isStuck = stuck.delete(handOut)
      if (member === null) {
        looks += 1
        // At the end, so that the others are looked at as well.
        if (isStuck) stuck.add(handOut)
        continue
      }
      if (aside !== null) handOuts.takeOut(aside)
      const delivery = held === null ? aside : takeAway(handOut, held)
      if (delivery !== null) give(delivery, member)
    }
  }

  #handOutWaiting(): boolean {
    const { waiting } = this.#queue.queue
    while (!this.#isHeldBack()) {
      const lanes = this.#parts.lanes()
      const next = lanes === null ? waiting.peek() : lanes.next
      if (next === undefined) return true
      if (!this.#mayWork()) return false
      if (!this.#handOutNext(next, lanes)) return true
    }
    // Nothing tells when memory has room again.
    if (this.isWithoutMemory && !waiting.isEmpty) this.#looksLater()
    return true
  }

  #looksLater(): void {
    this.#parts.handOuts.looksAgainAt = this.#context.now + LOOK_MS
  }

  /** Returns false when nobody can take anything now. */
  #handOutNext(next: Delivery, lanes: KeyLanes | null): boolean {
    const { consumers } = this.#queue
    // The broker had stopped before it could become a dead letter.
    const isUsedUp = this.#parts.handOuts.isUsedUp(next, this.#queue.settings)
    const isOver = isUsedUp || isExpired(next.message, this.#context.now)
    if (!isOver && !consumers.isReady) return false
    const member = isOver ? null : consumers.choose(next.message, null)
    // Those that were ready had no room for one more.
    if (!isOver && member === null && !consumers.isReady) return false
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
      lanes.occupy(next.message, numberOf(next))
    }
  }

  #mayWork(): boolean {
    if (this.#context.turnWorkLeft <= 0) return false
    this.#context.turnWorkLeft -= WORK.groupHandOver
    return true
  }
}

// The messages of a named queue that are with consumers or were: how often, until when, and which of them are set aside.

import { WORK } from '../../limits.ts'
import type { QueueSettings } from '../../routing/queue-settings.ts'
import type { Delivery } from '../delivery.ts'
import { DueList } from './due-list.ts'
import { numberOf } from '../waiting/fifo-queue.ts'
import type { MemoryAccount } from '../memory-account.ts'
import type { SessionContext } from '../session-context.ts'
import { HandOut } from './hand-outs.ts'
import type { HeldDelivery } from './held-delivery.ts'

/** More would be longer than any delay. */
const DOUBLINGS_MAX = 32

/** The least time until a message is tried again that could not be sent: no packet of a client causes these hand-outs. */
export const UNSENT_SECONDS = 1

export class HandOutTable {
  /** With a consumer, until the deadline. */
  readonly held: DueList<HandOut> = new DueList()
  /** Past the deadline, or given back, and nobody who is ready may have it. */
  readonly stuck: Set<HandOut> = new Set()
  /** Refused: to be handed out again later. */
  readonly delayed: DueList<Delivery> = new DueList()
  /** When the queue is looked at again, if `stuck` was too long or nothing more may be handed out. */
  looksAgainAt = Infinity
  /** How many messages transactional consumers hold, and how many prepared transactions have locked. */
  readonly holdCounts = { held: 0, locked: 0 }
  readonly #all = new Map<number, HandOut>()
  readonly #memory: MemoryAccount

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  /** When something is to be done next, in milliseconds; Infinity for never. */
  get next(): number {
    return Math.min(this.held.next, this.delayed.next, this.looksAgainAt)
  }

  /** Those that nobody has and that do not wait in the queue. */
  get aside(): readonly Delivery[] {
    const stuck = [...this.stuck].flatMap(({ aside }) => (aside === null ? [] : [aside]))
    return [...this.delayed.all, ...stuck]
  }

  /** Takes out the next that was refused and is to be handed out again. */
  takeRefused(now: number): Delivery | null {
    const next = this.delayed.takeDue(now)
    if (next !== null) this.#setAside(this.of(next), null)
    return next
  }

  /** Takes out the next that is past its deadline. Those for which this turn has no work left are due in the next one. */
  takeOverdue(context: SessionContext): HandOut | null {
    if (context.turnWorkLeft <= 0) return null
    context.turnWorkLeft -= WORK.groupHandOver
    return this.held.takeDue(context.now)
  }

  /** What is out of the queue, besides what consumers have in flight: it is held, or set aside. */
  get taken(): readonly Delivery[] {
    return [...this.holds.map(({ delivery }) => delivery), ...this.aside]
  }

  get(delivery: Delivery): HandOut | undefined {
    return this.#all.size === 0 ? undefined : this.#all.get(numberOf(delivery))
  }

  at(number: number): HandOut | undefined {
    return this.#all.get(number)
  }

  /** The same, made if there is none. */
  of(delivery: Delivery): HandOut {
    const number = numberOf(delivery)
    const known = this.#all.get(number)
    if (known !== undefined) return known
    const handOut = new HandOut()
    this.#all.set(number, handOut)
    return handOut
  }

  forget(delivery: Delivery): void {
    const handOut = this.get(delivery)
    if (handOut === undefined) return
    this.#all.delete(numberOf(delivery))
    this.#setAside(handOut, null)
    this.rests(handOut)
  }

  /** Takes out one that nobody has and that does not wait in the queue. */
  takeOut(aside: Delivery): void {
    this.delayed.delete(aside)
    const handOut = this.get(aside)
    if (handOut === undefined) return
    this.#setAside(handOut, null)
    this.stuck.delete(handOut)
  }

  /** What transactional consumers hold, and what is locked. */
  get holds(): readonly HeldDelivery[] {
    return [...this.#all.values()].flatMap(({ hold }) => hold ?? [])
  }

  /** No deadline takes it away any more: nobody has it, or it is locked. */
  rests(handOut: HandOut): void {
    this.held.delete(handOut)
    this.stuck.delete(handOut)
  }

  setAside(handOut: HandOut, delivery: Delivery): void {
    this.#setAside(handOut, delivery)
    this.stuck.add(handOut)
  }

  /** Whether it was handed out as often as it may be. A dead letter may be any number of times. */
  isUsedUp(delivery: Delivery, { deliveriesMax }: QueueSettings): boolean {
    const handOut = this.get(delivery)
    return handOut !== undefined && !handOut.isDead && handOut.count >= deliveriesMax
  }

  /** It was refused: the more often, the longer it waits, but not less than `least` seconds. */
  delay(delivery: Delivery, now: number, settings: QueueSettings, least: number): void {
    const { retryDelaySeconds, retryDelaySecondsMax } = settings
    const doublings = Math.min(Math.max(0, this.of(delivery).count - 1), DOUBLINGS_MAX)
    const seconds = Math.min(retryDelaySeconds * 2 ** doublings, retryDelaySecondsMax)
    this.#setAside(this.of(delivery), delivery)
    this.delayed.add(delivery, now + Math.max(seconds, least) * 1_000)
  }

  /** What is aside is in memory, as what waits is. */
  #setAside(handOut: HandOut, delivery: Delivery | null): void {
    const before = handOut.aside
    if (delivery !== null) this.#memory.holdDelivery(delivery.message)
    if (before !== null) this.#memory.releaseDelivery(before.message)
    handOut.aside = delivery
  }
}

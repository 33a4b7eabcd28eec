// What the transactional consumers of a named queue hold. To its session such a message is one that no store has: PUBACK frees the
// packet identifier, and nothing more. The store has it as waiting, so after a crash it waits again.

import { compactBytes } from '../../message.ts'
import type { NamedQueueOwner } from '../../store/change.ts'
import type { Delivery, DeliveryOrigin } from '../delivery.ts'
import { recordSent, recordSettled } from '../delivery-journal.ts'
import type { Session } from '../session.ts'
import type { SessionContext } from '../session-context.ts'
import type { ShareMember } from '../share-group/share-member.ts'
import { numberOf } from '../waiting/fifo-queue.ts'
import type { HandOutTable } from './hand-out-table.ts'
import type { HandOut } from './hand-outs.ts'
import { HeldDelivery } from './held-delivery.ts'
import type { NamedQueue } from './named-queue.ts'
import type { DeathReason } from './queue-host.ts'

interface HoldParts {
  readonly handOuts: HandOutTable
  /** Nobody has it any more. Returns how it was queued. */
  readonly takeBack: (held: Delivery, clientId: string) => Delivery
  /** What was taken back waits at its place. */
  readonly comesBack: (delivery: Delivery) => void
  /** What was taken back waits for its retry. */
  readonly again: (delivery: Delivery, reason: DeathReason) => void
  readonly settled: (delivery: Delivery) => void
}

/** No client has this name, so in the store the message stays in the queue, and its hand-outs are counted. */
const NO_SESSION = ''

// Wide on purpose: it is the origin of deliveries, and does what can be done to one.
export class QueueHolds implements DeliveryOrigin {
  readonly endsWithConnection = true
  readonly #queue: NamedQueue
  readonly #context: SessionContext
  readonly #parts: HoldParts
  /** Tells the hand-outs of one message apart, with the time since when the queue is in memory: those of the last start are none of these. */
  #lastId = 0
  readonly #since: string

  constructor(queue: NamedQueue, context: SessionContext, parts: HoldParts) {
    this.#queue = queue
    this.#context = context
    this.#parts = parts
    this.#since = Math.floor(context.now).toString(36)
  }

  get name(): string {
    return this.#queue.name
  }

  get owner(): NamedQueueOwner {
    return this.#queue.owner
  }

  /** The consumer holds the delivery from now on. */
  begin(delivery: Delivery, handOut: HandOut, member: ShareMember): HeldDelivery {
    this.#lastId += 1
    const deliveryId = `${numberOf(delivery)}.${this.#since}.${this.#lastId}`
    const { clientId, session } = member
    const held = new HeldDelivery(this, deliveryId, clientId, delivery, handOut, member)
    handOut.hold = held
    this.#parts.handOuts.holdCounts.held += 1
    session.held.set(deliveryId, held)
    member.heldBytes += delivery.message.payload.length
    compactBytes(delivery.message)
    this.#context.memory.holdDelivery(delivery.message)
    recordSent(this.#context.journal, delivery, this.owner, NO_SESSION)
    return held
  }

  /** Returns the delivery as the session sends it. */
  asSent(delivery: Delivery): Delivery {
    return { ...delivery, origin: this, stored: 0, reserved: numberOf(delivery) }
  }

  settle(held: HeldDelivery): void {
    const { delivery } = held
    recordSettled(this.#context.journal, delivery, this.owner)
    this.#leaves(held)
    this.ended(held)
    this.#parts.settled(delivery)
  }

  giveBack(held: HeldDelivery): void {
    this.#queue.counts.returned += 1
    this.#parts.again(this.#takeBack(held), 'deliveries')
  }

  return(held: HeldDelivery): void {
    this.#parts.comesBack(this.#takeBack(held))
    this.#queue.queue.postpone()
  }

  /** Neither the deadline nor its consumer can end it any more. */
  lock(held: HeldDelivery, transaction: string): void {
    this.#leaves(held)
    letGo(held)
    held.transaction = transaction
    this.#parts.handOuts.holdCounts.held -= 1
    this.#parts.handOuts.holdCounts.locked += 1
    this.#parts.handOuts.rests(held.handOut)
    this.#context.locked.add(held, transaction)
    const { stored } = held.delivery
    if (stored === 0) return
    const { clientId } = held
    const locked = { delivery: stored, owner: this.owner, clientId, transaction } as const
    this.#context.journal.record({ kind: 'locked', ...locked })
  }

  /** Restores one that was locked when the broker stopped. */
  restore(delivery: Delivery, handOut: HandOut, clientId: string, transaction: string): void {
    const deliveryId = `${numberOf(delivery)}`
    const held = new HeldDelivery(this, deliveryId, clientId, delivery, handOut, null)
    held.transaction = transaction
    this.#parts.handOuts.holdCounts.locked += 1
    handOut.hold = held
    handOut.message = delivery.message
    this.#context.memory.holdDelivery(delivery.message)
    this.#context.locked.add(held, transaction)
  }

  /** The deadline has given it to somebody else, or it ends otherwise. */
  ended(held: HeldDelivery): void {
    held.isHeld = false
    held.handOut.hold = null
    this.#parts.handOuts.holdCounts[held.transaction === null ? 'held' : 'locked'] -= 1
    letGo(held)
    if (held.transaction !== null) this.#context.locked.delete(held, held.transaction)
    this.#context.memory.releaseDelivery(held.delivery.message)
  }

  /** The consumer has disconnected: what it holds comes back. */
  leftBy(session: Session): void {
    if (!session.holdsAny) return
    for (const each of [...session.held.values()]) if (each.isOf(this)) this.return(each)
  }

  /** The queue has ended: what is held, or aside, is dropped. */
  endAll(): void {
    for (const aside of this.#parts.handOuts.aside) {
      this.#parts.handOuts.takeOut(aside)
      this.#context.dropped('queue-ended', aside.message, null)
    }
    for (const held of this.#parts.handOuts.holds) {
      const { delivery, clientId } = held
      this.#context.dropped('queue-ended', delivery.message, clientId)
      this.#leaves(held)
      this.ended(held)
      this.#parts.handOuts.forget(delivery)
    }
  }

  /** The consumer has acknowledged it, and holds it. */
  settled(): void {}

  refused(clientId: string, sent: Delivery): boolean {
    const handOut = this.#parts.handOuts.get(sent)
    const isHeld = handOut?.held === sent && handOut.hold?.transaction === null
    return isHeld && this.#queue.refused(clientId, sent)
  }

  ending(): void {}

  remembers(): void {}

  #takeBack(held: HeldDelivery): Delivery {
    const { delivery, clientId, transaction } = held
    this.#leaves(held)
    if (transaction !== null && delivery.stored !== 0) {
      const unlocked = { delivery: delivery.stored, owner: this.owner } as const
      this.#context.journal.record({ kind: 'unlocked', ...unlocked })
    }
    return this.#parts.takeBack(delivery, clientId)
  }

  /** One less is in flight to its consumer; what is locked has left before. */
  #leaves({ clientId, transaction }: HeldDelivery): void {
    if (transaction === null) this.#queue.consumers.settled(clientId)
  }
}

/** Its consumer holds it no more, and may take another one. */
function letGo({ member, deliveryId, delivery }: HeldDelivery): void {
  if (member?.session.held.delete(deliveryId) !== true) return
  member.heldBytes -= delivery.message.payload.length
  member.session.link?.postpone()
}

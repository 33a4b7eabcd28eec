// With `latestByKey`, a newer message takes the place of an older one of its key: at once of one that waits, of one that a consumer has
// when it comes back. The newer one is that of the higher sequence number.

import { WORK } from '../../limits.ts'
import type { Delivery } from '../delivery.ts'
import { keyOfOrder, type QueueSettings } from '../../routing/queue-settings.ts'
import { drop, type SessionContext } from '../session-context.ts'
import { sizeOf } from '../waiting/queue-tail.ts'
import type { HandOutTable } from './hand-out-table.ts'
import type { HandOut } from './hand-outs.ts'
import { KeyLanes } from './key-lanes.ts'
import type { NamedQueue } from './named-queue.ts'
import type { Newest } from './newest-in-store.ts'

interface LatestParts {
  readonly handOuts: HandOutTable
  /** Null for a queue without order. */
  readonly lanes: () => KeyLanes | null
  readonly takeAway: (handOut: HandOut, held: Delivery) => Delivery
}

export class LatestByKey {
  readonly #queue: NamedQueue
  readonly #context: SessionContext
  readonly #parts: LatestParts

  constructor(queue: NamedQueue, context: SessionContext, parts: LatestParts) {
    this.#queue = queue
    this.#context = context
    this.#parts = parts
  }

  /** Null for a queue without order. */
  newLanes(settings: QueueSettings): KeyLanes | null {
    const keyOf = keyOfOrder(settings)
    if (keyOf === null) return null
    const replaced = (delivery: Delivery): void => {
      this.#queue.queue.waiting.left(delivery)
      this.dropOut(delivery)
    }
    return new KeyLanes(keyOf, this.#context.memory, settings.latestByKey ? replaced : null)
  }

  /** A new message comes in: drops the older ones of its key that wait. Not for one that is too large for the queue, which is dropped itself. */
  comes(delivery: Delivery): void {
    const lanes = this.#lanes()
    if (lanes === null || sizeOf(delivery) > this.#queue.settings.bytesMax) return
    const { message, stored } = delivery
    // It may find no room. If it does, the lanes replace the older one.
    if (stored === 0 && !this.#context.memory.hasRoom) return
    const inStore = lanes.takeOlder(message)
    if (inStore !== null) this.#dropInStore(inStore)
    this.#dropTaken(lanes, lanes.takenOf(message))
  }

  /** Drops a message that nobody has any more if there is a newer one. Returns whether it did. */
  replaces(delivery: Delivery): boolean {
    const lanes = this.#lanes()
    if (lanes === null || !lanes.hasNewer(delivery.message)) return false
    lanes.release(delivery.message)
    this.dropOut(delivery)
    return true
  }

  /** The same for one that its consumer has past the deadline. */
  replacesOverdue(handOut: HandOut, held: Delivery): boolean {
    const lanes = this.#lanes()
    if (lanes === null || !lanes.hasNewer(handOut.message ?? held.message)) return false
    return this.replaces(this.#parts.takeAway(handOut, held))
  }

  /** What is moved into the queue is older than what is there. Returns whether it was dropped. */
  replacesMoved(delivery: Delivery): boolean {
    if (this.#lanes()?.isKnown(delivery.message) !== true) return false
    this.dropOut(delivery)
    return true
  }

  /** One that waited expires, or finds no room. Returns false: it is not kept. */
  leaves(delivery: Delivery): false {
    this.#lanes()?.leftStore(delivery)
    return false
  }

  /** A message that was taken out of `queue.waiting` is dropped. */
  dropOut(delivery: Delivery): void {
    this.#parts.handOuts.forget(delivery)
    this.#counts()
    drop(this.#context, 'replaced', delivery, this.#queue.owner)
  }

  #lanes(): KeyLanes | null {
    return this.#queue.settings.latestByKey ? this.#parts.lanes() : null
  }

  #dropInStore({ stored, bytes }: Newest): void {
    const { queue, owner } = this.#queue
    queue.tail.loses(stored, bytes)
    this.#context.journal.record({ kind: 'settled', delivery: stored, owner })
    this.#counts()
    this.#context.droppedInStore('replaced', 1)
  }

  /** One that was refused, or is past its deadline. What a consumer has otherwise stays. */
  #dropTaken(lanes: KeyLanes, number: number): void {
    const { handOuts, takeAway } = this.#parts
    const handOut = number === 0 ? undefined : handOuts.at(number)
    if (handOut === undefined) return
    const { aside, held } = handOut
    if (aside === null && (held === null || !handOuts.stuck.has(handOut))) return
    if (aside !== null) handOuts.takeOut(aside)
    const old = aside ?? (held === null ? null : takeAway(handOut, held))
    if (old === null) return
    lanes.release(old.message)
    this.dropOut(old)
  }

  #counts(): void {
    this.#queue.counts.replaced += 1
    this.#context.turnWorkLeft -= WORK.queueStep
  }
}

// What becomes of the messages of a named queue that it gives up: dead letters in another queue, or nothing.

import type { Delivery } from '../delivery.ts'
import { drop, type DropReason, type SessionContext } from '../session-context.ts'
import type { HandOutTable } from './hand-out-table.ts'
import type { NamedQueue } from './named-queue.ts'
import type { DeathReason, QueueHost } from './queue-host.ts'

export class QueueDeaths {
  readonly #queue: NamedQueue
  readonly #handOuts: HandOutTable
  readonly #host: QueueHost
  readonly #context: SessionContext
  /** A dead letter comes in. What it displaces does not become one: two queues may have each other for theirs. */
  #isTakingDead = false

  constructor(queue: NamedQueue, handOuts: HandOutTable, host: QueueHost, context: SessionContext) {
    this.#queue = queue
    this.#handOuts = handOuts
    this.#host = host
    this.#context = context
  }

  /** Adds a message of another queue. `reason`: why it is a dead letter; empty if it is none. */
  push(delivery: Delivery, reason: string): void {
    this.#isTakingDead = reason !== ''
    this.#queue.queue.push(delivery)
    this.#isTakingDead = false
  }

  /** A message that was taken out becomes a dead letter. */
  bury(delivery: Delivery, reason: DeathReason): void {
    if (this.#becomesDeadLetter(delivery, reason)) return
    const lost = reason === 'expired' ? 'message-expired' : 'deliveries-used-up'
    drop(this.#context, lost, delivery, this.#queue.owner)
  }

  /** A message that waits would be dropped. A dead letter does not become one again. */
  saves(delivery: Delivery, reason: DropReason): boolean {
    const { settings } = this.#queue
    const refuses = settings.overflow === 'refuse' && reason !== 'message-expired'
    const isLost = refuses || this.#isTakingDead
    if (!isLost && this.#handOuts.get(delivery)?.isDead !== true) {
      const death = reason === 'message-expired' ? 'expired' : 'overflow'
      const isUsedUp = this.#handOuts.isUsedUp(delivery, settings)
      return this.#becomesDeadLetter(delivery, isUsedUp ? 'deliveries' : death)
    }
    this.#handOuts.forget(delivery)
    return false
  }

  #becomesDeadLetter(delivery: Delivery, reason: DeathReason): boolean {
    const count = this.#handOuts.get(delivery)?.count ?? 0
    this.#handOuts.forget(delivery)
    const deadLetters = this.#host.deadLettersOf(this.#queue)
    if (deadLetters === null) return false
    const { counts } = this.#queue
    counts.deadLetters += 1
    if (reason === 'overflow') counts.overflowed += 1
    this.#context.observer.deadLetter?.(this.#queue.name, reason)
    deadLetters.takes(this.#queue, delivery, count, reason)
    return true
  }
}

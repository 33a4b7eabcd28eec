// What an operator does with the messages that wait in a named queue when it begins, instead of handing them out: oldest first, a part
// in each turn. What a consumer gives back meanwhile waits again, and counts as one of them.

import { WORK } from '../../limits.ts'
import type { Delivery } from '../delivery.ts'
import { HandOut } from './hand-outs.ts'
import type { HandOutTable } from './hand-out-table.ts'
import { numberOf } from '../waiting/fifo-queue.ts'
import type { SessionContext } from '../session-context.ts'

export interface SweepTask {
  readonly kind: 'purge' | 'move' | 'redrive'
  /** Returns why the message cannot be taken, which ends the sweep; null if it can. */
  fault(delivery: Delivery, past: Readonly<HandOut>): string | null
  /** The message was taken out of the queue. */
  take(delivery: Delivery, past: Readonly<HandOut>): void
}

export class Sweep {
  readonly task: SweepTask
  /** How many messages it takes at most. */
  readonly max: number
  done = 0
  isOver = false
  /** Why it ended early; null if it did not. */
  stopped: string | null = null
  /** Called once, at the end. */
  ended: () => void = () => {}

  constructor(task: SweepTask, max: number) {
    this.task = task
    this.max = max
  }

  ends(stopped: string | null = null): void {
    if (this.isOver) return
    this.isOver = true
    this.stopped = stopped
    this.ended()
  }
}

const NEVER_HANDED_OUT: Readonly<HandOut> = Object.freeze(new HandOut())

/** The sweep of one queue. */
export class RunningSweep {
  readonly sweep: Sweep
  readonly #upTo: number
  readonly #handOuts: HandOutTable

  constructor(sweep: Sweep, handOuts: HandOutTable, upTo: number) {
    this.sweep = sweep
    this.#handOuts = handOuts
    this.#upTo = upTo
  }

  /** Whether the message is one of those that it takes. If it is and cannot be taken, the sweep is over. */
  wants(delivery: Delivery): boolean {
    const { sweep } = this
    if (sweep.isOver || numberOf(delivery) > this.#upTo) return false
    if (sweep.done >= sweep.max) {
      sweep.ends()
      return false
    }
    const fault = sweep.task.fault(delivery, this.#pastOf(delivery))
    if (fault !== null) sweep.ends(fault)
    return fault === null
  }

  /** The message was taken out of the queue. */
  takes(delivery: Delivery, context: SessionContext): void {
    const past = this.#pastOf(delivery)
    this.#handOuts.forget(delivery)
    context.turnWorkLeft -= WORK.durableChange
    this.sweep.done += 1
    this.sweep.task.take(delivery, past)
  }

  #pastOf(delivery: Delivery): Readonly<HandOut> {
    return this.#handOuts.get(delivery) ?? NEVER_HANDED_OUT
  }
}

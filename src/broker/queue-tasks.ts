// What an operator does with the waiting messages of a named queue: purge, move, and redrive, which puts dead letters back.

import type { NamedQueue } from '../session/named-queue/named-queue.ts'
import { Sweep, type SweepTask } from '../session/named-queue/queue-sweep.ts'
import { redriven, storedApart } from '../session/named-queue/queue-intake.ts'
import { drop, type SessionContext } from '../session/session-context.ts'
import { sizeOf } from '../session/waiting/queue-tail.ts'
import type { Broker } from './broker.ts'
import type { NamedQueues } from './named-queues.ts'

type Delivery = Parameters<SweepTask['take']>[0]
type Past = Parameters<SweepTask['take']>[1]

export type QueueTask =
  | { readonly kind: 'purge' }
  | { readonly kind: 'move'; readonly to: string }
  /** To the queue that each dead letter came from. */
  | { readonly kind: 'redrive' }

const DEAD = '.dead'

export type QueueSweep = Sweep

export function sweepOf(task: QueueTask, max: number, queue: NamedQueue, broker: Broker): Sweep {
  const { queues } = broker.subscriptions
  const does =
    task.kind === 'purge' ? new Purge(queue, broker) : new Moving(task, queue, queues, broker)
  return new Sweep(does, max)
}

class Purge implements SweepTask {
  readonly kind = 'purge'
  readonly #queue: NamedQueue
  readonly #context: SessionContext

  constructor(queue: NamedQueue, context: SessionContext) {
    this.#queue = queue
    this.#context = context
  }

  fault(): null {
    return null
  }

  take(delivery: Delivery): void {
    this.#queue.counts.purged += 1
    drop(this.#context, 'queue-purged', delivery, this.#queue.owner)
  }
}

/** Counts of hand-outs begin at zero. A dead letter is none any more, and does not expire by what its publisher said. */
class Moving implements SweepTask {
  readonly kind: 'move' | 'redrive'
  readonly #to: string | null
  readonly #queue: NamedQueue
  readonly #queues: NamedQueues
  readonly #context: SessionContext

  constructor(
    task: Exclude<QueueTask, { readonly kind: 'purge' }>,
    queue: NamedQueue,
    queues: NamedQueues,
    context: SessionContext,
  ) {
    this.kind = task.kind
    this.#to = task.kind === 'move' ? task.to : null
    this.#queue = queue
    this.#queues = queues
    this.#context = context
  }

  /** Nothing is lost: what has no place stays where it is. */
  fault(delivery: Delivery, past: Past): string | null {
    const name = this.#targetOf(past)
    const target = this.#queues.get(name)
    if (target === null) return `there is no queue ${name}`
    if (target === this.#queue) return 'the next message came from this queue itself'
    const hasRoom = target.queue.waiting.fits(sizeOf(delivery), 1)
    return hasRoom ? null : `the queue ${name} is full`
  }

  take(delivery: Delivery, past: Past): void {
    const target = this.#queues.get(this.#targetOf(past))
    if (target === null) return
    this.#queue.counts.movedOut += 1
    if (!past.isDead || (!past.couldExpire && target.settings.messageExpirySeconds === 0)) {
      target.takes(this.#queue, delivery, 0, '')
      return
    }
    const own = redriven(target, delivery.message, this.#context)
    target.takeIn(own, storedApart(target, own, this.#context))
    if (delivery.stored === 0) return
    const { owner } = this.#queue
    this.#context.journal.record({ kind: 'settled', delivery: delivery.stored, owner })
  }

  #targetOf({ queue }: Past): string {
    if (this.#to !== null) return this.#to
    // It was published to the queue of dead letters, or an operator moved it there.
    return queue === '' ? aliveName(this.#queue.name) : queue
  }
}

function aliveName(name: string): string {
  return name.endsWith(DEAD) ? name.slice(0, -DEAD.length) : name
}

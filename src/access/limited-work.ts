// Work for clients that authenticate, such as checks of signatures and requests: a few at a time, a bounded number in a queue that is
// fair among addresses. It begins in a later iteration of the event loop, so that it is no part of a turn.

import { FairQueue } from './fair-queue.ts'

interface WorkBounds {
  readonly atOnceMax: number
  readonly queuedMax: number
}

interface Task {
  readonly begin: () => void
  readonly refuse: () => void
}

export class LimitedWork {
  readonly #atOnceMax: number
  readonly #queue: FairQueue<Task>
  #running = 0
  done = 0
  refused = 0

  constructor({ atOnceMax, queuedMax }: WorkBounds) {
    this.#atOnceMax = atOnceMax
    this.#queue = new FairQueue(queuedMax)
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Resolves with `busy` when the queue is full and the sender has most in it. */
  run<Result>(sender: string, work: () => Promise<Result>): Promise<Result | 'busy'> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#running++
        setImmediate(
          () =>
            void work()
              .then(resolve, reject)
              .finally(() => this.#ended()),
        )
      }
      const task = { begin, refuse: () => resolve('busy') }
      if (this.#running < this.#atOnceMax) begin()
      else this.#refuse(this.#queue.add(sender, task))
    })
  }

  #ended(): void {
    this.#running--
    this.done++
    this.#queue.take()?.begin()
  }

  #refuse(task: Task | null): void {
    if (task === null) return
    this.refused++
    task.refuse()
  }
}

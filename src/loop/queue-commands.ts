// What operators do with named queues: set, delete, look at, and do something with all messages that wait.

import type { Broker } from '../broker/broker.ts'
import { type Peeked, peekInMemory, StoredPeek } from '../broker/queue-peek.ts'
import { type QueueSweep, type QueueTask, sweepOf } from '../broker/queue-tasks.ts'
import type { CommitId } from '../store/journal.ts'

/** A sentence: why it was refused. `isThere`: whether the queue is there. */
interface QueueRefusal {
  readonly isThere: boolean
  readonly sentence: string
}

interface CommandWays {
  /** Begins in the next turn, never within a change. Resolves when what was changed is committed. Null: it goes on in a later turn. */
  later<Result>(step: () => Result | null): Promise<Result>
  /** Resolves when this commit is done. */
  whenCommitted(commitId: CommitId): Promise<void>
}

const BUSY =
  'an earlier purge, move, redrive or change of the order goes on: try again when it is done'
const FULL = 'no room for another named queue (limits.namedQueuesMax)'

export class QueueCommands {
  readonly #broker: Broker
  readonly #ways: CommandWays
  /** What waits for a page or for the end of a sweep. */
  readonly #waiting = new Set<(error: Error) => void>()

  constructor(broker: Broker, ways: CommandWays) {
    this.#broker = broker
    this.#ways = ways
  }

  /** Makes the queue, or changes these of its settings. */
  set(name: string, changes: Readonly<Record<string, unknown>>): Promise<'done' | QueueRefusal> {
    return this.#ways.later(() => {
      const { queues } = this.#broker.subscriptions
      const queue = queues.get(name)
      const isThere = queue !== null
      if (queue?.isBusy === true) return { isThere, sentence: BUSY }
      if (!isThere && this.#isFull()) return { isThere, sentence: FULL }
      const sentence = this.#changing(() => queues.setByOperator(name, changes))
      return sentence === null ? 'done' : { isThere, sentence }
    })
  }

  /** Resolves with false when there is no such queue. */
  delete(name: string): Promise<boolean> {
    return this.#ways.later(() => {
      const { queues } = this.#broker.subscriptions
      if (queues.get(name) === null) return false
      this.#changing(() => queues.delete(name))
      return true
    })
  }

  /** Begins to do this with the messages that wait now, `max` at most, oldest first. */
  begin(name: string, task: QueueTask, max: number): Promise<QueueSweep | QueueRefusal> {
    return this.#ways.later(() => {
      const queue = this.#broker.subscriptions.queues.get(name)
      if (queue === null) return NO_QUEUE
      if (queue.isBusy) return { isThere: true, sentence: BUSY }
      const sweep = sweepOf(task, max, queue, this.#broker)
      this.#changing(() => queue.dispatch.begin(sweep))
      return sweep
    })
  }

  /** Resolves when the sweep has ended and what it did is committed. */
  async whenOver(sweep: QueueSweep): Promise<void> {
    if (!sweep.isOver) await this.#answered<void>(done => (sweep.ended = () => done()))
    await this.#ways.whenCommitted(this.#broker.journal.latest)
  }

  /** Resolves with messages that wait behind the number `after`, `max` at most; null if there is no such queue. */
  peek(name: string, after: number, max: number): Promise<Peeked | null> {
    const { subscriptions, pages } = this.#broker
    return this.#answered((done, failed) => {
      const step = (): void => {
        const queue = subscriptions.queues.get(name)
        if (queue === null) done(null)
        else if (queue.isDurable) new StoredPeek(queue, after, max, pages, done).begins()
        else done(peekInMemory(queue, after, max))
      }
      this.#ways.later(step).catch(failed)
    })
  }

  /** Rejects all that waits. */
  fail(error: Error): void {
    for (const failed of this.#waiting) failed(error)
    this.#waiting.clear()
  }

  #isFull(): boolean {
    const { subscriptions, limits, statistics } = this.#broker
    if (subscriptions.queues.count < limits.namedQueuesMax) return false
    statistics.limited.namedQueuesMax += 1
    return true
  }

  #answered<Result>(
    begin: (done: (result: Result) => void, failed: (error: unknown) => void) => void,
  ): Promise<Result> {
    return new Promise((resolve, failed) => {
      this.#waiting.add(failed)
      begin(result => {
        this.#waiting.delete(failed)
        resolve(result)
      }, failed)
    })
  }

  /** If it throws, the state of the broker may be wrong. */
  #changing<Result>(change: () => Result): Result {
    this.#broker.changing += 1
    const result = change()
    this.#broker.changing -= 1
    return result
  }
}

const NO_QUEUE: QueueRefusal = { isThere: false, sentence: 'there is no such queue' }

// Messages of one world that transactions carry from a queue to the next, and from there to a reader: exactly once.

import type { ClientWorld } from './sim-client.ts'
import { TransactionReader } from './transaction-clients.ts'
import { TransferOracle } from './transfer-oracle.ts'
import { TransferProducer } from './transfer-producer.ts'
import { DEAD, DONE, FIRST, SECOND, type TransfersOfWorld } from './transfer-settings.ts'
import { type Route, TransferWorker } from './transfer-worker.ts'

/** Long enough for all messages, also where each waits for the one before, and a client gets few a second. */
const REST_MS = 600_000
const STEP_MS = 1_000

export interface PassingWorld extends ClientWorld {
  passes(milliseconds: number): void
}

export class TransferWorld {
  readonly oracle: TransferOracle
  readonly #world: PassingWorld
  readonly #reader: TransactionReader
  readonly #producer: TransferProducer
  readonly #workers: readonly TransferWorker[]

  constructor(world: PassingWorld, terms: TransfersOfWorld) {
    this.#world = world
    this.oracle = new TransferOracle(world.history, terms)
    const { oracle } = this
    const reading = { clientId: 'transfer-reader', qos: 2, tree: DONE } as const
    this.#reader = new TransactionReader(reading, world, terms, oracle)
    this.#producer = new TransferProducer('transfer-producer', world, terms, oracle)
    const numbers = Array.from({ length: terms.workers }, (_, index) => index + 1)
    const routes: readonly Route[] = numbers.flatMap(number => [
      { clientId: `x${number}`, from: FIRST, to: `$queue/${SECOND}` },
      { clientId: `y${number}`, from: SECOND, to: `${DONE}/done` },
    ])
    const ofDeadLetters = routes.map(({ clientId, from, to }) => {
      return { clientId: `${clientId}-dead`, from: from + DEAD, to }
    })
    const all = terms.hasDeadLetters ? [...routes, ...ofDeadLetters] : routes
    this.#workers = all.map(route => new TransferWorker(route, world, terms, oracle))
  }

  begins(): void {
    for (const each of [this.#reader, this.#producer, ...this.#workers]) each.begins()
  }

  calmsDown(): void {
    for (const each of [this.#reader, this.#producer, ...this.#workers]) each.isCalm = true
  }

  judge(): void {
    for (let left = REST_MS; left > 0 && !this.#isAtRest; left -= STEP_MS) {
      this.#world.passes(STEP_MS)
    }
    // What was told last is on its way.
    this.#world.passes(STEP_MS)
    for (const worker of this.#workers) worker.judge()
    this.oracle.judge()
  }

  get #isAtRest(): boolean {
    const isDone = this.#producer.isAtRest && this.#workers.every(({ isAtRest }) => isAtRest)
    return isDone && this.oracle.isComplete
  }
}

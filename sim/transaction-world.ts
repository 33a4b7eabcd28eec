// Transactions of one world: their makers and readers, how they come to rest, and what is checked. One world in five has some.

import { Random } from './random.ts'
import type { ClientWorld } from './sim-client.ts'
import { TransactionMaker, TransactionReader } from './transaction-clients.ts'
import { TransactionOracle } from './transaction-oracle.ts'

/** One world in this many has transactions. */
const WORLDS = 5
const STREAM = 0x74_78_63_6f

export class TransactionWorld {
  readonly oracle: TransactionOracle
  readonly #makers: readonly TransactionMaker[]
  readonly #readers: readonly TransactionReader[]

  constructor(world: ClientWorld, random: Random) {
    this.oracle = new TransactionOracle(world.history)
    const { oracle } = this
    const qos = random.of([1, 2] as const)
    const terms = { random, paceMs: random.of([100, 300, 1_000]), qos }
    this.#makers = ['t1', 't2'].map(id => new TransactionMaker(id, world, terms, oracle))
    this.#readers = ([2, 2, 1, 0] as const).map(
      (qos, index) =>
        new TransactionReader({ clientId: `r${index + 1}`, qos }, world, terms, oracle),
    )
  }

  begins(): void {
    for (const each of [...this.#readers, ...this.#makers]) each.begins()
  }

  /** From now on nothing new begins, and what has begun is decided. */
  calmsDown(): void {
    for (const each of [...this.#readers, ...this.#makers]) each.isCalm = true
  }

  judge(): void {
    for (const { isAtRest, clientId } of this.#makers) {
      if (!isAtRest) this.oracle.violation(`${clientId} has not come to rest`)
    }
    this.oracle.judge()
  }
}

/** Returns null for a world without transactions. */
export function transactionsOf(seed: number): Random | null {
  const random = new Random(seed ^ STREAM)
  return random.chance(WORLDS) ? random : null
}

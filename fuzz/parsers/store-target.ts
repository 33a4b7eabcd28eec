// Files of a store with a flipped bit, a cut or zeros: everything is there, or the damage is told. The simulator's disk holds them.

import { DamageTrial } from '../../sim/faults.ts'
import { Random } from '../../sim/random.ts'
import type { Outcome, Target } from '../target.ts'
import { count } from './file-target.ts'

/** Damages to one store. */
const SEEDS_A_STORE = 2_000

export class StoreTarget implements Target {
  readonly name = 'store'
  readonly unit = 'damaged stores'
  readonly counts: Record<string, number> = {}
  /** The seed itself. */
  input = ''
  #trial: DamageTrial | null = null
  #trialSeed = -1

  run(seed: number): Outcome {
    this.input = String(seed)
    return this.replay(this.input)
  }

  replay(input: string): Outcome {
    const seed = Number(input)
    const trialSeed = Math.floor(seed / SEEDS_A_STORE)
    if (this.#trial === null || this.#trialSeed !== trialSeed) {
      this.#trial = new DamageTrial(trialSeed)
      this.#trialSeed = trialSeed
    }
    const outcome = this.#trial.try(new Random(seed))
    count(this.counts, outcome)
    return outcome === 'silently less' ? 'a damage was not told' : null
  }

  /** A damage is one bit or one cut already. */
  smaller(): Iterable<string> {
    return []
  }
}

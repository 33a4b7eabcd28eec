// Runs many worlds, one after the other, and adds up their results.

import { REAL_PARTITIONS } from './partition-trials.ts'
import { runPartitions } from './partition-world.ts'
import { REAL } from './trials.ts'
import type { Counts, Outcome } from './outcome.ts'
import { run, type Trial } from './world.ts'

/** Runs the seeds from `from` up to, but not including, `to`. */
export interface SeedRange {
  readonly from: number
  readonly to: number
  /** Whether the worlds have several partitions. */
  readonly partitions: boolean
}

export interface Tally {
  runs: number
  readonly counts: Counts
  readonly failures: { readonly seed: number; readonly violation: string }[]
}

export function tallyOf(): Tally {
  const faults = { kills: 0, powerCuts: 0 }
  const queues = { handOuts: 0, deadLetters: 0, transactions: 0, transfers: 0, crossed: 0 }
  const counts = { accepted: 0, received: 0, ...faults, events: 0, diskCalls: 0, ...queues }
  return { runs: 0, counts, failures: [] }
}

export function runSeeds({ from, to, partitions }: SeedRange): Tally {
  const tally = tallyOf()
  for (let seed = from; seed < to; seed++) {
    addOutcome(partitions ? runPartitions(seed, REAL_PARTITIONS) : run(seed, REAL), tally)
  }
  return tally
}

export function runSeed(seed: number, trial: Trial, tally: Tally): void {
  addOutcome(run(seed, trial), tally)
}

export function addOutcome({ seed, counts, violations }: Outcome, tally: Tally): void {
  tally.runs += 1
  for (const name of Object.keys(counts) as (keyof Counts)[]) tally.counts[name] += counts[name]
  const [violation] = violations
  if (violation !== undefined) tally.failures.push({ seed, violation })
}

export function failuresIn({ failures }: Tally): string {
  return failures.map(({ seed, violation }) => `seed ${seed}: ${violation}\n`).join('')
}

/** After N runs without a failure, fewer than 3 in N fail, with 95 % confidence. */
export function sentenceOf({ runs, counts, failures }: Tally): string {
  const { kills, powerCuts, accepted, received, handOuts, deadLetters } = counts
  const { transactions, transfers, crossed } = counts
  const between = crossed === 0 ? '' : `; ${crossed} messages between partitions`
  const share = `${(300 / runs).toPrecision(2)} %`
  const bound = failures.length === 0 ? `: at 95 % fewer than ${share} of such runs fail` : ''
  return (
    `${runs} seeds, ${failures.length} failures${bound}; ` +
    `${powerCuts} power cuts, ${kills} kills, ${accepted} messages acknowledged, ${received} received; ` +
    `queues: ${handOuts} hand-outs, ${deadLetters} dead letters; ${transactions} transactions, ${transfers} transfers${between}`
  )
}

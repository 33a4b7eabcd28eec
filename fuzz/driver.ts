// Runs the seeds of a target, and minimises what it finds.

import { minimise } from './minimise.ts'
import type { Finding, Outcome, Target } from './target.ts'

const FINDINGS_MAX = 5
/** Looking at the clock costs more than a packet. */
const RUNS_BETWEEN_LOOKS = 64

export interface Range {
  readonly from: number
  /** The number of runs. */
  readonly count: number
  /** Milliseconds since 1970. */
  readonly until: number
  /** Stops after so many findings: they often have the same cause. */
  readonly findingsMax?: number
}

export interface Report {
  readonly runs: number
  readonly findings: readonly Finding[]
}

export async function fuzz(target: Target, range: Range): Promise<Report> {
  // The stack of an error costs more than the error, and refusals are most of what happens here.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return await runSeeds(target, range)
  } finally {
    Error.stackTraceLimit = limit
  }
}

async function runSeeds(
  target: Target,
  { from, count, until, findingsMax = FINDINGS_MAX }: Range,
): Promise<Report> {
  const findings: Finding[] = []
  let runs = 0
  while (runs < count && findings.length < findingsMax) {
    if (runs % RUNS_BETWEEN_LOOKS === 0 && Date.now() >= until) break
    const seed = from + runs
    runs++
    const made = attempted(() => target.run(seed))
    const outcome = made instanceof Promise ? await made : made
    if (outcome !== null) findings.push(await findingOf(target, seed, outcome))
  }
  return { runs, findings }
}

/** A throw that the target did not expect is a finding as well. */
function attempted(run: () => Outcome | Promise<Outcome>): Outcome | Promise<Outcome> {
  try {
    return run()
  } catch (error) {
    return `threw ${String(error)}`
  }
}

async function findingOf(target: Target, seed: number, sentence: string): Promise<Finding> {
  const { input } = target
  const alone = await target.replay(input)
  if (alone === null) {
    const late = `${sentence} (only after the seeds before it, or only with its own chunks)`
    return { target: target.name, seed, sentence: late, input }
  }
  return { target: target.name, seed, ...(await minimise(target, input, alone)) }
}

/** A finding as a sentence with the command that repeats it. */
export function sentenceOf({ target, seed, sentence, input }: Finding): string {
  return `${target}, seed ${seed}: ${sentence}\n  npm run fuzz -- --only ${target} --seed ${seed} --runs 1\n  ${input}`
}

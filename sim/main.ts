// `npm run sim`: one seed with its trace, or many seeds with their totals.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { failuresIn, runSeeds, type SeedRange, sentenceOf, type Tally, tallyOf } from './seeds.ts'
import { REAL_PARTITIONS } from './partition-trials.ts'
import { runPartitions } from './partition-world.ts'
import { REAL } from './trials.ts'
import { run } from './world.ts'

const HELP = `npm run sim -- --seed N            one world, with its trace
npm run sim -- --seeds N           this many worlds
    --from N                       the first seed (default 1)
    --seconds N                    begins no more worlds after this time
    --partitions                   worlds of several partitions
    --jobs N                       threads (default: one for each processor)
`

/** How many worlds a thread runs between two reports. */
const SLICE = 500

if (isMainThread) process.exitCode = await main()
else parentPort?.postMessage(runSeeds(workerData as SeedRange))

async function main(): Promise<number> {
  const option = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      seed: option,
      seeds: option,
      from: option,
      seconds: option,
      jobs: option,
      partitions: { type: 'boolean' },
    },
  })
  const partitions = values.partitions === true
  if (values.seed !== undefined) return tellOne(Number(values.seed), partitions)
  if (values.seeds === undefined) {
    process.stdout.write(HELP)
    return 2
  }
  const from = Number(values.from ?? 1)
  const until = Date.now() + Number(values.seconds ?? Infinity) * 1_000
  const jobs = Number(values.jobs ?? availableParallelism())
  return runMany({ from, to: from + Number(values.seeds), partitions }, until, jobs)
}

/** Runs one world again and prints its trace. */
function tellOne(seed: number, partitions: boolean): number {
  const { trace, violations, counts } = partitions
    ? runPartitions(seed, { ...REAL_PARTITIONS, traces: true })
    : run(seed, { ...REAL, traces: true })
  process.stdout.write(`${[...trace, '', ...violations, JSON.stringify(counts)].join('\n')}\n`)
  return violations.length === 0 ? 0 : 1
}

async function runMany(range: SeedRange, until: number, jobs: number): Promise<number> {
  const total = tallyOf()
  let next = range.from
  const work = async (): Promise<void> => {
    while (next < range.to && Date.now() < until) {
      const slice = { ...range, from: next, to: Math.min(next + SLICE, range.to) }
      next = slice.to
      const found = await inThread(slice)
      process.stdout.write(failuresIn(found))
      add(total, found)
      if (total.runs % 10_000 === 0) process.stdout.write(`${sentenceOf(total)}\n`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  process.stdout.write(`${sentenceOf(total)}\n`)
  return total.failures.length === 0 ? 0 : 1
}

function inThread(slice: SeedRange): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: slice })
    worker.on('message', resolve)
    worker.on('error', reject)
  })
}

function add(total: Tally, more: Tally): void {
  total.runs += more.runs
  total.failures.push(...more.failures)
  for (const name of Object.keys(total.counts) as (keyof Tally['counts'])[]) {
    total.counts[name] += more.counts[name]
  }
}

// npm run soak: a mixed load for an hour, and whether anything drifts.

import { parseArgs } from 'node:util'
import type { Ledger } from './ledger.ts'
import type { Sample } from './samples.ts'
import { mebibytes, soak } from './soak.ts'

const USAGE = `npm run soak -- [options]
  --minutes N      how long the load lasts (60); growth of memory is judged from 8 minutes on
  --seed S         of the load (from the clock)
  --front-ends N   processes that have the sockets (0); one is killed each 7 s
`
const PROGRESS_EVERY = 12

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'front-ends': { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else
  process.exitCode = await run(
    Number(values.minutes),
    Number(values.seed),
    Number(values['front-ends']),
  )

async function run(minutes: number, seed: number, frontEnds: number): Promise<number> {
  console.log(`seed ${seed}`)
  let samples = 0
  let told = 0
  const tell = ({ findings }: Ledger): void => {
    for (; told < findings.length; told++) console.log(`  FOUND: ${findings[told]}`)
  }
  const progress = (sample: Sample, ledger: Ledger): void => {
    tell(ledger)
    if (samples++ % PROGRESS_EVERY === 0) console.log(lineOf(sample, ledger))
  }
  const { ledger, growth, done, samples: all } = await soak({ minutes, seed, frontEnds, progress })
  for (const sentence of done) console.log(`  ${sentence}`)
  tell(ledger)
  const descriptors = all.map(sample => sample.descriptors)
  console.log(
    `${minutes} minutes: ${ledger.acknowledged} messages acknowledged, ${ledger.received} received, ${ledger.repeated} of them again; ` +
      `memory ${mebibytes(growth.before)} in the second quarter, ${mebibytes(growth.after)} in the last; ` +
      `descriptors ${Math.min(...descriptors)} to ${Math.max(...descriptors)}; ${ledger.findingCount} findings`,
  )
  return ledger.findingCount === 0 ? 0 : 1
}

function lineOf(sample: Sample, { acknowledged, findingCount }: Ledger): string {
  const { seconds, residentBytes, descriptors, metrics } = sample
  const clients = metrics.get('pondhawk_clients_connected') ?? 0
  return `${seconds.toFixed(0)} s: ${mebibytes(residentBytes)}, ${descriptors} descriptors, ${clients} clients, ${acknowledged} acknowledged, ${findingCount} findings`
}

// `npm run fuzz`: runs targets over seeds, one after another, and prints what they find.

import { parseArgs } from 'node:util'
import { fuzz, sentenceOf } from './driver.ts'
import { minimise } from './minimise.ts'
import { TARGETS } from './targets.ts'
import type { Target } from './target.ts'

const HELP = `npm run fuzz -- --seconds N             every target for its share of this time
npm run fuzz -- --only TARGET --runs N  this many seeds of one target
    --seed S        the first seed (default: the clock); one seed is one run
    --packets N     the same as --only packets --runs N
    --sequences N   the same as --only sequences --runs N
    --input TEXT    one input, as a finding prints it; minimised if something is wrong
targets: ${Object.keys(TARGETS).join(', ')}
`

process.exitCode = await main()

async function main(): Promise<number> {
  const option = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      seconds: option,
      only: option,
      runs: option,
      seed: option,
      packets: option,
      sequences: option,
      input: option,
    },
  })
  const { packets, sequences } = values
  const only =
    packets !== undefined ? 'packets' : sequences !== undefined ? 'sequences' : values.only
  const runs = packets ?? sequences ?? values.runs
  if (only === undefined && values.seconds === undefined) return help()
  const names = only === undefined ? Object.keys(TARGETS) : [only]
  if (names.some(name => !Object.hasOwn(TARGETS, name))) return help()
  const from = Number(values.seed ?? Math.floor(Date.now() / 1_000) * 1_000_000)
  const seconds = Number(values.seconds ?? Infinity) / names.length
  const count = runs === undefined ? Infinity : Number(runs)
  if (![from, seconds, count].every(each => each >= 0)) return help()
  let status = 0
  for (const name of names) {
    const target = TARGETS[name]?.()
    if (target === undefined) return help()
    const isGood =
      values.input === undefined
        ? await runOne(target, { from, count, until: Date.now() + seconds * 1_000 })
        : await replayOne(target, values.input)
    if (!isGood) status = 1
  }
  return status
}

function help(): number {
  process.stdout.write(HELP)
  return 2
}

async function runOne(
  target: Target,
  range: { readonly from: number; readonly count: number; readonly until: number },
): Promise<boolean> {
  const before = process.cpuUsage()
  const { runs, findings } = await fuzz(target, range)
  const { user, system } = process.cpuUsage(before)
  const perSecond = Math.round((runs * 1_000_000) / (user + system))
  const seen = Object.entries(target.counts).map(([what, count]) => `${count} ${what}`)
  process.stdout.write(
    `${target.name}: seeds ${range.from} to ${range.from + runs - 1}, ${runs} runs, ${perSecond} for each second of a processor, ${findings.length} findings (${seen.join(', ')})\n`,
  )
  for (const finding of findings) process.stdout.write(`${sentenceOf(finding)}\n`)
  return findings.length === 0
}

async function replayOne(target: Target, input: string): Promise<boolean> {
  const outcome = await target.replay(input)
  if (outcome === null) {
    process.stdout.write(`${target.name}: nothing is wrong with it\n`)
    return true
  }
  const smallest = await minimise(target, input, outcome)
  process.stdout.write(`${target.name}: ${smallest.sentence}\n  ${smallest.input}\n`)
  return false
}

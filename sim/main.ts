// `npm run sim`: one seed with its story, or many with their sum.

import { run } from './world.ts'
import { ANSWERS_TOO_EARLY, PLAIN, REAL, WITHOUT_SYNC } from './trials.ts'

const seed = Number(process.argv[2])
const trial =
  { PLAIN, REAL, WITHOUT_SYNC, ANSWERS_TOO_EARLY }[process.env['TRIAL'] ?? 'REAL'] ?? REAL
if (process.argv[3] === undefined) {
  const outcome = run(seed, { ...trial, tellsStory: true })
  console.log(outcome.story.join('\n'))
  console.log(outcome.violations.join('\n'))
  console.log(outcome.counts)
} else {
  const start = performance.now()
  let failed = 0
  const kinds = new Map<string, number[]>()
  let events = 0
  const to = Number(process.argv[3])
  for (let each = seed; each < to; each++) {
    const outcome = run(each, trial)
    events += outcome.counts.events
    if (outcome.violations.length === 0) continue
    failed += 1
    const kind = (outcome.violations[0] ?? '').split('\n')[0]?.replaceAll(/[0-9]+/g, '#') ?? ''
    kinds.set(kind, [...(kinds.get(kind) ?? []), each])
  }
  for (const [kind, seeds] of kinds) console.log(seeds.length, kind, seeds.slice(0, 8).join(' '))
  console.log(
    failed,
    'failed',
    events,
    'events',
    (performance.now() - start) / (to - seed),
    'ms a run',
  )
}

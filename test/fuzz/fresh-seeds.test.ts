// Seeds of each target, the same ones on every run, so that a failure is the change's own and can be repeated.
// FUZZ_SECONDS says for how long, all targets together, FUZZ_SEED where they begin; a finding names the command that repeats it.

import { test } from 'tap'
import { fuzz, sentenceOf } from '../../fuzz/driver.ts'
import { TARGETS } from '../../fuzz/targets.ts'

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4)
const MILLISECONDS_EACH = (SECONDS * 1_000) / Object.keys(TARGETS).length
const FIRST = Number(process.env['FUZZ_SEED'] ?? 40_000_000_000)

for (const [name, create] of Object.entries(TARGETS)) {
  const timeout = MILLISECONDS_EACH + 120_000
  test(`${name}: nothing is wrong with inputs that nobody has seen`, { timeout }, async t => {
    const target = create()
    const range = { from: FIRST, count: Infinity, until: Date.now() + MILLISECONDS_EACH }
    const { runs, findings } = await fuzz(target, range)

    t.equal(findings.map(sentenceOf).join('\n'), '')
    t.ok(runs > 0)
    t.comment(`${runs} ${target.unit}`)
  })
}

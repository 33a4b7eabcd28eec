// New seeds of each target. FUZZ_SECONDS says for how long, all targets together; a finding names the command that repeats it.

import { test } from 'tap'
import { fuzz, sentenceOf } from '../../fuzz/driver.ts'
import { TARGETS } from '../../fuzz/targets.ts'

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4)
const MILLISECONDS_EACH = (SECONDS * 1_000) / Object.keys(TARGETS).length
/** Another stretch of seeds every second. */
const FIRST = Math.floor(Date.now() / 1_000) * 1_000_000

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

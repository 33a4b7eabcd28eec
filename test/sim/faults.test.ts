// The disk fails. Here a part of the sweep runs, another one each day; FAULT_SWEEP=all runs every call and every damage.

import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { type DamageOutcome, DamageTrial, FAULTS, runFault } from '../../sim/faults.ts'

const IS_ALL = process.env['FAULT_SWEEP'] === 'all'
const CALLS = 2_000
const DAMAGES = 10_000
const PARTS = IS_ALL ? 1 : 40
const DAY = Math.floor(Date.now() / 86_400_000)

test('a healthy run makes more calls than the sweep has', async t => {
  const { calls, violation } = runFault({ call: Infinity, fault: 'short', persists: false })
  t.ok(calls > CALLS, `${calls} calls`)
  t.equal(violation, null)
})

test('the crash test finds that a store that does not sync loses acknowledged messages', async t => {
  let guilty = 0
  for (let call = 100; call < 1_000; call += 30) {
    const plan = { call, fault: { code: 'EIO' }, persists: true, durability: 'os' } as const
    if (runFault(plan).violation !== null) guilty += 1
  }
  t.ok(guilty > 0)
})

for (const fault of FAULTS) {
  for (const persists of [false, true]) {
    const name = fault === 'short' ? 'a short write' : fault.code
    const when = persists ? 'from each call on' : 'at each call'
    test(
      `with ${name} ${when} nothing is acknowledged that is not there afterwards`,
      { timeout: 600_000 },
      async t => {
        const violations: string[] = []
        let acknowledged = 0
        for (let call = 1 + (DAY % PARTS); call <= CALLS; call += PARTS) {
          const outcome = runFault({ call, fault, persists })
          acknowledged += outcome.acknowledged
          if (outcome.violation !== null) violations.push(`call ${call}: ${outcome.violation}`)
        }
        t.strictSame(violations, [])
        t.ok(acknowledged > 0)
      },
    )
  }
}

test(
  'flipped bits and cut files are recovered from, or refused by name, and nothing is silently less',
  { timeout: 600_000 },
  async t => {
    const outcomes: Record<DamageOutcome, number> = {
      whole: 0,
      reported: 0,
      cut: 0,
      'silently less': 0,
    }
    const trial = new DamageTrial(DAY)
    const random = new Random(DAY)
    for (let count = 0; count < DAMAGES / (IS_ALL ? 1 : 10); count++)
      outcomes[trial.try(random)] += 1

    t.equal(outcomes['silently less'], 0)
    t.ok(outcomes.reported > 0 && outcomes.cut > 0 && outcomes.whole > 0)
    t.comment(JSON.stringify(outcomes))
  },
)

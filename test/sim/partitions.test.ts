// Worlds of several partitions, each from one number. A failing seed is told again by `npm run sim -- --partitions --seed N`.

import { test } from 'tap'
import {
  ADMITS_EARLY,
  FORGETS_APPLIED,
  GIVES_ONE_PAGE,
  HANDS_OUT_TWICE,
  KEEPS_LATE,
  KEEPS_WHAT_WAS_HANDED_OUT,
  type PartitionTrial,
  PLAIN_PARTITIONS,
  REAL_PARTITIONS,
  SENDS_BEFORE_COMMIT,
  SETTLES_WHAT_IS_LENT,
  TELLS_EARLY,
  WITHOUT_EPOCHS,
} from '../../sim/partition-trials.ts'
import { runPartitions } from '../../sim/partition-world.ts'
import { queuesOf } from '../../sim/queue-settings.ts'
import { addOutcome, failuresIn, sentenceOf, tallyOf } from '../../sim/seeds.ts'

const SECONDS = Number(process.env['SIM_SECONDS'] ?? 7)

test('no world of partitions breaks a guarantee', { timeout: (SECONDS + 60) * 1_000 }, async t => {
  const tally = tallyOf()
  const until = Date.now() + SECONDS * 1_000
  // Another stretch of seeds every day.
  const first = Math.floor(Date.now() / 86_400_000) * 1_000_000
  for (let seed = first; Date.now() < until; seed++) {
    addOutcome(runPartitions(seed, REAL_PARTITIONS), tally)
  }

  t.equal(failuresIn(tally), '')
  const { powerCuts, kills, accepted, crossed, handOuts } = tally.counts
  t.ok(powerCuts > 0 && kills > 0 && accepted > 0 && crossed > 0 && handOuts > 0)
  t.comment(sentenceOf(tally))
})

test('a seed makes the same world of partitions every time', async t => {
  const outcomes = [1, 2].map(() => runPartitions(7, REAL_PARTITIONS))
  t.strictSame(outcomes[0], outcomes[1])
  t.ok((outcomes[0]?.counts.events ?? 0) > 0)
})

/** Seeds out of `count`, or of so many as it takes to find three, in which a rule of these is found broken. */
function guilty(
  trial: PartitionTrial,
  count: number,
  rules: RegExp,
  isOfUse: (seed: number) => boolean = () => true,
): number {
  let found = 0
  for (let seed = 1; seed <= count && found < 3; seed++) {
    if (!isOfUse(seed)) continue
    if (runPartitions(seed, trial).violations.some(each => rules.test(each))) found += 1
  }
  return found
}

test('the simulator finds no fault in partitions with a simple store', async t => {
  t.equal(guilty(PLAIN_PARTITIONS, 40, /./), 0)
})

test('a partition that sends before its commit is found out', async t => {
  t.equal(guilty(SENDS_BEFORE_COMMIT, 300, /^(?:I[128]|hang|queue): /), 3)
})

test('a partition that admits clients before it has the filters of the others is found out', async t => {
  t.equal(guilty(ADMITS_EARLY, 300, /^I[18]: .* never received/), 3)
})

test('partitions that take frames of earlier starts for present ones are found out', async t => {
  t.equal(guilty(WITHOUT_EPOCHS, 600, /^(?:I[1237]|queue): /), 3)
})

test('a partition that forgets what it has applied is found out', async t => {
  t.equal(guilty(FORGETS_APPLIED, 600, /^I2: /), 3)
})

test('a partition that answers SUBSCRIBE before the others have the filter is found out', async t => {
  t.equal(guilty(TELLS_EARLY, 300, /^I1: .* never received/), 3)
})

test('a partition that acknowledges what is retained before it is kept is found out', async t => {
  t.equal(guilty(KEEPS_LATE, 300, /^I[49]: /), 3)
})

test('a share group that keeps what it has handed to another partition is found out', async t => {
  t.equal(guilty(HANDS_OUT_TWICE, 300, /^I[27]: /), 3)
})

test('a partition that keeps what its members did not take is found out', async t => {
  t.equal(guilty(KEEPS_WHAT_WAS_HANDED_OUT, 300, /^I7: .* ever received/), 3)
})

test('a queue that settles what it has lent to a consumer of another partition is found out', async t => {
  const hasQueues = (seed: number): boolean => queuesOf(seed) !== null
  t.equal(guilty(SETTLES_WHAT_IS_LENT, 600, /^queue: .* is lost/, hasQueues), 3)
})

test('a partition that gives a part of what is retained is found out', async t => {
  t.equal(guilty(GIVES_ONE_PAGE, 100, /^I4: /), 3)
})

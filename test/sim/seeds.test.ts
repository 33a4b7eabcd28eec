// The whole broker in many worlds, each from one number. SIM_SECONDS says for how long; a failing seed is told again
// by `npm run sim -- --seed N`.

import { test } from 'tap'
import { conflationsOf } from '../../sim/conflations.ts'
import { delaysOf } from '../../sim/delays.ts'
import { expressionsOf } from '../../sim/expressions.ts'
import { queuesOf } from '../../sim/queue-settings.ts'
import { failuresIn, runSeed, sentenceOf, tallyOf } from '../../sim/seeds.ts'
import {
  ANSWERS_TOO_EARLY,
  ASKS_ABOUT_OTHERS,
  DRAINS_PAST_A_MARK,
  forgetting,
  FORGETS_INTERVALS,
  KEEPS_WHAT_IS_DECIDED,
  LOSES_HOLDS,
  PLAIN,
  PUBLISHES_WHAT_IS_ABORTED,
  REAL,
  REVERSES_TRANSACTIONS,
  TEARS_TRANSACTIONS,
  TELLS_NO_OUTCOMES,
  WITHOUT_FENCE,
  WITHOUT_ORDER,
  WITHOUT_SYNC,
  WITHOUT_WHERE,
} from '../../sim/trials.ts'
import { transfersOf } from '../../sim/transfer-settings.ts'
import { transactionsOf } from '../../sim/transaction-world.ts'
import { run, type Trial } from '../../sim/world.ts'

const SECONDS = Number(process.env['SIM_SECONDS'] ?? 10)

test('no simulated world breaks a guarantee', { timeout: (SECONDS + 60) * 1_000 }, async t => {
  const tally = tallyOf()
  const until = Date.now() + SECONDS * 1_000
  // Another stretch of seeds every day.
  const first = Math.floor(Date.now() / 86_400_000) * 1_000_000
  for (let seed = first; Date.now() < until; seed++) runSeed(seed, REAL, tally)

  t.equal(failuresIn(tally), '')
  t.ok(tally.counts.powerCuts > 0 && tally.counts.kills > 0 && tally.counts.accepted > 0)
  t.ok(tally.counts.handOuts > 0 && tally.counts.deadLetters > 0)
  t.comment(sentenceOf(tally))
})

test('a seed makes the same world every time', async t => {
  const outcomes = [run(7, REAL), run(7, REAL)].map(({ counts, violations }) => ({
    counts,
    violations,
  }))
  t.strictSame(outcomes[0], outcomes[1])
  t.ok((outcomes[0]?.counts.events ?? 0) > 0)
})

/** Of each fault that the simulator or its oracle had, a world that showed it. docs/explanation/track-record.md has them. */
const MENDED = [93000098, 93004756, 93012522, 93015092, 94012437, 96010355, 97556314]

test('worlds that once failed are right', async t => {
  for (const seed of MENDED) t.strictSame(run(seed, REAL).violations, [], `seed ${seed}`)
})

/** Seeds out of `count`, or of so many as it takes to find `enough`, in which the ledger is found broken. */
function guilty(trial: Trial, count: number, enough: number): number {
  let found = 0
  for (let seed = 1; seed <= count && found < enough; seed++) {
    if (run(seed, trial).violations.length > 0) found += 1
  }
  return found
}

test('a store that does not sync is found out', async t => {
  t.equal(guilty(WITHOUT_SYNC, 300, 6), 6)
})

test('a broker that acknowledges before its commit is found out', async t => {
  t.equal(guilty(ANSWERS_TOO_EARLY, 300, 6), 6)
})

test('the simulator finds a wire that does not report small late writes', async t => {
  t.equal(guilty(DRAINS_PAST_A_MARK, 300, 6), 6)
})

test('the simulator finds no fault in a simple store without one', async t => {
  t.equal(guilty(PLAIN, 300, 1), 0)
})

/** Worlds of a kind among the first `count`, or among so many as it takes to find `enough`, in which a rule is found broken with this sentence. */
function guiltyOf(
  trial: Trial,
  count: number,
  enough: number,
  world: { readonly has: (seed: number) => object | null; readonly sentence: RegExp },
): number {
  let found = 0
  for (let seed = 1; seed <= count && found < enough; seed++) {
    if (world.has(seed) === null) continue
    if (run(seed, trial).violations.some(each => world.sentence.test(each))) found += 1
  }
  return found
}

/** Whether an operator moves and purges messages of queues in the world. */
function isSwept(seed: number): object | null {
  const queues = queuesOf(seed)
  return queues?.operation === 'sweep' ? queues : null
}

test('a queue that hands out before the commit of the message is found out', async t => {
  const world = { has: queuesOf, sentence: /^queue: .* before its commit/ }
  t.equal(guiltyOf(ANSWERS_TOO_EARLY, 150, 3, world), 3)
})

test('a queue that hands out again what was acknowledged is found out', async t => {
  const world = { has: queuesOf, sentence: /^queue: .* the time to store that/ }
  t.equal(guiltyOf(forgetting('settled'), 260, 3, world), 3)
})

test('a queue that does not keep its order is found out', async t => {
  const world = { has: queuesOf, sentence: /^queue: .* (?:while w. has|before .* was over)/ }
  t.equal(guiltyOf(WITHOUT_ORDER, 150, 3, world), 3)
})

test('a queue that takes in what its expression does not want is found out', async t => {
  const world = { has: queuesOf, sentence: /^queue: .* which it does not want/ }
  t.equal(guiltyOf(WITHOUT_WHERE, 150, 2, world), 2)
})

test('a store that forgets what an operator has moved is found out', async t => {
  const world = { has: isSwept, sentence: /^queue: / }
  t.equal(guiltyOf(forgetting('moved'), 1_200, 2, world), 2)
})

test('a store that forgets delayed messages, or that they were cancelled, is found out', async t => {
  const lost = { has: delaysOf, sentence: /^I1: / }
  t.equal(guiltyOf(forgetting('held'), 300, 3, lost), 3)
  const again = { has: delaysOf, sentence: /^(?:I2|I9|delayed): / }
  t.equal(guiltyOf(forgetting('released'), 150, 2, again), 2)
})

test('a store that forgets what was decided, or tears a transaction, is found out', async t => {
  const world = { has: transactionsOf, sentence: /^transaction: / }
  t.equal(guiltyOf(forgetting('decided'), 50, 2, world), 2)
  t.equal(guiltyOf(TEARS_TRANSACTIONS, 90, 2, world), 2)
})

test('a broker that changes the order of a transaction is found out', async t => {
  const world = { has: transactionsOf, sentence: /^transaction: .* out of order/ }
  t.equal(guiltyOf(REVERSES_TRANSACTIONS, 60, 2, world), 2)
})

test('a broker that publishes what was aborted, or keeps what was decided, is found out', async t => {
  const seen = { has: transactionsOf, sentence: /^transaction: .* was not committed, and somebody/ }
  t.equal(guiltyOf(PUBLISHES_WHAT_IS_ABORTED, 90, 2, seen), 2)
  const left = { has: transactionsOf, sentence: /^transaction: .* left in the store/ }
  t.equal(guiltyOf(KEEPS_WHAT_IS_DECIDED, 60, 2, left), 2)
})

test('a store that forgets the expressions of subscriptions is found out', async t => {
  const world = { has: expressionsOf, sentence: /^(?:I9|options): / }
  t.equal(guiltyOf(forgetting('filtered'), 800, 1, world), 1)
})

test('a store that forgets that subscriptions are conflated is found out', async t => {
  const world = { has: conflationsOf, sentence: /^conflation: .* ms after another one/ }
  t.equal(guiltyOf(forgetting('conflated'), 100, 3, world), 3)
})

test('a broker that forgets when the newest message of a topic is due is found out', async t => {
  const world = { has: conflationsOf, sentence: /^conflation: .* the last on / }
  t.equal(guiltyOf(FORGETS_INTERVALS, 80, 3, world), 3)
})

/** Whether a world with transfers breaks a rule with this sentence: worlds with this fault, until the first one is found guilty. */
function isFoundOut(trial: Trial, sentence: RegExp): boolean {
  for (let seed = 1; seed <= 300; seed++) {
    if (transfersOf(seed) === null) continue
    if (run(seed, trial).violations.some(each => sentence.test(each))) return true
  }
  return false
}

test('a store that forgets what a transaction settled or locked is found out', async t => {
  t.ok(isFoundOut(forgetting('settled'), /^transfer: .* after .* had settled it/))
  t.ok(isFoundOut(forgetting('locked'), /^transfer: .* has locked/))
})

test('a store that forgets decisions is found out by consumers that commit again', async t => {
  t.ok(isFoundOut(forgetting('decided'), /^transfer: .* was refused, and it is committed/))
})

test('queues that do not keep the order of what transactions carry are found out', async t => {
  const sentence = /^transfer: transfer-reader received m\d+ after m/
  t.ok(isFoundOut(WITHOUT_ORDER, sentence))
})

test('a broker that refuses what it has promised is found out', async t => {
  t.ok(isFoundOut(forgetting('decided'), /^transfer: .* was refused, and it is prepared/))
  t.ok(isFoundOut(LOSES_HOLDS, /^transfer: .* was refused, and .* holds all of it/))
})

test('a broker that publishes results of what was aborted is found out', async t => {
  const sentence = /^transfer: .* was not committed, and somebody saw it/
  t.ok(isFoundOut(PUBLISHES_WHAT_IS_ABORTED, sentence))
})

test('a broker that asks clients about transactions of others is found out', async t => {
  t.ok(isFoundOut(ASKS_ABOUT_OTHERS, /^transfer: .* is asked about/))
})

test('a store that forgets the ids of messages is found out', async t => {
  const sentence = /^transfer: .* (?:twice|had settled it)/
  t.ok(isFoundOut(forgetting('message-identified'), sentence))
})

test('a broker that settles what its consumer does not hold any more is found out', async t => {
  const sentence = /^transfer: .* (?:twice|had settled it|has locked)/
  t.ok(isFoundOut(WITHOUT_FENCE, sentence))
})

test('a broker that does not tell outcomes is found out', async t => {
  t.ok(isFoundOut(TELLS_NO_OUTCOMES, /^transfer: .* was not told that/))
})

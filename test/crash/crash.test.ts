// Real clients, a real disk, and a broker that is killed again and again. `npm run crash -- --kills 1000` goes on for longer.

import { test } from 'tap'
import type { FindingKind } from '../../crash/check/finding.ts'
import { crash, type CrashOptions } from '../../crash/crash-run.ts'

const OPTIONS: CrashOptions = {
  broker: 'pondhawk',
  level: 'fsync',
  kills: 12,
  seed: Math.floor(Date.now() / 86_400_000),
  messagesPerLife: 300,
  withMosquittoSub: true,
  evidence: 'crash-evidence',
}

test(
  'a broker that is killed twelve times keeps every guarantee',
  { timeout: 240_000 },
  async t => {
    const { kills, log } = await crash(OPTIONS)

    t.strictSame(log.checker.findings, [])
    t.equal(kills, 12)
  },
)

test(
  'at level os it keeps them as well: only a loss of power would show the difference',
  { timeout: 240_000 },
  async t => {
    const { log } = await crash({ ...OPTIONS, level: 'os', kills: 4 })
    t.strictSame(log.checker.findings, [])
  },
)

test(
  'the crash test finds that a broker in memory loses acknowledged messages',
  { timeout: 240_000 },
  async t => {
    const evidence = t.testdir()
    const missed = new Set<FindingKind>(['lost', 'queue-lost', 'session-lie'])
    // On a busy machine a life may be too short for anything to be acknowledged in it.
    for (let run = 0; run < 4 && missed.size > 0; run++) {
      const seed = OPTIONS.seed + run
      const { log } = await crash({ ...OPTIONS, seed, level: 'memory', kills: 3, evidence })
      for (const kind of missed) if (log.checker.count(kind) > 0) missed.delete(kind)
    }
    t.strictSame([...missed], [])
  },
)

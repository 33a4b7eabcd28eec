// Real clients, a real disk, and a broker that is killed again and again. `npm run crash -- --kills 1000` goes on for longer.

import { test } from 'tap'
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
    const { log } = await crash({ ...OPTIONS, level: 'memory', kills: 3, evidence })
    t.ok(log.checker.count('lost') > 0)
    t.ok(log.checker.count('queue-lost') > 0)
    t.ok(log.checker.count('session-lie') > 0)
  },
)

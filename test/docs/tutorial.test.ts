// The tutorial, as a stranger types it.

import { execFileSync } from 'node:child_process'
import { test } from 'tap'
import { Follower } from './follower.ts'
import { ROOT } from './pages.ts'

test('the first minute ends with a message that has survived the broker', async t => {
  await Follower.through(t, 'docs/tutorial/first-minute.md')
})

test('a broker that was secured by the tutorial refuses strangers, and alice where she has no right', async t => {
  const { outputs } = await Follower.through(t, 'docs/tutorial/secure-it.md')
  t.match(outputs[0], /^(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\n$/)
})

test('a page is served, and a message is published to it', async t => {
  await Follower.through(t, 'docs/tutorial/page-in-the-browser.md', { before: ['pondhawk start'] })
})

test('in a clone npx finds the command', async t => {
  const options = { cwd: ROOT, encoding: 'utf8' } as const
  t.match(execFileSync('npx', ['pondhawk', '--version'], options), /^pondhawk \d/)
})

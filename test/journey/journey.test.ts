// The way of one PUBLISH stays short: these bounds come down with every change that shortens it, and never go up
// without a reason in the commit. `npm run journey` prints the way itself.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Journey } from './publish-journey.ts'

/** The goal of issue 11: 60 calls, 16 files, 30 moves. */
const CALLS_MAX = 42
const FILES_MAX = 19
const MOVES_MAX = 23
const PUBACK_CALLS_MAX = 54

function journeys(): { readonly publish: Journey; readonly puback: Journey } {
  // A process of its own: nothing else runs there while the debugger steps.
  const main = join(import.meta.dirname, 'main.js')
  const output = execFileSync(process.execPath, [main, '--json'], { timeout: 60_000 })
  return JSON.parse(output.toString()) as ReturnType<typeof journeys>
}

test('a PUBLISH of QoS 0 reaches the outbox of its subscriber in few calls, files and moves', async t => {
  const { calls, files, moves } = journeys().publish

  t.ok(calls.length <= CALLS_MAX, `${calls.length} calls, ${CALLS_MAX} at most`)
  t.ok(files.length <= FILES_MAX, `${files.length} files, ${FILES_MAX} at most`)
  t.ok(moves <= MOVES_MAX, `${moves} moves, ${MOVES_MAX} at most`)
})

test('a PUBACK settles its delivery in few calls, without a packet', t => {
  const { calls, files } = journeys().puback

  t.ok(calls.length <= PUBACK_CALLS_MAX, `${calls.length} calls, ${PUBACK_CALLS_MAX} at most`)
  t.notOk(files.includes('packet/reader.ts'), files.join(', '))
  t.end()
})

test('the path of a PUBLISH in ARCHITECTURE.md is the one that it takes', async t => {
  const page = readFileSync(join(import.meta.dirname, '../../../ARCHITECTURE.md'), 'utf8')
  const path = page.slice(page.indexOf('## One PUBLISH'), page.indexOf('end of the turn'))
  const said = [...path.matchAll(/^ \d (\S+\.ts)/gm)].map(([, file = '']) => file)

  const { calls } = journeys().publish

  t.ok(said.length >= 5, `the page has its path: ${said.join(', ')}`)
  let next = 0
  for (const { file } of calls) if (file === said[next]) next += 1
  t.equal(said[next], undefined, 'each step of the page is taken, in its order')
})

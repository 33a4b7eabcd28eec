// Threat 63: a broker with a small heap is offered three times of what it can do, while its subscribers are slow. No acknowledged
// message is lost, no connected client is disconnected, and its memory has a bound. Scale: 2 seconds instead of two minutes
// (`npm run overload`), once with the levels of overload where they are, and once where all of them are reached.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'

const SCRIPT = fileURLToPath(new URL('../../bench/overload.js', import.meta.url))

interface Outcome {
  readonly acknowledged: number
  readonly level: number
  readonly overloadActions: Readonly<Record<string, number>>
}

async function outcomeOf(seconds: number, ...options: string[]): Promise<Outcome> {
  const words = [SCRIPT, '--seconds', String(seconds), '--heap', '64', ...options]
  const { stdout } = await promisify(execFile)(process.execPath, words)
  return JSON.parse(stdout.slice(0, stdout.lastIndexOf('}') + 1)) as Outcome
}

// The script ends with status 1 when something is lost or closed, or when the memory is over its bound.

test('publishers that send three times as much as can be done lose nothing that was acknowledged, and nobody is disconnected', async t => {
  const { acknowledged } = await outcomeOf(2)

  t.ok(acknowledged > 0, `${acknowledged} acknowledged`)
})

test('nor do they when the levels of overload are reached, at which they wait', async t => {
  // Where the machine does other work, the last level is reached later.
  for (const seconds of [2, 6, 18]) {
    const { acknowledged, level, overloadActions } = await outcomeOf(seconds, '--sensitive')
    t.ok(acknowledged > 0, `${acknowledged} acknowledged`)
    const isReached = level >= 2 && (overloadActions['publishersPaused'] ?? 0) > 0
    if (!isReached && seconds < 18) continue
    t.ok(isReached, `level ${level}, ${JSON.stringify(overloadActions)}`)
    return
  }
})

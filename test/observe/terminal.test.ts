// A log on a terminal that has stopped taking lines, as after Control-S.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { stringify } from 'yaml'
import { prettyText } from '../../src/observe/pretty-stream.ts'
import { CLI } from '../command.ts'
import { RawClient } from './broker-process.ts'
import { REFUSED, REFUSED_PUBLISH, WITHOUT_RATES } from './publish-flood.ts'

/** Runs a command on a terminal of its own, and copies what it prints. */
const SCRIPT = 'script'
const skip =
  spawnSync(SCRIPT, ['--version']).error === undefined ? false : `there is no ${SCRIPT} here`

test('a terminal that has stopped holds up nobody', { skip }, async t => {
  const directory = t.testdir({})
  const file = resolve(directory, 'pondhawk.yaml')
  const listeners = [{ port: 0 }, { protocol: 'ws', port: 0 }]
  const config = { listeners, store: { durability: 'memory' }, log: WITHOUT_RATES }
  writeFileSync(file, stringify(config))
  const command = `echo pid $$; exec ${process.execPath} ${CLI} start -c ${file}`
  const terminal = spawn(SCRIPT, ['-qfec', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  while (!text.includes('mosquitto_pub')) await once(terminal.stdout, 'data')
  const pid = Number(/pid (\d+)/.exec(text)?.[1])
  const [port, webPort] = [...text.matchAll(/localhost:(\d+)/g)].map(([, each]) => Number(each))
  terminal.stdout.pause()

  const alice = new RawClient(port ?? 0)
  await alice.connects('alice')
  alice.says(REFUSED_PUBLISH.repeat(REFUSED))
  await alice.pings(10)
  const answer = await fetch(`http://127.0.0.1:${webPort}/api/v1/status`)
  const status = (await answer.json()) as { readonly logLinesLeftOut: number }
  process.kill(pid, 'SIGTERM')
  const gone = once(alice.socket, 'close')
  await gone

  t.ok(status.logLinesLeftOut > REFUSED / 2)
  terminal.stdout.resume()
  const [code] = (await once(terminal, 'exit')) as [number | null]
  t.equal(code, 0)
})

test('lines of JSON become readable lines, and other text stays as it is', async t => {
  const line =
    '{"level":"warn","time":"2026-01-02T14:02:11Z","event":"log.left-out","msg":"gone"}\n'

  t.match(prettyText(line), /^\d\d:\d\d:\d\d {2}! gone\n$/)
  t.equal(prettyText('\n  Pondhawk\n'), '\n  Pondhawk\n')
})

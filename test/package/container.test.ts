// What the image has, without an engine for containers: the files that the Dockerfile copies, read-only, run by a user without a name.

import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Test, test } from 'tap'
import { parse, stringify } from 'yaml'
import { freePort } from '../interop/programs.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const NOBODY = 12_345
const LINES: readonly string[] = readFileSync(resolve(ROOT, 'Dockerfile'), 'utf8')
  .replaceAll('\\\n', '')
  .split('\n')

/** Does what the last stage does, below a folder. */
function image(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pondhawk-image-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const line of LINES.slice(LINES.findLastIndex(each => each.startsWith('FROM')))) {
    const [word, ...rest] = line.split(/\s+/)
    if (word !== 'COPY') continue
    const names = rest.filter(name => !name.startsWith('--'))
    const to = join(folder, names.at(-1) ?? '')
    for (const name of names.slice(0, -1)) {
      const from = resolve(ROOT, name.replace(/^\/build\//, ''))
      const target = (names.at(-1) ?? '').endsWith('/') ? join(to, name) : to
      mkdirSync(dirname(target), { recursive: true })
      cpSync(from, target, { recursive: true })
    }
  }
  mkdirSync(join(folder, 'pondhawk/data'), { recursive: true })
  chmodSync(join(folder, 'pondhawk/data'), 0o1777)
  chmodSync(folder, 0o755)
  return folder
}

/** The variable of the image, at the place of its copy. */
function filesVariable(folder: string): string {
  const [, files = ''] = /PONDHAWK_CONFIG=(\S+)/.exec(LINES.join('\n')) ?? []
  return files
    .split(':')
    .map(file => join(folder, file))
    .join(':')
}

function command(folder: string, ...words: readonly string[]) {
  const isRoot = process.getuid?.() === 0
  const script = join(folder, 'opt/pondhawk/dist/bundle/command/pondhawk.js')
  // What a test runner puts into each Node would write into a folder of its own.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, script, ...words], {
    cwd: join(folder, 'pondhawk/data'),
    env: { PATH: process.env['PATH'] ?? '', PONDHAWK_CONFIG: filesVariable(folder) },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot && { uid: NOBODY, gid: NOBODY }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = new Promise<number | null>(done => child.once('close', done))
  return { child, ended, said: () => output }
}

test('the image has no root and no floating version, and a health check', async t => {
  const words = LINES.join('\n')
  t.match(words, /^USER (?!0|root)\S+/m)
  t.match(words, /^CMD \["start"\]$/m)
  t.match(words, /^HEALTHCHECK .*\["pondhawk", "status"/m)
  for (const line of LINES.filter(each => each.startsWith('FROM')))
    t.match(line, /^FROM node:\d+-\w+-slim/, line)
})

test('what the image has starts for a user without a name, and only if there is a user of the broker', async t => {
  const folder = image(t)
  const file = join(folder, 'pondhawk/config/pondhawk.yaml')
  const data = join(folder, 'pondhawk/data')
  const config = parse(readFileSync(file, 'utf8')) as {
    listeners: { host: string; port: number }[]
    access: { usersFile: string }
    store: { directory: string }
  }
  t.equal(config.store.directory, '/pondhawk/data')
  // The same, at a place that is not the container's root, and on free ports.
  for (const listener of config.listeners) Object.assign(listener, { port: 0, host: '127.0.0.1' })
  config.store.directory = data
  config.access.usersFile = join(data, 'pondhawk.users')
  writeFileSync(file, stringify(config))

  const first = command(folder, 'start')
  t.not(await first.ended, 0)
  t.match(first.said(), 'make it: pondhawk user add NAME --generate --file')

  const user = command(
    folder,
    'user',
    'add',
    'alice',
    '--generate',
    '--file',
    config.access.usersFile,
  )
  t.equal(await user.ended, 0, user.said())
  const broker = command(folder, 'start')
  t.teardown(() => broker.child.kill('SIGKILL'))
  while (!broker.said().includes('broker.ready') && broker.child.exitCode === null)
    await new Promise(later => setTimeout(later, 20))
  const health = command(folder, 'status')
  t.equal(await health.ended, 0, health.said() + broker.said())
  broker.child.kill('SIGTERM')
  t.equal(await broker.ended, 0, broker.said())
})

test('a mosquitto.conf where the image of mosquitto has it is used, and what mosquitto stored is imported', async t => {
  const folder = image(t)
  const mosquitto = join(folder, 'mosquitto')
  for (const name of ['config', 'data']) mkdirSync(join(mosquitto, name), { recursive: true })
  chmodSync(join(mosquitto, 'data'), 0o1777)
  const port = await freePort()
  const lines = ['allow_anonymous true', 'persistence true', `listener ${port} 127.0.0.1`]
  const conf = [...lines, `persistence_location ${mosquitto}/data/`].join('\n')
  writeFileSync(join(mosquitto, 'config/mosquitto.conf'), `${conf}\n`)
  cpSync(
    join(ROOT, 'test/mosquitto/samples/db/full-2.0.11.db'),
    join(mosquitto, 'data/mosquitto.db'),
  )

  const broker = command(folder, 'start')
  t.teardown(() => broker.child.kill('SIGKILL'))
  while (!broker.said().includes('broker.ready') && broker.child.exitCode === null)
    await new Promise(later => setTimeout(later, 20))
  t.match(
    broker.said(),
    `data/mosquitto.db is imported, this one time, into ${mosquitto}/data/pondhawk-data`,
  )
  const health = command(folder, 'status')
  t.equal(await health.ended, 0, health.said() + broker.said())
  broker.child.kill('SIGTERM')
  t.equal(await broker.ended, 0, broker.said())
})

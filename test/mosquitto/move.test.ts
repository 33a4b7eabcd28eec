// A house moves: Debian's mosquitto with sessions, retained and queued messages stops, and Pondhawk starts with its files.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import { test } from 'tap'
import { importCommand } from '../../src/cli/import-command.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { alone, freePort, run } from '../interop/programs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const CLI = resolve(ROOT, 'dist/src/cli.js')

test('nothing that Debian’s mosquitto has kept is lost when Pondhawk starts with its files', async t => {
  const port = String(await freePort())
  const folder = t.testdir({ data: {}, passwd: '', acl: 'user home\ntopic readwrite #\n' })
  chmodSync(folder, 0o755)
  const file = (name: string): string => resolve(folder, name)
  const own = process.getuid?.() === 0 ? 'user root\n' : ''
  writeFileSync(
    file('mosquitto.conf'),
    `${own}listener ${port} 127.0.0.1\npersistence true\npersistence_location ${file('data')}/\n` +
      `password_file ${file('passwd')}\nacl_file ${file('acl')}\nautosave_interval 0\n`,
  )
  await run('mosquitto_passwd', ['-b', file('passwd'), 'home', 'secret'])
  const login = ['-p', port, '-u', 'home', '-P', 'secret']
  const subscribe = (id: string, ...rest: string[]) =>
    run('mosquitto_sub', [...login, '-i', id, '-c', '-q', '1', ...rest])
  const publish = (...rest: string[]) => run('mosquitto_pub', [...login, '-q', '1', ...rest])
  const received = async (clientId: string, count: number) => {
    const options = { clientId, clean: false, username: 'home', password: 'secret' }
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, options)
    const payloads: string[] = []
    await new Promise<void>(settle => {
      client.on('message', (_topic, payload) => {
        if (payloads.push(payload.toString()) === count) settle()
      })
    })
    await client.endAsync()
    return payloads
  }
  const start = async (command: string, args: readonly string[], ready: string) => {
    const [first = '', ...words] = alone(command, args)
    const broker = spawn(first, words, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
    t.teardown(() => broker.kill('SIGKILL'))
    let said = ''
    for (const stream of [broker.stdout, broker.stderr])
      stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
    while (!said.includes(ready)) {
      await Promise.race([once(broker.stdout, 'data'), once(broker.stderr, 'data')])
    }
    const saved = async () => {
      broker.kill('SIGUSR1')
      while (!said.includes('broker.stored')) await once(broker.stdout, 'data')
    }
    const stop = async () => {
      broker.kill('SIGTERM')
      await once(broker, 'close')
    }
    return { said: () => said, saved, stop }
  }
  const conf = ['-c', file('mosquitto.conf')]

  const before = await start('/usr/sbin/mosquitto', conf, ' running')
  await subscribe('lamp', '-t', 'home/lamp/#', '-E')
  await publish('-t', 'home/lamp/set', '-m', 'on')
  await publish('-t', 'home/lamp/set', '-m', 'off')
  await publish('-t', 'home/state', '-m', '21.5', '-r')

  const early = await run(process.execPath, [CLI, 'start', ...conf])
  t.equal(early.status, 1)
  t.notOk(existsSync(file('data/pondhawk-data')), 'nothing is imported while mosquitto runs')
  await before.stop()
  const database = readFileSync(file('data/mosquitto.db'))

  const after = await start(process.execPath, [CLI, 'start', ...conf], 'broker.ready')
  await after.saved()
  t.notMatch(after.said(), 'Debugger listening')
  t.match(after.said(), 'mosquitto.db is imported, this one time, into')
  t.match(
    after.said(),
    / 1 {2}sessions\n +1 {2}subscriptions\n +1 {2}retained messages\n +2 {2}queued messages\n/,
  )
  t.strictSame(await received('lamp', 2), ['on', 'off'])
  t.equal(
    (await run('mosquitto_sub', [...login, '-t', 'home/state', '-C', '1', '-W', '5'])).output,
    '21.5\n',
  )
  await publish('-t', 'home/lamp/set', '-m', 'again')
  await after.stop()

  utimesSync(file('data/mosquitto.db'), new Date(), new Date())
  const again = await start(process.execPath, [CLI, 'start', ...conf], 'broker.ready')
  t.match(
    again.said(),
    /mosquitto.db was written after .*pondhawk-data was made, and is not imported again/,
  )
  t.strictSame(await received('lamp', 1), ['again'])
  await again.stop()
  t.strictSame(
    readFileSync(file('data/mosquitto.db')),
    database,
    'the file of mosquitto is as it was',
  )
  t.equal(statSync(file('data/pondhawk-data')).mode & 0o777, 0o700)
  t.strictSame(readdirSync(file('data')).sort(), ['mosquitto.db', 'pondhawk-data'])
})

test('a database is counted and imported by a command', async t => {
  const directory = resolve(t.testdir({}), 'data')
  const sample = resolve(ROOT, 'test/mosquitto/samples/db/v5-1.6.8.db')
  const load = () => parseConfig({ store: { directory } })
  const imports = (values: Readonly<Record<string, string | boolean>>, ...files: string[]) =>
    importCommand({ values, positionals: files }, load)

  const dry = imports({ 'dry-run': true, json: true }, sample)
  t.match(JSON.parse(dry.output), { sessions: 3, expiredSessions: 1, retainedMessages: 2 })
  t.notOk(existsSync(directory))
  const done = imports({}, sample)
  t.match(done.output, /^ +3 {2}sessions\n/)
  t.match(done.note, 'wills and $share subscriptions are not in such a file')
  t.throws(() => imports({}, sample), /is not empty: an import makes a new store/)
  t.throws(() => imports({ output: 'x' }, sample), /^--output is not for a database/)
  t.throws(() => imports({ json: true }, 'm.conf'), /^--json is not for a configuration/)
  t.throws(() => imports({}), /^pondhawk import takes one FILE/)
})

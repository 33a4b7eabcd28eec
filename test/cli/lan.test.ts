// `pondhawk start --lan` as people run it, from the first start on.

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { freePort, Program, run } from '../interop/programs.ts'

const PASSWORD = /[a-z0-9]{4}(?:-[a-z0-9]{4}){3}/

/** Starts a broker in this folder, and waits until it is ready and has printed what to type. */
async function started(t: Test, folder: string, ...args: readonly string[]): Promise<Program> {
  const inFolder = ['-c', 'cd "$0" && exec "$@"', folder, process.execPath, CLI]
  const program = new Program('sh', [...inFolder, 'start', '--lan', ...args])
  t.teardown(() => program.process.kill('SIGKILL'))
  await program.prints('"ready"}')
  while (!program.errors.endsWith('\n')) await new Promise(setImmediate)
  return program
}

/** Runs the mosquitto client of a line that was printed. */
async function typed(line: string, ...more: readonly string[]): Promise<string> {
  const [command = '', ...args] = line.trim().split(' ')
  const plain = args.map(each => each.replaceAll("'", ''))
  const { output, errors } = await run(command, [...plain, ...more])
  return output + errors
}

test('--lan makes one user, and prints its password once with lines to paste', async t => {
  const folder = t.testdir({})
  const port = await freePort()
  const ports = ['-p', `${port}`, '--ws-port', '0']

  const first = await started(t, folder, ...ports)

  const password = PASSWORD.exec(first.errors)?.[0] ?? ''
  t.match(first.errors, `as user device with password ${password}\n`)
  t.match(first.errors, 'Not announced by mDNS: bonjour-service is not installed')
  const file = resolve(folder, 'pondhawk.users')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notMatch(readFileSync(file, 'utf8'), password)
  const lines = first.errors.split('\n').filter(line => line.startsWith('  mosquitto_'))
  t.equal(lines.length, 2)
  t.equal(await typed(lines[1] ?? '', '-r', '-q', '1'), '')
  t.equal(await typed(lines[0] ?? '', '-C', '1', '-W', '9'), 'hello/world hi\n')
  // From this address nobody comes in without a password, and the log says what to type.
  const bare = (lines[1] ?? '').replace(/-u .* -t/, '-i esp32-7f -t')
  t.match(await typed(bare), /bad user name or password/i)
  await first.prints('"hint":"pondhawk user add esp32-7f"')
  // The machine itself is as open as without --lan, and the web page is its own.
  t.equal(await typed(`mosquitto_pub -h 127.0.0.1 -p ${port} -t a -m b`), '')
  t.match(first.output, /"ws:\/\/127\.0\.0\.1:/)
  t.notMatch(first.output, password, 'no password in the log')
  first.process.kill('SIGTERM')
  await first.ends()

  const second = await started(t, folder, ...ports)

  t.notMatch(second.errors, PASSWORD)
  t.match(second.errors, 'as the users of pondhawk.users.')
  t.equal(await typed(lines[1] ?? '', '-q', '1'), '')
})

test('--lan keeps users that are there, and --host is the address it opens', async t => {
  const folder = t.testdir({})
  const users = resolve(folder, 'pondhawk.users')
  await run(process.execPath, [CLI, 'user', 'add', 'alice', '--password', 'a', '--file', users])
  const before = readFileSync(users, 'utf8')

  const program = await started(t, folder, '-p', '0', '--ws-port', '0', '--host', '127.0.0.2')

  t.equal(readFileSync(users, 'utf8'), before)
  t.match(program.errors, 'Other machines may connect to 127.0.0.2 as the users of')
  t.match(program.output, '"mqtt://127.0.0.2:')
})

test('--lan makes nobody where a file is wrong, or where the journal would keep the password', async t => {
  const folder = t.testdir({ 'pondhawk.users': 'alice\n', empty: {} })
  const start = (from: string, ...env: readonly string[]) =>
    run('env', ['-C', from, ...env, process.execPath, CLI, 'start', '--lan', '-p', '0'])

  const wrong = await start(folder)
  const recorded = await start(resolve(folder, 'empty'), 'JOURNAL_STREAM=8:1')

  t.equal(wrong.status, 78)
  t.match(wrong.errors, /^pondhawk.users:1: /)
  t.equal(recorded.status, 1)
  t.match(
    recorded.errors,
    'the journal would keep it. Make the user first: pondhawk user add device',
  )
  t.notMatch(recorded.errors, PASSWORD)
})

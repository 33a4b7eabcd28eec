// `pondhawk user` and `pondhawk passwd` as people run them, and mosquitto as the reader of what they write.

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { COMMANDS } from '../../src/cli/commands.ts'
import { wordsOf } from '../../src/cli/flags.ts'
import { flagsFirst, passwdCommand } from '../../src/cli/passwd-command.ts'
import { userCommand } from '../../src/cli/user-command.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { CLI } from '../command.ts'
import { alone, freePort, type Outcome, Program } from '../interop/programs.ts'

/** Runs the command with this on its standard input. */
async function pondhawk(input: string, ...args: readonly string[]): Promise<Outcome> {
  const [first = '', ...rest] = alone(process.execPath, [CLI, ...args])
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const status = await new Promise<number | null>(settle => child.once('close', settle))
  return { status, output, errors }
}

/** The same within this process, and quicker: status and all that is said. */
async function obeyed(name: 'user' | 'passwd', args: readonly string[]): Promise<string> {
  const command = COMMANDS.find(each => each.name === name)
  if (command === undefined) throw new Error(name)
  try {
    const words = wordsOf(command, name === 'passwd' ? flagsFirst(args) : args)
    const file = { path: String(words.values['file']), isRead: true }
    const said = name === 'passwd' ? passwdCommand(words) : userCommand(words, file)
    const { output, note } = await said
    return `0 ${output}${note}`
  } catch (error) {
    return `${error instanceof UsageError ? 2 : 1} ${(error as Error).message}\n`
  }
}

function emptyFile(t: Test): string {
  return resolve(t.testdir({}), 'users')
}

/** A mosquitto that asks for these users, and its port. */
async function mosquittoWith(t: Test, file: string): Promise<number> {
  const port = await freePort()
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${file}`,
    // It would give its rights up, and the file is for the eyes of its owner.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
  const conf = `${file}.conf`
  writeFileSync(conf, `${lines.join('\n')}\n`)
  const program = new Program('/usr/sbin/mosquitto', ['-c', conf])
  t.teardown(() => program.killed())
  while (!(await isOpen(port))) {
    // It takes its time to begin.
  }
  return port
}

function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise(settle => {
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}

async function isLetIn(port: number, username: string, password: string): Promise<boolean> {
  try {
    const options = { username, password, reconnectPeriod: 0 }
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
    await client.endAsync()
    return true
  } catch {
    return false
  }
}

test('users are added, changed and removed, and mosquitto reads the file', async t => {
  const file = emptyFile(t)
  const user = (input: string, ...args: readonly string[]) =>
    pondhawk(input, 'user', ...args, '--file', file)

  t.match(await user('secret\n', 'add', 'alice'), {
    status: 0,
    output: '',
    errors: `alice may come in now (${file})\n`,
  })
  t.equal(statSync(file).mode & 0o777, 0o600)
  const inner = (...args: readonly string[]) => obeyed('user', [...args, '--file', file])
  t.match(await inner('add', 'bob smith', '--password', 'p@ss word:$x'), '0 bob smith may')
  const { output: generated } = await user('', 'add', 'ünï', '--generate')
  t.match(generated, /^(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\n$/)
  t.match(await inner('add', 'gone', '--password', 'x'), '0 gone may come in')
  t.equal(await inner('remove', 'gone'), `0 gone is gone (${file})\n`)
  t.match(await user('changed', 'passwd', 'alice'), {
    status: 0,
    errors: `alice has another password now (${file})\n`,
  })
  t.equal(
    await inner('list'),
    '0 alice      PBKDF2, 210,000 iterations\nbob smith  PBKDF2, 210,000 iterations\nünï        PBKDF2, 210,000 iterations\n',
  )

  const port = await mosquittoWith(t, file)
  t.equal(await isLetIn(port, 'alice', 'changed'), true)
  t.equal(await isLetIn(port, 'alice', 'secret'), false)
  t.equal(await isLetIn(port, 'bob smith', 'p@ss word:$x'), true)
  t.equal(await isLetIn(port, 'ünï', generated.trim()), true)
  t.equal(await isLetIn(port, 'gone', 'x'), false)
})

test('a wrong request is refused with a reason, and changes nothing', async t => {
  const file = emptyFile(t)
  const user = async (...args: readonly string[]) => {
    return (await obeyed('user', [...args, '--file', file])).replaceAll(file, 'FILE')
  }
  const help = 'Try pondhawk user --help.\n'

  t.equal(await user(), `2 pondhawk user takes one of add, passwd, remove, list. ${help}`)
  t.equal(await user('add'), `2 pondhawk user add needs a name: pondhawk user add NAME. ${help}`)
  t.equal(
    await user('add', 'a:b'),
    `2 "a:b": a name has no colon: the hash stands behind one. ${help}`,
  )
  t.equal(await user('add', 'a', 'b'), `2 pondhawk user add takes one name, and not "b". ${help}`)
  t.equal(
    await user('add', 'a', '--password='),
    `2 --password: '' is no value. Try pondhawk --help.\n`,
  )
  t.equal(
    await user('passwd', 'a'),
    `2 FILE has no user "a". A new one: pondhawk user add a. ${help}`,
  )
  t.equal(await user('remove', 'a'), '1 there is no FILE\n')
  t.equal(
    await user('list'),
    `2 There is no FILE yet. The first user makes it: pondhawk user add NAME. ${help}`,
  )
  t.equal(existsSync(file), false)
  await user('add', 'a', '--password', 'x')
  const before = readFileSync(file)
  t.equal(
    await user('add', 'a', '--password', 'y'),
    `2 FILE has a user "a" already. Another password: pondhawk user passwd a. ${help}`,
  )
  t.equal(await user('remove', 'b'), '1 FILE has no user "b"\n')
  t.strictSame(readFileSync(file), before)
})

test('comments and other lines stay as they are, a wrong file is not touched, and a link stays one', async t => {
  const file = emptyFile(t)
  const link = `${file}.link`
  await obeyed('passwd', ['-c', '-b', file, 'a', 'x'])
  const [line = ''] = readFileSync(file, 'utf8').split('\n')
  const text = `# people\r\n${line}\r\n\n# things\n${line.replace('a:', 'b:')}`
  writeFileSync(file, text)
  chmodSync(file, 0o644)
  symlinkSync(file, link)

  t.match(await obeyed('user', ['add', 'c', '--password', 'x', '--file', link]), /^0 /)
  t.match(readFileSync(file, 'utf8'), `${text}\nc:$7$210000$`)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(await obeyed('user', ['remove', 'b', '--file', file]), /^0 /)
  t.match(readFileSync(file, 'utf8'), `# people\r\n${line}\r\n\n# things\nc:$7$`)

  const wrong = `${line}\nb:plain\n`
  writeFileSync(file, wrong)
  t.match(
    await obeyed('user', ['add', 'd', '--password', 'x', '--file', file]),
    `1 ${file}:2: no hash follows the name`,
  )
  t.equal(readFileSync(file, 'utf8'), wrong)
})

test('many changes at once are all made', async t => {
  const file = emptyFile(t)
  const names = Array.from({ length: 6 }, (_, number) => `user${number}`)

  const outcomes = await Promise.all(
    names.map(name => obeyed('user', ['add', name, '--password', 'x', '--file', file])),
  )
  const list = await obeyed('user', ['list', '--file', file])
  const json = await obeyed('user', ['list', '--json', '--file', file])
  t.match(json, '0 {"name":"user0","hash":"pbkdf2","isWeak":false}\n')

  t.strictSame(
    outcomes,
    names.map(name => `0 ${name} may come in now (${file})\n`),
  )
  t.strictSame([...list.matchAll(/user\d/g)].map(([name]) => name).sort(), names)
})

test('a change that was interrupted leaves the file whole, and the next one says what to remove', async t => {
  const file = emptyFile(t)
  writeFileSync(resolve(file, '../.users.new'), 'half')

  t.match(
    await obeyed('passwd', ['-c', '-b', file, 'a', 'x']),
    /^1 .*\.users\.new is there: another change goes on, or one was interrupted\. If none goes on, remove it\n$/,
  )
  t.equal(existsSync(file), false)
})

test("passwd takes mosquitto_passwd's arguments", async t => {
  const file = emptyFile(t)
  const passwd = async (...args: readonly string[]) => {
    return (await obeyed('passwd', args)).replaceAll(file, 'FILE')
  }

  t.equal(await passwd('-b', file, 'a', 'x'), '1 there is no FILE: -c makes it\n')
  t.equal(await passwd('-c', '-b', file, 'alice', 'first'), '0 ')
  t.equal(
    await passwd('-c', '-b', file, 'alice', 'first'),
    '1 FILE is there already, and -c makes a new one. Without -c the user is added\n',
  )
  t.equal(await passwd('-b', file, 'bob', '-c'), '0 ', 'a password may look like a flag')
  t.equal(await passwd('-H', 'sha512', '-b', file, 'carl', 'x'), '0 ')
  t.equal(await passwd('-I', '5', '-b', file, 'dora', 'x'), '0 ')
  t.equal(await passwd('-D', file, 'nobody'), '1 FILE has no user "nobody"\n')
  t.match(await passwd('-c', '-I', '7', '-b', '-', 'erin', 'x'), /^0 erin:\$7\$7\$/)
  t.match(await passwd('-H', 'md5', '-b', file, 'a', 'x'), /^2 -H: md5 is none of sha512-pbkdf2/)
  t.match(await passwd('-I', '0', '-b', file, 'a', 'x'), /^2 -I: 0 is no number of iterations/)
  t.match(await passwd('-c', '-D', file, 'a'), /^2 -c, -D and -U exclude each other\./)
  t.match(await passwd(), /^2 pondhawk passwd needs a FILE\./)
  t.match(await passwd(file), /^2 pondhawk passwd needs a USER\./)
  t.match(await passwd('-b', file, 'a'), /^2 -b needs FILE USER PASSWORD\./)
  t.equal(
    await obeyed('user', ['list', '--file', file]),
    '0 alice  PBKDF2, 210,000 iterations\nbob    PBKDF2, 210,000 iterations\ncarl   SHA-512, once (weak)\ndora   PBKDF2, 5 iterations (weak)\n',
  )

  const port = await mosquittoWith(t, file)
  t.equal(await isLetIn(port, 'alice', 'first'), true)
  t.equal(await isLetIn(port, 'bob', '-c'), true)
  t.equal(await isLetIn(port, 'carl', 'x'), true)
  t.equal(await isLetIn(port, 'dora', 'x'), true)
})

test('passwd -U hashes plain passwords and leaves hashes alone', async t => {
  const file = emptyFile(t)
  writeFileSync(file, '# users\nalice:alicepw\n\nbob:p@ss word:$x\n')

  t.match(await obeyed('passwd', ['-U', file]), `0 2 passwords were hashed (${file})\n`)
  const once = readFileSync(file, 'utf8')
  t.match(await obeyed('passwd', ['-U', file]), '0 0 passwords were')

  t.equal(readFileSync(file, 'utf8'), once)
  t.match(once, /^# users\nalice:\$7\$210000\$.*\n\nbob:\$7\$210000\$.*\n$/)
  const port = await mosquittoWith(t, file)
  t.equal(await isLetIn(port, 'bob', 'p@ss word:$x'), true)
})

test('each command has help of its own, with examples', async t => {
  t.match(await pondhawk('', 'user', '--help'), {
    status: 0,
    output: /^pondhawk user add NAME \| passwd NAME.*pondhawk user add esp32-7f --generate/s,
  })
  t.match(await pondhawk('', 'passwd', '--help'), {
    status: 0,
    output: /^pondhawk passwd \[-c \| -D\] FILE USER.*pondhawk passwd -U users/s,
  })
  t.match(await pondhawk('', '--help'), { output: /user +say who may come in/ })
})

test('--scram writes a hash for SCRAM, a new password keeps it, and there is one key for decoys', async t => {
  const file = emptyFile(t)
  const user = (...args: readonly string[]) => obeyed('user', [...args, '--file', file])
  await user('add', 'plain', '--password', 'x')

  t.match(await user('add', 'alice', '--scram', '--password', 'secret'), '0 alice may come in now')
  t.match(await user('passwd', 'alice', '--password', 'changed'), '0 alice has another password')
  t.match(await obeyed('passwd', ['-b', '-H', 'scram-sha-512', file, 'bob', 'x']), /^0 /)
  t.match(await obeyed('passwd', ['-U', file]), '0 0 passwords were hashed')

  t.equal(
    await user('list'),
    '0 plain  PBKDF2, 210,000 iterations\nalice  SCRAM-SHA-256, 65,536 iterations\nbob    SCRAM-SHA-512, 65,536 iterations\n',
  )
  const lines = readFileSync(file, 'utf8').split('\n')
  t.match(lines[0], /^#scram-decoys: [\w+/]{43}=$/)
  t.equal(lines.filter(line => line.startsWith('#')).length, 1)
  t.match(lines[2], 'alice:$scram-sha-256$65536$')
  t.equal(
    await user('add', 'ü', '--scram', '--password', 'ü'),
    '2 A password for SCRAM has printable characters of ASCII only.\n',
  )
  t.equal(
    await obeyed('passwd', ['-b', '-H', 'scram-sha-256', '-I', '100', file, 'c', 'x']),
    '2 -I: SCRAM has 4096 iterations at least. Try pondhawk passwd --help.\n',
  )

  const port = await mosquittoWith(t, file)
  t.equal(await isLetIn(port, 'plain', 'x'), true, 'mosquitto 2.0 leaves out what it cannot read')
  t.equal(await isLetIn(port, 'alice', 'changed'), false)
})

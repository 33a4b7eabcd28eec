// What the command says to people who stumble: each sentence names what to change, as a terminal shows it.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'

interface CommandOutput {
  readonly status: number | null
  readonly errors: string
}

interface Circumstances {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
}

async function said(args: readonly string[], circumstances: Circumstances): Promise<CommandOutput> {
  const { env = {}, ...rest } = circumstances
  // Without what the test runner puts before every program of Node: it writes where another user may not.
  const program = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, CLI, ...args], {
    ...rest,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  program.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  const [status] = (await once(program, 'close')) as (number | null)[]
  return { status: status ?? null, errors }
}

async function takenPort(t: Test): Promise<number> {
  const other = createServer()
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
  t.teardown(() => other.close())
  const address = other.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('a wrong word on the command line is reported with the right one', async t => {
  const cwd = t.testdir({ 'ws.yaml': 'listeners: [{protocol: ws, port: 0}]' })
  const table: readonly (readonly [string, string])[] = [
    ['-p abc', '--port: abc is not a port (0 to 65535).'],
    ['-p=', '--port: = is not a port (0 to 65535).'],
    ['--port=', "--port: '' is not a port (0 to 65535)."],
    ['--port 65536', '--port: 65536 is not a port (0 to 65535).'],
    ['--port 1e3', '--port: 1e3 is not a port (0 to 65535).'],
    ['--ws-port x', '--ws-port: x is not a port (0 to 65535).'],
    ['--ws-port=', "--ws-port: '' is not a port (0 to 65535)."],
    ['-c ws.yaml -p 1', '--port: ws.yaml has no MQTT listener.'],
    ['-p', '--port needs a value: --port PORT. Try pondhawk --help.'],
    ['--verbose=1', '--verbose takes no value. Try pondhawk --help.'],
    ['--prot 1', 'pondhawk start has no flag --prot. Did you mean --port? Try pondhawk --help.'],
    ['-x', 'pondhawk start has no flag -x. Try pondhawk --help.'],
    ['--data=', "--data: '' is no folder. Try pondhawk --help."],
    ['strat', 'pondhawk has no command strat. Did you mean start? Try pondhawk --help.'],
    ['start it', 'pondhawk start takes flags only, and not "it". Try pondhawk --help.'],
  ]
  for (const [words, sentence] of table) {
    t.strictSame(
      await said(words.split(' '), { cwd }),
      { status: 2, errors: `${sentence}\n` },
      words,
    )
  }
})

test('a configuration that is none is told apart from one that is wrong', async t => {
  const files: Readonly<Record<string, readonly [string, string]>> = {
    'text.yaml': ['hello', 'text.yaml: expected keys and values (YAML or JSON), found text'],
    'list.json': ['[1]', 'list.json: expected keys and values (YAML or JSON), found a list'],
    'number.yaml': ['7', 'number.yaml: expected keys and values (YAML or JSON), found a number'],
    'wss.yaml': [
      'listeners: [{protocol: wss}]',
      'wss.yaml:1:14  listeners.0.protocol: must be one of "mqtt", "ws", not "wss" (wss is ws with tls:)\n' +
        '      listeners: [{protocol: wss}]\n                   ^',
    ],
    'size.yaml': [
      'limits: {packetBytesMax: 10M}',
      'size.yaml:1:10  limits.packetBytesMax: must be a number of bytes, or a size such as 10MB or 16MiB, not "10M"\n' +
        '      limits: {packetBytesMax: 10M}\n               ^',
    ],
    'none.yaml': ['listeners: []', 'listeners: there is none, so nobody can connect (none.yaml)'],
    'twice.yaml': [
      'listeners: [{port: 1883}, {host: localhost, port: 1883}]',
      'listeners.1.port: localhost:1883 belongs to listeners.0 already',
    ],
    'open.yaml': [
      'listeners: [{host: 0.0.0.0}]',
      'open.yaml:1:14  listeners.0.host: 0.0.0.0 can be reached from other machines, and anybody could connect. ' +
        'Either ask for passwords (pondhawk user add NAME, and access.usersFile: pondhawk.users), ' +
        'require certificates (tls.requireCertificate with tls.caFile), or say access.anonymous: everywhere ' +
        'in open.yaml (or by the variable PONDHAWK_ACCESS__ANONYMOUS=everywhere)\n' +
        '      listeners: [{host: 0.0.0.0}]\n                   ^\n' +
        'open.yaml:1:14  listeners.0.host: 0.0.0.0 can be reached from other machines, and without TLS passwords ' +
        'and messages can be read on the way. Either use TLS (tls.certFile and tls.keyFile), or say ' +
        'listeners.0.plaintext: true in open.yaml (or by the variable PONDHAWK_LISTENERS__0__PLAINTEXT=true)\n' +
        '      listeners: [{host: 0.0.0.0}]\n                   ^',
    ],
  }
  const cwd = t.testdir(
    Object.fromEntries(Object.entries(files).map(([name, [text]]) => [name, text])),
  )
  for (const [name, [, sentence]] of Object.entries(files)) {
    t.strictSame(
      await said(['check', name], { cwd }),
      { status: 78, errors: `${sentence}\n` },
      name,
    )
  }
})

const USER_GONE = [
  'start -c user.conf',
  1,
  'user: nosuchuser cannot be become: see id nosuchuser\n',
] as const

test('with a mosquitto.conf the flags and the exit statuses are those of mosquitto', async t => {
  const cwd = t.testdir({
    'good.conf': 'listener 1883 127.0.0.1\nautosave_interval 60\nallow_anonymous true\n',
    'wrong.conf': 'listener 1883\nhttp_dir a\n',
    'user.conf': 'user nosuchuser\n',
    'file.conf': 'user root\nlistener 1883 127.0.0.1\nacl_file none\n',
    'quiet.conf': '# nothing\n',
  })
  const size = 'good.conf:2  autosave_interval: each message is stored before it is acknowledged\n'
  const port = '--port does not count, as in mosquitto: lines of the file begin listeners\n'
  const none = `${cwd}/none: cannot be read (ENOENT)\n`
  const prefix = 'wrong.conf:2  http_dir: files are not served: leave them to a web server\n'
  const table: readonly (readonly [string, number, string])[] = [
    ['start -c good.conf --test-config -v -p 1', 0, size + port],
    ['start -c wrong.conf', 3, prefix],
    ['start -c file.conf', 13, none],
    ['--mosquitto-conf gone.conf', 13, 'gone.conf cannot be read (ENOENT)\n'],
    ['--mosquitto-conf quiet.conf --test-config', 0, ''],
    ['import wrong.conf', 3, prefix],
    ...(process.getuid?.() === 0 ? [USER_GONE] : []),
  ]
  for (const [words, status, errors] of table) {
    t.strictSame(await said(words.split(' '), { cwd }), { status, errors }, words)
  }
})

test('a wrong variable is named', async t => {
  const cwd = t.testdir()
  const table: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{ PONDHAWK_LIMTS__X: '1' }, 'PONDHAWK_LIMTS__X: unknown key "LIMTS" (did you mean "limits"?)'],
    [
      { PONDHAWK_LISTENERS__9__PORT: '1' },
      'PONDHAWK_LISTENERS__9__PORT: the list has entries 0 to 1, and entry 2 would be the next: there is no 9',
    ],
    [
      { PONDHAWK_LISTENERS__0__HOST: '0.0.0.0' },
      'PONDHAWK_LISTENERS__0__HOST: 0.0.0.0 can be reached from other machines, and anybody could connect. ' +
        'Either ask for passwords (pondhawk user add NAME, and access.usersFile: pondhawk.users), ' +
        'require certificates (tls.requireCertificate with tls.caFile), or say access.anonymous: everywhere ' +
        'in pondhawk.yaml (or by the variable PONDHAWK_ACCESS__ANONYMOUS=everywhere)\n' +
        'PONDHAWK_LISTENERS__0__HOST: 0.0.0.0 can be reached from other machines, and without TLS passwords ' +
        'and messages can be read on the way. Either use TLS (tls.certFile and tls.keyFile), or say ' +
        'listeners.0.plaintext: true in pondhawk.yaml (or by the variable PONDHAWK_LISTENERS__0__PLAINTEXT=true)',
    ],
  ]
  for (const [env, sentence] of table) {
    t.strictSame(await said(['check'], { cwd, env }), { status: 78, errors: `${sentence}\n` })
  }
})

test('a port that is taken is told with the flag and the key of that very listener', async t => {
  const port = await takenPort(t)
  const cwd = t.testdir({
    'both.yaml':
      'listeners: [{port: 0}, {protocol: ws, port: 0}, {port: 0}]\nstore: {durability: memory}',
    'third.yaml': `listeners: [{port: 0}, {port: ${port}}]\nstore: {durability: memory}`,
  })
  const taken = `127.0.0.1:${port} is taken by another program. Stop it, or choose another port:`
  const table: readonly (readonly [string, string])[] = [
    [`-c both.yaml -p ${port}`, `mqtt://${taken} -p PORT, or listeners.0.port in both.yaml`],
    [
      `-c both.yaml --ws-port ${port}`,
      `ws://${taken} --ws-port PORT, or listeners.1.port in both.yaml`,
    ],
    ['-c third.yaml', `mqtt://${taken} listeners.1.port in third.yaml`],
    [`-p 0 --ws-port ${port}`, `ws://${taken} --ws-port PORT, or listeners.1.port`],
  ]
  for (const [words, sentence] of table) {
    t.strictSame(
      await said(words.split(' '), { cwd }),
      { status: 1, errors: `${sentence}\n` },
      words,
    )
  }
})

test('a folder that another Pondhawk has, or that cannot be made, is told with what to do', async t => {
  const cwd = t.testdir({ file: 'x' })
  const first = new Program(process.execPath, [
    CLI,
    '-p',
    '0',
    '--ws-port',
    '0',
    '--data',
    resolve(cwd, 'a'),
  ])
  t.teardown(() => first.killed())
  await first.prints('"ready"}')
  const words = ['-p', '0', '--ws-port', '0', '--data']

  t.strictSame(await said([...words, 'a'], { cwd }), {
    status: 1,
    errors: `Another Pondhawk (process ${first.process.pid}) uses a. Stop it, or give another folder: --data DIR\n`,
  })
  t.strictSame(await said([...words, 'file/b'], { cwd }), {
    status: 1,
    errors:
      'file/b cannot be made here (something on the way to it is no directory): choose another with --data DIR\n',
  })
  const check = await said(['check'], { cwd, env: { PONDHAWK_STORE__DIRECTORY: 'file/b' } })
  t.equal(check.status, 78)
  t.match(
    check.errors,
    /^store.directory: .*file\/b cannot be made: .*file is a file, and no folder\n$/,
  )
})

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

test(
  'a folder that this user may not make is told with what to do',
  isRoot ? {} : { skip: 'only root can be somebody else' },
  async t => {
    // The fixtures of tests may lie where nobody else can come.
    const cwd = `/tmp/pondhawk-words-${process.pid}`
    mkdirSync(cwd, { mode: 0o755 })
    t.teardown(() => execFileSync('rm', ['-r', cwd]))

    const outcome = await said(['-p', '0', '--ws-port', '0'], { cwd, uid: NOBODY })

    t.strictSame(outcome, {
      status: 1,
      errors: 'pondhawk-data cannot be made here (no permission): choose another with --data DIR\n',
    })
    t.match(await said(['check'], { cwd, uid: NOBODY }), {
      status: 78,
      errors: /^store.directory: .* cannot be made: no permission in /,
    })
  },
)

test('check names the files of a bridge that cannot be read', async t => {
  const topics = '[{}]'
  const bridge = `{addresses: [a], passwordFile: p, tls: {caFile: c}, topics: ${topics}}`
  const cwd = t.testdir({ 'pondhawk.yaml': `bridges: {centre: ${bridge}}` })
  const { status, errors } = await said(['check'], { cwd })
  t.equal(status, 78)
  t.match(errors, `bridges.centre.passwordFile: ${resolve(cwd, 'p')} cannot be read by this user`)
  t.match(errors, `bridges.centre.tls.caFile: ${resolve(cwd, 'c')} cannot be read by this user`)
})

test('check reads certificates, keys and lists of revoked ones', async t => {
  const cwd = t.testdir()
  for (const name of ['one', 'two']) {
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days 2`
    execFileSync(
      'openssl',
      [...words.split(' '), '-keyout', `${name}.key`, '-out', `${name}.crt`],
      {
        cwd,
        stdio: 'ignore',
      },
    )
  }
  execFileSync('openssl', 'pkey -in one.key -aes256 -passout pass:x -out locked.key'.split(' '), {
    cwd,
  })
  writeFileSync(resolve(cwd, 'text'), 'no certificate')
  const path = (name: string) => resolve(cwd, name)
  const table: readonly (readonly [string, string | null])[] = [
    ['certFile: one.crt, keyFile: one.key', null],
    ['certFile: no.crt, keyFile: one.key', `${path('no.crt')} cannot be read (ENOENT)`],
    ['certFile: one.crt, keyFile: no.key', `${path('no.key')} cannot be read (ENOENT)`],
    ['certFile: text, keyFile: one.key', `${path('text')} holds no certificate in PEM`],
    ['certFile: one.crt, keyFile: text', `${path('text')} holds no private key in PEM`],
    [
      'certFile: one.crt, keyFile: locked.key',
      `${path('locked.key')} holds an encrypted key, and Pondhawk has no passphrase for it`,
    ],
    [
      'certFile: one.crt, keyFile: two.key',
      `${path('two.key')} is not the key of the certificate in ${path('one.crt')}`,
    ],
    [
      'certFile: one.crt, keyFile: one.key, caFile: text',
      `${path('text')} holds no certificate in PEM`,
    ],
    [
      'certFile: one.crt, keyFile: one.key, caFile: one.crt, crlFile: text',
      `${path('text')} holds no list of revoked certificates in PEM`,
    ],
  ]
  for (const [tls, sentence] of table) {
    writeFileSync(
      path('c.yaml'),
      `listeners: [{port: 8883, tls: {${tls}}}]\nstore: {durability: memory}`,
    )
    const errors = sentence === null ? '' : `listeners.0.tls: ${sentence}\n`
    t.strictSame(
      await said(['check', 'c.yaml'], { cwd }),
      { status: sentence === null ? 0 : 78, errors },
      tls,
    )
  }
})

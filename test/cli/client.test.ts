// `pondhawk pub` and `pondhawk sub` beside mosquitto_pub and mosquitto_sub: the same arguments, against Pondhawk and against mosquitto.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

import { createServer, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { createBroker, type EmbeddedBroker, type Message } from '../../src/index.ts'
import { CLI } from '../command.ts'
import { alone, freePort, type Outcome, Program } from '../interop/programs.ts'
import { makeCertificates } from '../transport/world.ts'
import { noTerminal, PseudoTerminal } from './pseudo-terminal.ts'

type Tool = (name: 'pub' | 'sub', args: readonly string[], input?: string) => Promise<Outcome>

const RUN_MS_MAX = 60_000

async function ran(command: string, args: readonly string[], input = ''): Promise<Outcome> {
  // A client that waits for ever fails, and says which.
  const [first = command, ...rest] = alone(command, args)
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'pipe'], timeout: RUN_MS_MAX })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, output, errors }
}

const ours: Tool = (name, args, input) => ran(process.execPath, [CLI, name, ...args], input)
const theirs: Tool = (name, args, input) => ran(`mosquitto_${name}`, args, input)

let broker: EmbeddedBroker
let port = ''
let mosquittoPort = ''
let mosquitto: Program

test('two brokers run', async () => {
  broker = await createBroker({
    listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }],
  })
  port = `${broker.listeners[0]?.port}`
  while (!(await mosquittoRuns())) continue
})

/** Returns false when another program was faster with the port. */
async function mosquittoRuns(): Promise<boolean> {
  mosquittoPort = `${await freePort()}`
  mosquitto = new Program('/usr/sbin/mosquitto', ['-p', mosquittoPort])
  for (;;) {
    const { status } = await theirs('pub', ['-p', mosquittoPort, '-t', 'a', '-m', 'b'])
    if (mosquitto.process.exitCode !== null) return false
    if (status === 0) return true
  }
}

const PUBLISHED: readonly (readonly [args: readonly string[], input?: string])[] = [
  [['-t', 'a/b', '-m', 'hi']],
  [['-t', 'a', '-m', '-5', '-q', '1', '-r']],
  [['-t', 'a', '-m', 'à', '-q', '2', '-V', '5']],
  [['-t', 'a', '-n', '-r', '-V', '31']],
  [['-t', 'lines', '-l', '-q', '1'], 'one\n\ntwo\r\nthree'],
  [['-t', 'whole', '-s'], 'one\ntwo\n'],
  [['-t', 'a', '-m', 'x', '--repeat', '3', '-q', '2']],
  [
    [
      '-V',
      '5',
      '-t',
      'a',
      '-m',
      'x',
      '-D',
      'publish',
      'user-property',
      'k',
      'v',
      '-D',
      'publish',
      'content-type',
      'text/plain',
      '-D',
      'PUBLISH',
      'message-expiry-interval',
      '9',
    ],
  ],
  [['-t', 'a', '-f', fileURLToPath(new URL('../../../package.json', import.meta.url))]],
]

for (const [args, input] of PUBLISHED) {
  test(`pub ${args.join(' ')} publishes what mosquitto_pub publishes`, async t => {
    const heardBy = async (tool: Tool) => {
      const heard: object[] = []
      const hear = ({ topic, payload, qos, retain, properties }: Message): void => {
        if (!topic.startsWith('$SYS'))
          heard.push({ topic, payload: payload.toString(), qos, retain, properties })
      }
      broker.on('published', hear)
      const { status } = await tool('pub', ['-p', port, ...args], input)
      broker.off('published', hear)
      return { status, heard }
    }

    const expected = await heardBy(theirs)
    const found = await heardBy(ours)

    t.equal(expected.status, 0)
    t.strictSame(found, expected)
  })
}

/** The status is that of the documentation: an alarm can meet mosquitto_sub in a moment in which it ends with another. */
const SUBSCRIBED: readonly (readonly [status: number, ...args: readonly string[]])[] = [
  [0, '-t', 'kept/1', '-C', '1'],
  [0, '-t', 'kept/+', '-v', '-C', '3', '-q', '1', '-V', '5'],
  [0, '-t', 'kept/#', '-T', 'kept/1', '-v', '-C', '2', '-q', '2', '-V', '31'],
  [0, '-t', 'kept/1', '-t', 'kept/2', '-N', '-C', '2'],
  [27, '-t', 'kept/1', '-R', '-W', '1'],
  [0, '-t', 'nothing', '-E', '-c', '-i', 'keeper'],
  [27, '-t', 'nothing', '-W', '1'],
]

test('sub prints what mosquitto_sub prints, and ends with its status', async t => {
  for (const at of [port, mosquittoPort]) {
    for (const [topic, text] of [
      ['kept/1', 'one'],
      ['kept/2', 'two'],
      ['kept/empty', ' '],
    ] as const) {
      await theirs('pub', ['-p', at, '-t', topic, '-m', text, '-r', '-q', '1'])
    }
  }
  await Promise.all(
    SUBSCRIBED.flatMap(([status, ...args]) =>
      [port, mosquittoPort].map(async at => {
        const expected = await theirs('sub', ['-p', at, ...args])
        const found = await ours('sub', ['-p', at, ...args])
        const name = `${args.join(' ')} of ${at === port ? 'Pondhawk' : 'mosquitto'}`
        t.equal(found.output, expected.output, name)
        t.equal(found.status, status, `status of ${name}`)
      }),
    ),
  )
})

/** What mosquitto_sub prints by each part that has nothing to do with the moment. */
const FORMATS = [
  '%A|%C|%D|%E|%F|%l|%m|%P|%p|%q|%R|%r|%S|%t|%x|%X|%%|@@',
  '[%8E][%8l][%8t][%-8t][%08l][%-08l][%.2t][%8.2R][%-8.2C]',
  String.raw`a\tb\\c\nd\e[0m\a\v\r\0.`,
  '@Y-@m-@d|@F|@a|@A|@b|@B|@C|@D|@e|@h|@j|@u|@w|@x|@y|@z',
]

test('sub -F prints what mosquitto_sub -F prints, and JSON with the same content', async t => {
  const properties: readonly (readonly string[])[] = [
    ['user-property', 'k', 'v'],
    ['user-property', 'k 2', '"v"'],
    ['content-type', 'text/plain'],
    ['response-topic', 'r/t'],
    ['correlation-data', 'abc'],
    ['payload-format-indicator', '1'],
  ]
  const given = properties.flatMap(words => ['-D', 'publish', ...words])
  const message = ['-t', 'formatted/1', '-m', '{"on":[1,"à"]}', '-r', '-q', '1']
  await theirs('pub', ['-p', port, '-V', '5', ...message, ...given])
  const at = ['-p', port, '-V', '5', '-q', '1', '-t', 'formatted/1', '-C', '1']
  const format = `${FORMATS.join('\n')}\n`
  const [expected, found, ...json] = await Promise.all([
    theirs('sub', [...at, '-F', format]),
    ours('sub', [...at, '-F', format]),
    ...['%j', '%J'].flatMap(each => [theirs, ours].map(tool => tool('sub', [...at, '-F', each]))),
  ])

  t.equal(found?.output, expected?.output)
  t.equal(found?.status, 0)
  const [text, ownText, value, ownValue] = json.map(({ output }) => {
    const { tst, ...rest } = JSON.parse(output) as { readonly tst: string }
    t.match(tst, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\+0000$/)
    return rest
  })
  t.strictSame(ownText, text)
  t.strictSame(ownValue, value)
})

test('a message of QoS 2 that waited for an absent subscriber arrives once', async t => {
  const keeper = ['-p', port, '-i', 'away', '-c', '-q', '2', '-t', 'later']
  await ours('sub', [...keeper, '-E'])
  await ours('pub', ['-p', port, '-t', 'later', '-m', 'x', '-q', '2'])

  const first = await ours('sub', [...keeper, '-C', '1', '-d'])
  const second = await ours('sub', [...keeper, '-W', '1'])

  t.match(first.output, /\nx\n/)
  t.match(first.output, /sending PUBCOMP/)
  t.equal(second.output, '')
  t.equal(second.status, 27)
})

test('pub and sub reach a broker by WebSocket, and by TLS with a certificate of their own', async t => {
  const webPort = broker.listeners[1]?.port
  const web = `ws://localhost:${webPort}/mqtt`
  t.equal((await ours('pub', ['-L', web, '-t', 'web', '-m', 'hi', '-r', '-q', '1'])).status, 0)
  t.equal((await ours('sub', ['-L', web, '-t', 'web', '-C', '1'])).output, 'hi\n')
  t.equal((await ours('sub', ['-L', `mqtt://127.0.0.1:${port}/web`, '-C', '1'])).output, 'hi\n')

  const certs = t.testdir({})
  makeCertificates(certs, 'device')
  const file = (name: string): string => resolve(certs, name)
  const tls = { certFile: file('server.crt'), keyFile: file('server.key'), caFile: file('ca.crt') }
  const secure = await createBroker({
    listeners: [
      { port: 0, tls: { ...tls, requireCertificate: true } },
      { protocol: 'ws', port: 0, tls },
    ],
  })
  t.teardown(() => secure.close())
  const [mqtts, wss] = secure.listeners.map(each => `${each.port}`)
  const trust = ['--cafile', file('ca.crt')]
  const own = ['--cert', file('device.crt'), '--key', file('device.key')]
  const message = ['-t', 'a', '-m', 'b', '-q', '1', '-r']

  t.equal((await ours('pub', ['-p', mqtts ?? '', ...trust, ...own, ...message])).status, 0)
  t.equal((await ours('pub', ['-p', mqtts ?? '', ...trust, ...message])).status, 1)
  const overWeb = ['-L', `wss://localhost:${wss}/`, '-t', 'a', '-C', '1']
  t.equal((await ours('sub', [...overWeb, ...trust])).output, 'b\n')
  const untrusting = await ours('sub', overWeb)
  t.match(untrusting.errors, /certificate/)
  t.equal(untrusting.status, 1)
})

test('a will is published for a client that is killed', async t => {
  const heard = new Promise<Message>(settle => broker.subscribe('gone', settle))
  const there = new Promise<void>(settle => broker.on('subscribed', () => settle()))
  const will = ['--will-topic', 'gone', '--will-payload', 'bye', '--will-qos', '1']
  const sub = new Program(process.execPath, [CLI, 'sub', '-p', port, '-t', 'x', ...will])
  await there

  sub.process.kill('SIGKILL')

  t.equal((await heard).payload.toString(), 'bye')
})

test('wrong usage is 2, a refusal is told with its reason, and a missing broker is 1', async t => {
  const closed = await createBroker({
    listeners: [{ port: 0 }],
    access: { users: {}, anonymous: 'never' },
  })
  t.teardown(() => closed.close())
  const at = ['-p', `${closed.listeners[0]?.port}`, '-t', 'a']
  const cases: readonly (readonly [number, RegExp, 'pub' | 'sub', readonly string[]])[] = [
    [2, /A topic is missing: -t TOPIC/, 'pub', ['-m', 'x']],
    [2, /A message is missing/, 'pub', ['-t', 'a']],
    [2, /Only one of/, 'pub', ['-t', 'a', '-m', 'x', '-n']],
    [2, /"a\/\+" is no topic/, 'pub', ['-t', 'a/+', '-m', 'x']],
    [2, /QoS is 0, 1 or 2, and not "3"/, 'pub', ['-t', 'a', '-m', 'x', '-q', '3']],
    [2, /-m needs a value/, 'pub', ['-t', 'a', '-m']],
    [2, /has no flag --topc\. Did you mean --topic\?/, 'sub', ['--topc', 'a']],
    [2, /"a\/#\/b" is no topic filter/, 'sub', ['-t', 'a/#/b']],
    [2, /--format: %z is no part of a message; after % stands one of/, 'sub', [...at, '-F', '%z']],
    [2, /--format: @q is no part of a time/, 'sub', [...at, '-F', '@q']],
    [2, /--format: \\ is no escape/, 'sub', [...at, '-F', 'x\\']],
    [2, /-c keeps a session, and needs a client id/, 'sub', ['-t', 'a', '-c']],
    [
      2,
      /publish has no property "contnt-type"\. Did you mean content-type\?/,
      'pub',
      ['-D', 'publish', 'contnt-type', 'x'],
    ],
    [
      2,
      /-D needs MQTT 5/,
      'pub',
      ['-V', '311', '-t', 'a', '-m', 'x', '-D', 'publish', 'content-type', 'x'],
    ],
    [1, /nothing listens there/, 'sub', ['-p', `${await freePort()}`, '-t', 'a']],
    [1, /\/nowhere cannot be read \(ENOENT\)/, 'pub', ['-t', 'a', '-f', '/nowhere']],
    [4, /connection: bad user name or password \(0x86\)/, 'sub', at],
    [
      1,
      /to a: topic filter invalid \(0x8f\): a value is expected, at character \d/,
      'sub',
      ['-p', port, '-V', '5', '-t', 'a', '-D', 'subscribe', 'user-property', '$where', 'b ='],
    ],
    [
      1,
      /refused: topic name invalid \(0x90\): \$delayed\/ is followed by a number of seconds/,
      'pub',
      ['-p', port, '-V', '5', '-q', '1', '-t', '$delayed/x/y', '-m', 'z'],
    ],
    [134, /connection: bad user name or password \(0x86\)/, 'sub', [...at, '-V', '5']],
  ]

  await Promise.all(
    cases.map(async ([status, errors, name, args]) => {
      const found = await ours(name, args)
      t.match(found.errors, errors)
      t.equal(found.status, status, args.join(' '))
    }),
  )
})

test('what is no broker is told, and ends the command', async t => {
  const server = createServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const strange = typeof address === 'object' && address !== null ? `${address.port}` : ''

  const { errors, status } = await ours('pub', ['-p', strange, '-h', '127.0.0.1', 'a', 'b'])

  t.match(errors, /what came is not MQTT|the connection was closed/)
  t.equal(status, 1)
})

test('a subscriber whose broker comes back goes on, and a reader that goes ends it', async t => {
  const again = await freePort()
  const first = await createBroker({ listeners: [{ port: again }] })
  const sub = new Program(process.execPath, [CLI, 'sub', '-p', `${again}`, 'a'])
  t.teardown(() => sub.killed())
  await new Promise<void>(settle => first.on('subscribed', () => settle()))
  await first.close()
  const second = await createBroker({ listeners: [{ port: again }] })
  t.teardown(() => second.close())
  await new Promise<void>(settle => second.on('subscribed', () => settle()))

  await second.publish({ topic: 'a', payload: 'still here' })
  await sub.prints('still here\n')
  t.match(sub.errors, /the connection was lost: .*Trying again/)
  sub.process.stdout?.destroy()
  const ended = once(sub.process, 'exit')
  while (sub.process.exitCode === null) {
    await second.publish({ topic: 'a', payload: 'x' })
    await new Promise(setImmediate)
  }

  t.strictSame(await ended, [0, null])
})

test('a subscriber that waits for CONNACK again is ended by a signal', async t => {
  const first = await createBroker({ listeners: [{ port: 0 }] })
  const silentPort = first.listeners[0]?.port ?? 0
  const sub = new Program(process.execPath, [
    CLI,
    'sub',
    '-h',
    '127.0.0.1',
    '-p',
    `${silentPort}`,
    'a',
  ])
  t.teardown(() => sub.killed())
  await new Promise<void>(settle => first.on('subscribed', () => settle()))
  await first.close()
  const silent = createServer().listen(silentPort, '127.0.0.1')
  t.teardown(() => silent.close())
  const [socket] = (await once(silent, 'connection')) as [Socket]
  t.teardown(() => socket.destroy())
  await once(socket, 'data')

  sub.process.kill('SIGTERM')

  t.equal((await sub.ends()).status, 0)
})

test(
  'a payload cannot control the terminal, and is whole in a pipe',
  { skip: noTerminal },
  async t => {
    const hostile = 'x\u001b[2Jy\u202ez'
    await broker.publish({ topic: 'hostile', payload: hostile, retain: true, qos: 1 })
    const command = `exec ${process.execPath} ${CLI} sub -p ${port} hostile -v -C 1`
    const terminal = new PseudoTerminal(t, command, t.testdir({}))

    await terminal.shows(/hostile x\\u\{1b\}\[2Jy\\u\{202e\}z/)
    const formatted = `exec ${process.execPath} ${CLI} sub -p ${port} hostile -C 1 -F '\\e[1m%p|%j'`
    const second = new PseudoTerminal(t, formatted, t.testdir({}))
    await second.shows(/\u001b\[1mx\\u\{1b\}\[2Jy\\u\{202e\}z\|\{"tst"/)
    t.equal((await ours('sub', ['-p', port, 'hostile', '-C', '1'])).output, `${hostile}\n`)
  },
)

test('the brokers stop', async () => {
  await mosquitto.killed()
  await broker.close()
})

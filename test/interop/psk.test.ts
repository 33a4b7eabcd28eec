// mosquitto's clients with pre-shared keys.

import { renameSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Test, test } from 'tap'
import { createBroker, type EmbedOptions } from '../../src/index.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { serverCertificate } from '../transport/world.ts'
import { next, Program, run } from './programs.ts'

const KEY = 'c0ffee00c0ffee00c0ffee00c0ffee00'
const OTHER = 'deadbeefdeadbeefdeadbeefdeadbeef'

const ALICE = formatHash(newPbkdf2(Buffer.from('x'), 101))

const ACCESS: EmbedOptions['access'] = {
  psk: { user: 'identity' },
  rules: 'pattern readwrite devices/%u/#\n',
}

async function started(t: Test, access = ACCESS, files: Readonly<Record<string, string>> = {}) {
  const pskFile = resolve(
    t.testdir({ psk: `# devices\nsensor-1:${KEY}\nsensor-2:${OTHER}\n` }),
    'psk',
  )
  const lines: {
    readonly event?: string
    readonly cause?: string
    readonly disconnected?: number
  }[] = []
  const note = (line: object): void => void lines.push(line)
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0, tls: { pskFile, pskHint: 'pond', ...files } }],
    access,
    log: { debug: note, info: note, warn: note, error: note },
  })
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', String(broker.listeners[0]?.port), '-V', 'mqttv5']
  return { broker, pskFile, lines, address }
}

const psk = (identity: string, key: string): string[] => ['--psk', key, '--psk-identity', identity]
const HELLO = ['-t', 'devices/sensor-1/t', '-m', 'hello', '-q', '1']

for (const version of ['tlsv1.2', 'tlsv1.3']) {
  test(`mosquitto_pub comes by its key over ${version}, and its identity is its user name`, async t => {
    const { broker, address } = await started(t)
    const users: (string | null)[] = []
    broker.on('connected', ({ username }) => users.push(username))
    const publish = (identity: string, key: string, more: readonly string[] = []) =>
      run('mosquitto_pub', [
        ...address,
        ...['--tls-version', version],
        ...psk(identity, key),
        ...HELLO,
        ...more,
      ])

    t.equal((await publish('sensor-1', KEY)).status, 0)
    t.equal((await publish('sensor-1', KEY, ['-u', 'sensor-2', '-P', 'x'])).status, 0)
    t.not((await publish('sensor-1', OTHER)).status, 0)
    t.not((await publish('nobody', KEY)).status, 0)
    t.match((await publish('sensor-2', OTHER)).errors, /Not authorized/)

    t.strictSame(users, ['sensor-1', 'sensor-1', 'sensor-2'])
  })
}

test('without access.psk a key encrypts only, and the user is that of CONNECT', async t => {
  const { broker, address } = await started(t, { users: { alice: ALICE } })
  const users: (string | null)[] = []
  broker.on('connected', ({ username }) => users.push(username))

  const publish = (...login: readonly string[]) =>
    run('mosquitto_pub', [...address, ...psk('sensor-1', KEY), ...HELLO, ...login])

  const named = await publish('-u', 'alice', '-P', 'x')
  const wrong = await publish('-u', 'sensor-1', '-P', 'x')
  const nameless = await publish()

  t.equal(named.status, 0, named.errors)
  for (const { errors } of [wrong, nameless]) t.match(errors, /Not authorized|Bad user name/i)
  t.strictSame(users, ['alice'])
})

test('a client whose identity is removed, or gets another key, is disconnected; the others stay', async t => {
  const { broker, pskFile, address, lines } = await started(t)
  const replace = (text: string): void => {
    writeFileSync(`${pskFile}.next`, text)
    renameSync(`${pskFile}.next`, pskFile)
  }
  const subscribes = async (identity: string, key: string): Promise<Program> => {
    const subscribed = next(broker, 'subscribed')
    const topic = ['-t', `devices/${identity}/t`, '-i', identity]
    const program = new Program('mosquitto_sub', [...address, ...psk(identity, key), ...topic])
    t.teardown(() => program.killed())
    await subscribed
    return program
  }
  await subscribes('sensor-1', KEY)
  const kept = await subscribes('sensor-2', OTHER)
  const ended: (readonly [string, number])[] = []
  const one = next(broker, 'disconnected')
  broker.on('disconnected', ({ clientId }, reason) => ended.push([clientId, reason]))

  replace('sensor-1:nothing\n')
  const wrong = (): boolean => lines.some(({ event }) => event === 'certificates.kept')
  while (!wrong()) await new Promise(settle => setTimeout(settle, 20))
  t.equal(broker.connectionCount, 2, 'a wrong file changes nothing')
  replace(`sensor-1:${OTHER}\nsensor-2:${OTHER}\n`)
  await one

  t.strictSame(ended, [['sensor-1', 0x87]])
  t.match(
    lines.find(({ event }) => event === 'client.disconnected'),
    { cause: /its key was removed from pskFile, or changed/ },
  )
  const received = kept.prints('hello')
  await broker.publish({ topic: 'devices/sensor-2/t', payload: 'hello\n', qos: 1 })
  await received
})

test('one listener takes keys and, with certificates, passwords', async t => {
  const access = { psk: { user: 'identity' }, users: { alice: ALICE } } as const
  const { broker, address } = await started(t, access, { ...serverCertificate() })
  const users: (string | null)[] = []
  broker.on('connected', ({ username }) => users.push(username))

  const byKey = await run('mosquitto_pub', [...address, ...psk('sensor-1', KEY), ...HELLO])
  const insecurely = [
    '--cafile',
    resolve(dirname(serverCertificate().certFile), 'ca.crt'),
    '--insecure',
  ]
  const byPassword = await run('mosquitto_pub', [
    ...address,
    ...insecurely,
    ...HELLO,
    ...['-u', 'alice', '-P', 'x'],
  ])
  const byNone = await run('mosquitto_pub', [...address, ...insecurely, ...HELLO])

  t.equal(byKey.status, 0, byKey.errors)
  t.equal(byPassword.status, 0, byPassword.errors)
  t.match(byNone.errors, /Bad user name|Not authorized/i)
  t.strictSame(users, ['sensor-1', 'alice'])
})

// Case 35: users, passwords and certificates that are taken away from clients that are connected. Each is disconnected soon, without a
// signal; the others stay.

import { X509Certificate } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2, newScram } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { createBroker, type EmbedOptions } from '../../src/index.ts'
import { ScramClient } from '../access/scram/scram-client.ts'
import { Authority } from '../transport/authority.ts'
import { makeCertificates } from '../transport/world.ts'
import { WireClient } from '../wire-client.ts'

interface Line {
  readonly event: string
  readonly cause?: string
  readonly disconnected?: number
}

/** A broker, and what its log says. */
async function brokerWith(t: Test, options: EmbedOptions) {
  const lines: Line[] = []
  const heard = new EventTarget()
  const note = (line: object): void => {
    lines.push(line as Line)
    heard.dispatchEvent(new Event('line'))
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    log,
    ...options,
  })
  t.teardown(() => broker.close())
  const logged = async (event: string): Promise<Line> => {
    for (;;) {
      const at = lines.findIndex(each => each.event === event)
      if (at !== -1) return lines.splice(at, 1)[0] ?? { event }
      await new Promise(settle => heard.addEventListener('line', settle, { once: true }))
    }
  }
  return { broker, port: broker.listeners[0]?.port ?? 0, logged }
}

/** The reason in DISCONNECT. */
function told(client: MqttClient): Promise<number | undefined> {
  return new Promise(settle => client.once('disconnect', ({ reasonCode }) => settle(reasonCode)))
}

/** Puts the whole file in its place at once. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.next`, text)
  renameSync(`${file}.next`, file)
}

const hashed = (password: string): string => formatHash(newPbkdf2(Buffer.from(password), 101))

const USERS: Readonly<Record<string, string>> = {
  alice: hashed('x'),
  bob: hashed('x'),
  carol: formatHash(newScram(Buffer.from('x'), 'sha256', 4_096)),
}

const textOf = (users: Readonly<Record<string, string>>): string =>
  Object.entries(users)
    .map(([name, hash]) => `${name}:${hash}\n`)
    .join('')

async function withUsers(t: Test) {
  const usersFile = resolve(t.testdir({ users: textOf(USERS) }), 'users')
  const { broker, port, logged } = await brokerWith(t, { access: { usersFile } })
  const connect = (username: string, clientId = username, password = 'x') =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      username,
      password,
      clientId,
      clean: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 3_600 },
      reconnectPeriod: 0,
    })
  return { broker, port, logged, connect, usersFile }
}

test('who has another password or is removed is disconnected, the others stay and are not asked again', async t => {
  const { broker, connect, logged, usersFile } = await withUsers(t)
  const [alice, alice2, bob] = [
    await connect('alice'),
    await connect('alice', 'a2'),
    await connect('bob'),
  ]
  const reasons = [alice, alice2].map(told)

  replaceFile(usersFile, textOf({ ...USERS, alice: hashed('new') }))

  t.strictSame(await Promise.all(reasons), [0x87, 0x87])
  t.match(await logged('access.reloaded'), { disconnected: 2 })
  await t.rejects(connect('alice'), { code: 0x86 })
  const again = await connect('alice', 'alice', 'new')
  t.equal(bob.connected, true)

  const reason = told(bob)
  replaceFile(usersFile, textOf({ alice: hashed('new'), carol: USERS['carol'] ?? '' }))
  t.equal(await reason, 0x87)
  t.equal(broker.statistics.connectionsLost, 4, 'alice has another hash of the same password')
  for (const each of [again]) each.end(true)
})

test('who has proved a password by SCRAM is disconnected as well', async t => {
  const { logged, port, usersFile } = await withUsers(t)
  const client = await WireClient.open(port)
  const scram = new ScramClient('carol', 'x')
  const withData = (authenticationData: Buffer) => ({
    authenticationMethod: 'SCRAM-SHA-256',
    authenticationData,
  })
  client.connects({ properties: withData(scram.first) })
  const asked = await client.hears()
  const challenge = asked?.type === 'auth' ? asked.properties.authenticationData : undefined
  client.says({ type: 'auth', reason: 0x18, properties: withData(scram.final(challenge)) })
  t.match(await client.hears(), { type: 'connack', reason: 0 })

  const other = formatHash(newScram(Buffer.from('y'), 'sha256', 4_096))
  replaceFile(usersFile, textOf({ ...USERS, carol: other }))

  t.match(await client.hears(), { type: 'disconnect', reason: 0x87 })
  t.match(await logged('access.reloaded'), { disconnected: 1 })
})

test('a file that says the same, or something wrong, disconnects nobody', async t => {
  const { connect, logged, usersFile } = await withUsers(t)
  const alice = await connect('alice')

  replaceFile(usersFile, `# a comment\n${textOf(USERS)}`)
  t.match(await logged('access.reloaded'), { disconnected: 0 })
  replaceFile(usersFile, `${textOf({ bob: USERS['bob'] ?? '' })}eve:x\n`)
  t.match((await logged('access.kept')).cause, `${usersFile}:2: no hash follows the name`)

  t.equal(alice.connected, true)
  await alice.endAsync()
})

test('the client id of a user who is gone is free for others, who get nothing of its session', async t => {
  const { broker, connect, logged, usersFile } = await withUsers(t)
  const alice = await connect('alice', 'shared')
  await alice.subscribeAsync('secret', { qos: 1 })
  await alice.endAsync()
  await broker.publish({ topic: 'secret', payload: 'x', qos: 1 })
  await t.rejects(connect('bob', 'shared'), { code: 0x87 }, 'while there is an alice')

  replaceFile(usersFile, textOf({ bob: USERS['bob'] ?? '' }))
  await logged('access.reloaded')
  const bob = await connect('bob', 'shared')
  const heard: string[] = []
  bob.on('message', topic => heard.push(topic))
  await bob.subscribeAsync('last', { qos: 1 })
  await broker.publish({ topic: 'secret', payload: 'x', qos: 1 })
  await broker.publish({ topic: 'last', payload: 'x', qos: 1 })
  while (heard.length === 0) await new Promise(settle => bob.once('message', settle))

  t.strictSame(heard, ['last'])
  replaceFile(usersFile, textOf(USERS))
  await logged('access.reloaded')
  await t.rejects(connect('alice', 'shared'), { code: 0x87 }, 'it is the session of bob now')
  await bob.endAsync()
})

/** An authority with certificates for devices, and a listener that requires them. */
function devices(t: Test, ...names: readonly string[]) {
  const folder = t.testdir({ server: {} })
  const authority = new Authority(resolve(folder, 'own'), 'own', null)
  for (const name of names) authority.signs(folder, name, name, 'client')
  makeCertificates(resolve(folder, 'server'))
  const path = (name: string): string => resolve(folder, name)
  writeFileSync(path('ca.pem'), authority.certificate)
  writeFileSync(path('list.pem'), authority.list)
  const tls = {
    certFile: path('server/server.crt'),
    keyFile: path('server/server.key'),
    caFile: path('ca.pem'),
    crlFile: path('list.pem'),
    requireCertificate: true,
  }
  const certificate = (name: string): IClientOptions => ({
    cert: readFileSync(path(`${name}.crt`)),
    key: readFileSync(path(`${name}.key`)),
    rejectUnauthorized: false,
  })
  return { authority, certificate, folder, path, tls }
}

const device = (port: number, name: string, certificate: IClientOptions) =>
  mqtt.connectAsync(`mqtts://127.0.0.1:${port}`, {
    ...certificate,
    clientId: name,
    protocolVersion: 5,
    reconnectPeriod: 0,
  })

test('a certificate that is revoked disconnects its client, and comes back neither anew nor by a ticket of TLS', async t => {
  const { authority, certificate, path, tls } = devices(t, 'kept', 'gone')
  const { port, logged } = await brokerWith(t, { listeners: [{ host: '127.0.0.1', port: 0, tls }] })
  const kept = await device(port, 'kept', certificate('kept'))
  const gone = await device(port, 'gone', certificate('gone'))
  const secured = (session?: Buffer): TLSSocket =>
    connectTls({
      port,
      host: '127.0.0.1',
      ...(certificate('gone') as object),
      ...(session && { session }),
    })
  const ticket = await new Promise<Buffer>(settle => {
    const socket = secured()
    t.teardown(() => socket.destroy())
    socket.on('session', settle)
  })
  const reason = told(gone)

  authority.revokes(path('gone.crt'))
  replaceFile(path('list.pem'), authority.list)

  t.equal(await reason, 0x87)
  t.match(await logged('certificates.reloaded'), { disconnected: 2 }, 'a stranger as well')
  const anew = secured()
  anew.on('error', () => {})
  await new Promise(settle => anew.once('close', settle))
  t.match((await logged('tls.refused')).cause, 'CN=gone) was revoked')
  const resumed = secured(ticket)
  resumed.on('error', () => {})
  await new Promise(settle => resumed.once('close', settle))
  t.match((await logged('tls.refused')).cause, /revoked/)
  t.equal(kept.connected, true)
  await kept.endAsync()
})

test('a list of revoked certificates that is wrong changes nothing', async t => {
  const { certificate, path, tls } = devices(t, 'kept')
  const { port, logged } = await brokerWith(t, { listeners: [{ host: '127.0.0.1', port: 0, tls }] })
  const kept = await device(port, 'kept', certificate('kept'))

  replaceFile(path('list.pem'), 'nothing')

  t.match(
    (await logged('certificates.kept')).cause,
    `${path('list.pem')} holds no list of revoked certificates`,
  )
  t.equal(kept.connected, true)
  await (await device(port, 'kept2', certificate('kept'))).endAsync()
  await kept.endAsync()
})

test('a certificate that expires while its client is connected disconnects it', async t => {
  const { authority, certificate, folder, tls } = devices(t)
  const { port } = await brokerWith(t, { listeners: [{ host: '127.0.0.1', port: 0, tls }] })
  let seconds = 4
  let end = new Date()
  const connected = async (): Promise<MqttClient> => {
    end = new Date(Date.now() + seconds * 1_000)
    authority.signs(folder, 'short', 'short', 'client', end)
    try {
      return await device(port, 'short', certificate('short'))
    } catch (error) {
      // On a busy machine it has expired before the handshake.
      seconds *= 2
      if (seconds > 60) throw error
      return connected()
    }
  }
  const client = await connected()

  t.equal(await told(client), 0x87)

  const late = Date.now() - Math.floor(end.getTime() / 1_000) * 1_000
  t.ok(late >= 0, 'not before its end')
})

test('fingerprints in a file let in, name users, and are taken away', async t => {
  const { certificate, path, tls } = devices(t, 'one', 'two', 'three')
  const fingerprint = (name: string): string =>
    new X509Certificate(readFileSync(path(`${name}.crt`))).fingerprint256
  const fingerprintsFile = path('devices')
  writeFileSync(
    fingerprintsFile,
    `# ours\n${fingerprint('one')} sensor 1\n${fingerprint('two').replaceAll(':', '').toLowerCase()}\n`,
  )
  const { broker, port, logged } = await brokerWith(t, {
    listeners: [{ host: '127.0.0.1', port: 0, tls }],
    access: {
      certificates: { user: 'commonName', fingerprintsFile },
      rules: 'user sensor 1\ntopic a\n',
    },
  })
  const users: (string | null)[] = []
  broker.on('connected', ({ username }) => users.push(username))
  const one = await device(port, 'one', certificate('one'))
  const two = await device(port, 'two', certificate('two'))
  await t.rejects(device(port, 'three', certificate('three')), { code: 0x87 })
  t.strictSame(users, ['sensor 1', 'two'])

  const reason = told(two)
  replaceFile(fingerprintsFile, `${fingerprint('one')} sensor 1\n`)
  t.equal(await reason, 0x87)
  t.match(await logged('access.reloaded'), { disconnected: 1 })
  t.equal(one.connected, true)
  const other = told(one)
  replaceFile(fingerprintsFile, `${fingerprint('one')} sensor 2\n`)
  t.equal(await other, 0x87, 'it is another user now')
  replaceFile(fingerprintsFile, 'x\n')
  t.match((await logged('access.kept')).cause, `${fingerprintsFile}:1: expected SHA-256`)
})

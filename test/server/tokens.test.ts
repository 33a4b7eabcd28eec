// Tokens of an identity provider, as real clients bring them.

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { generate } from 'mqtt-packet'
import { type Test, test } from 'tap'
import type { EmbedOptions } from '../../src/index.ts'
import { brokerOnPort, run } from '../interop/programs.ts'

const METHOD = 'OAUTH2-JWT'
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function tokenFor(
  sub: string,
  claims: Readonly<Record<string, unknown>> = {},
  { kid = 'one', key = privateKey, lifetime = '5m' } = {},
): Promise<string> {
  return new SignJWT({ sub, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setExpirationTime(lifetime)
    .sign(key)
}

async function jwksOf(keys: Readonly<Record<string, KeyObject>>): Promise<string> {
  const all = await Promise.all(
    Object.entries(keys).map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid })),
  )
  return JSON.stringify({ keys: all })
}

async function brokerWith(
  t: Test,
  access: NonNullable<EmbedOptions['access']>,
  protocol: 'mqtt' | 'ws' = 'mqtt',
) {
  const lines: string[] = []
  const note = (line: object, sentence: string): void => {
    lines.push(`${JSON.stringify(line)} ${sentence}`)
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const listeners = [{ protocol, host: '127.0.0.1', port: 0 }]
  const { broker, port } = await brokerOnPort({ listeners, access, log })
  t.teardown(() => broker.close())
  const connect = (options: IClientOptions) =>
    mqtt.connectAsync(`${protocol}://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...('password' in options && { username: 'x' }),
      ...options,
    })
  return { broker, port: String(port), connect, lines }
}

async function brokerWithKeys(t: Test, access: object = {}) {
  const folder = t.testdir({ keys: await jwksOf({ one: publicKey }) })
  const jwksFile = resolve(folder, 'keys')
  return { ...(await brokerWith(t, { jwt: { jwksFile }, ...access })), jwksFile }
}

async function codeOf(connecting: Promise<MqttClient>): Promise<unknown> {
  try {
    await (await connecting).endAsync()
    return 'let in'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

function disconnected(client: MqttClient): Promise<number | undefined> {
  return new Promise(settle => client.once('disconnect', ({ reasonCode }) => settle(reasonCode)))
}

test("Debian's mosquitto_pub and MQTT.js come in with a token as password, and no token is in the log", async t => {
  const { port, connect, lines, broker } = await brokerWithKeys(t)
  const token = await tokenFor('alice')
  const names: unknown[] = []
  broker.on('connected', ({ username }) => names.push(username))
  const pub = (password: string) =>
    run('mosquitto_pub', [
      ...['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'x', '-q', '1'],
      ...['-u', 'jwt', '-P', password],
    ])

  t.match(await pub(token), { status: 0, errors: '' })
  t.match(await pub(`${token}x`), { status: 4 })
  t.match(await pub('secret'), { status: 4 })
  t.equal(await codeOf(connect({ username: 'x', password: token, protocolVersion: 4 })), 'let in')
  t.equal(await codeOf(connect({ password: token })), 'let in')
  t.equal(await codeOf(connect({ username: 'alice' })), 0x86)
  t.equal(await codeOf(connect({})), 0x86)

  t.strictSame(names, ['alice', 'alice', 'alice'])
  t.notOk(lines.some(line => line.includes(token.slice(-40)) || line.includes('secret')))
  t.ok(lines.some(line => line.includes('the signature of its token is wrong')))
})

test('rules in a token decide, below what the configuration denies', async t => {
  const { connect } = await brokerWithKeys(t, { rules: 'pattern deny secret/#' })
  const acl = [{ permission: 'allow', action: 'all', topic: '#' }]
  const client = await connect({ password: await tokenFor('alice', { acl }) })
  const narrow = await connect({ password: await tokenFor('bob', { publ: ['b/%u'] }) })
  const publish = (from: MqttClient, topic: string) =>
    from.publishAsync(topic, 'x', { qos: 1 }).then(
      () => 0,
      (error: unknown) => (error as { code: number }).code,
    )

  t.equal(await publish(client, 'anything'), 0)
  t.equal(await publish(client, 'secret/1'), 0x87)
  t.equal(await publish(narrow, 'b/bob'), 0)
  t.equal(await publish(narrow, 'b/alice'), 0x87)
  await Promise.all([client.endAsync(), narrow.endAsync()])
})

/** Sends AUTH, which the client's API does not have, and returns what answers it. */
async function answerToAuth(client: MqttClient, token: string): Promise<string> {
  const answer = new Promise<string>(settle => {
    client.on('packetreceive', packet => {
      if (packet.cmd === 'auth' || packet.cmd === 'disconnect') {
        settle(`${packet.cmd} ${packet.reasonCode}`)
      }
    })
  })
  const properties = { authenticationMethod: METHOD, authenticationData: Buffer.from(token) }
  client.stream.write(
    generate({ cmd: 'auth', reasonCode: 0x19, properties }, { protocolVersion: 5 }),
  )
  return answer
}

test('a token is renewed by AUTH, for the same user only', async t => {
  const { connect } = await brokerWithKeys(t)
  const first = await tokenFor('alice', { publ: ['a'] }, { lifetime: '3s' })
  const properties = { authenticationMethod: METHOD, authenticationData: Buffer.from(first) }
  const client = await connect({ properties })
  client.on('error', () => {})
  const other = await connect({ properties })

  const renewed = await tokenFor('alice', { publ: ['b'] })
  t.equal(await answerToAuth(client, renewed), 'auth 0')
  await client.publishAsync('b', 'x', { qos: 1 })
  t.equal(await disconnected(other), 0x87, 'and one that is not renewed ends with it')
  t.equal(await answerToAuth(client, await tokenFor('bob')), 'disconnect 135')
})

test('enhanced authentication without a token is refused, and so is an unknown method', async t => {
  const { connect } = await brokerWithKeys(t)
  const withMethod = (authenticationMethod: string, data?: string) =>
    connect({
      properties: {
        authenticationMethod,
        ...(data !== undefined && { authenticationData: Buffer.from(data) }),
      },
    })

  t.equal(await codeOf(withMethod(METHOD)), 0x86)
  t.equal(await codeOf(withMethod(METHOD, 'secret')), 0x86)
  t.equal(await codeOf(withMethod('GS2-KRB5', await tokenFor('alice'))), 0x8c)
})

test('keys that change in their file count at once, and wrong ones leave those of before', async t => {
  const { connect, jwksFile, lines } = await brokerWithKeys(t)
  const two = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const token = await tokenFor('alice', {}, { kid: 'two', key: two.privateKey })
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo())) await new Promise(settle => setTimeout(settle, 50))
  }
  t.equal(await codeOf(connect({ password: token })), 0x86)

  writeFileSync(`${jwksFile}.next`, '{"keys":[]}')
  renameSync(`${jwksFile}.next`, jwksFile)
  await until(async () => lines.some(line => line.includes('access.kept')))
  t.equal(await codeOf(connect({ password: await tokenFor('alice') })), 'let in')
  writeFileSync(`${jwksFile}.next`, await jwksOf({ two: two.publicKey }))
  renameSync(`${jwksFile}.next`, jwksFile)
  await until(async () => (await codeOf(connect({ password: token }))) === 'let in')

  t.equal(await codeOf(connect({ password: await tokenFor('alice') })), 0x86)
})

test('a broker whose provider is away refuses tokens, says so, and takes them when it is back', async t => {
  let isAway = true
  const body = await jwksOf({ one: publicKey })
  const provider = createServer((_request, response) =>
    isAway ? response.writeHead(500).end('secret details') : response.end(body),
  ).listen(0, '127.0.0.1')
  await once(provider, 'listening')
  t.teardown(() => provider.close())
  const jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`
  const { port, lines, connect } = await brokerWith(t, { jwt: { jwksUrl } }, 'ws')
  const password = await tokenFor('alice')
  const readyz = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text()

  t.equal(await codeOf(connect({ password })), 0x88)
  t.equal(
    await readyz(),
    'ready\nThe keys for tokens cannot be read: tokens are refused. The log says why.\n',
  )
  t.ok(lines.some(line => /access.keys.failed.*an answer with status 500/.test(line)))
  t.notOk(lines.some(line => line.includes('secret details')))
  isAway = false
  while ((await readyz()) !== 'ready\n') await new Promise(settle => setTimeout(settle, 50))

  t.equal(await codeOf(connect({ password })), 'let in')
  t.ok(lines.some(line => line.includes('access.keys.read')))
})

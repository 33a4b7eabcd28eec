// A file of mosquitto's dynamic security, as real clients meet it.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SignJWT } from 'jose'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { parseConfig } from '../../src/config/parse.ts'
import type { EmbedOptions } from '../../src/index.ts'
import { brokerOnPort } from '../interop/programs.ts'

interface Security {
  clients: { username: string; disabled?: boolean; roles?: { rolename: string }[] }[]
  roles: { rolename: string; acls: object[] }[]
}

function sample(): Security {
  const url = new URL('../../../test/access/mosquitto/samples/', import.meta.url)
  const text = readFileSync(resolve(fileURLToPath(url), 'dynamic-security-2.0.11.json'), 'utf8')
  return JSON.parse(text) as Security
}

/** Puts the whole file in its place at once, as mosquitto does. */
function put(file: string, security: Security | string): void {
  const text = typeof security === 'string' ? security : JSON.stringify(security, null, '\t')
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

async function secured(t: Test, security = sample(), access: EmbedOptions['access'] = {}) {
  const file = resolve(t.testdir({}), 'dynamic-security.json')
  put(file, security)
  const events: { event: string; cause?: string }[] = []
  const heard = new EventTarget()
  const note = (line: object): void => {
    events.push(line as { event: string })
    heard.dispatchEvent(new Event('line'))
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const { broker, port } = await brokerOnPort({
    access: { dynamicSecurityFile: file, ...access },
    log,
  })
  t.teardown(() => broker.close())
  const connect = (options: IClientOptions) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...options,
    })
  const logged = async (event: string) => {
    for (;;) {
      const found = events.find(each => each.event === event)
      if (found !== undefined) return found
      await new Promise(settle => heard.addEventListener('line', settle, { once: true }))
    }
  }
  return { broker, file, connect, logged }
}

const ALICE = { username: 'alice', password: 'alicepw' }

async function codeOf(doing: Promise<unknown>): Promise<unknown> {
  try {
    await doing
    return 0
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

async function subscribed(client: MqttClient, filter: string): Promise<number | undefined> {
  const [granted] = await client.subscribeAsync(filter, { qos: 0 }).catch(() => [])
  return granted?.qos ?? 0x87
}

test('users come in with their passwords, and with the client id that is written for them', async t => {
  const { connect } = await secured(t)

  await (await connect(ALICE)).endAsync()
  await (await connect({ username: 'bob', password: 'bobpw', clientId: 'bob-device' })).endAsync()

  const refused = [
    { ...ALICE, password: 'wrong' },
    { username: 'bob', password: 'bobpw', clientId: 'other' },
    { username: 'nobody', password: 'x' },
    {},
  ]
  for (const options of refused) t.equal(await codeOf(connect(options)), 0x86)
})

test('clients without a name have the rights of the anonymous group, where they may come in', async t => {
  const { connect } = await secured(t, sample(), { anonymous: 'loopback' })
  const nameless = await connect({})

  t.equal(await subscribed(nameless, 'a/#'), 0)
  t.equal(await codeOf(nameless.publishAsync('a/b', 'x', { qos: 1 })), 0x87)
  await nameless.endAsync()
})

test('a role decides what may be sent, subscribed to and unsubscribed from', async t => {
  const security = sample()
  security.roles.push({
    rolename: 'kept',
    acls: [{ acltype: 'unsubscribeLiteral', topic: 'cmd/x/in', allow: false }],
  })
  security.clients.find(({ username }) => username === 'alice')?.roles?.push({ rolename: 'kept' })
  for (const role of security.roles) {
    if (role.rolename === 'sensor-rw') role.acls = role.acls.filter(each => !isUnsubscribe(each))
  }
  const { broker, connect, logged } = await secured(t, security)
  const alice = await connect(ALICE)

  t.equal(await codeOf(alice.publishAsync('sensors/alice/x', 'x', { qos: 1 })), 0)
  t.equal(await codeOf(alice.publishAsync('sensors/bob/x', 'x', { qos: 1 })), 0x87)
  t.equal(await subscribed(alice, 'cmd/x/in'), 0)
  t.equal(await subscribed(alice, 'cmd/#'), 0x87)
  await alice.unsubscribeAsync('cmd/x/in').catch(() => {})

  t.match(await logged('unsubscribe.refused'), { rule: /dynamic-security\.json:\d+ role kept/ })
  t.equal(broker.statistics.unsubscribesRefused, 1)
  const heard = new Promise(settle => alice.once('message', settle))
  broker.publish({ topic: 'cmd/x/in', payload: 'x' })
  t.equal(await heard, 'cmd/x/in', 'the subscription stays')
  await alice.endAsync()
})

function isUnsubscribe(acl: object): boolean {
  return 'acltype' in acl && String(acl.acltype).startsWith('unsubscribe')
}

test('a user that is disabled is disconnected, and new roles hold at once', async t => {
  const { file, connect, logged } = await secured(t)
  const alice = await connect(ALICE)
  const carol = await connect({ username: 'carol', password: 'carolpw2', clientId: 'carol-id' })
  t.equal(await codeOf(carol.publishAsync('news', 'x', { qos: 1 })), 0x87)
  const told = new Promise(settle => alice.once('disconnect', settle))

  const security = sample()
  security.roles.push({
    rolename: 'press',
    acls: [{ acltype: 'publishClientSend', topic: 'news', allow: true }],
  })
  for (const client of security.clients) {
    if (client.username === 'alice') client.disabled = true
    if (client.username === 'carol') client.roles = [{ rolename: 'press' }]
  }
  put(file, security)

  t.match(await told, { reasonCode: 0x87 })
  t.match(await logged('access.reloaded'), { users: 3, rules: 17, disconnected: 1 })
  t.equal(await codeOf(carol.publishAsync('news', 'x', { qos: 1 })), 0)
  t.equal(await codeOf(connect(ALICE)), 0x86)
  await carol.endAsync()
})

test('a user that is disabled does not come in by a token either, and is disconnected', async t => {
  const secret = 'a secret of thirty-two bytes or more'
  const folder = mkdtempSync(resolve(tmpdir(), 'secret-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const secretFile = resolve(folder, 'secret')
  writeFileSync(secretFile, secret)
  const { file, connect, logged } = await secured(t, sample(), {
    jwt: { secretFile },
  })
  const tokenFor = (sub: string): Promise<string> =>
    new SignJWT({ sub, exp: Math.floor(Date.now() / 1_000) + 3_600 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(secret))
  const byToken = async (name: string) =>
    connect({ username: name, password: await tokenFor(name), clientId: `${name}-token` })
  const alice = await byToken('alice')
  const carol = await byToken('carol')
  const told = new Promise(settle => alice.once('disconnect', settle))

  const security = sample()
  for (const client of security.clients) if (client.username === 'alice') client.disabled = true
  put(file, security)

  t.match(await told, { reasonCode: 0x87 })
  t.match(await logged('access.reloaded'), { disconnected: 1 })
  t.equal(await codeOf(byToken('alice')), 0x87)
  t.match((await logged('client.refused')).cause, /disabled/)
  t.equal(carol.connected, true)
  await carol.endAsync()
})

test('a wrong file changes nothing while the broker runs, and stops a start', async t => {
  const { file, connect, logged } = await secured(t)
  const wrong = '{\n"clients": [],\n"roles": [{ "rolename": "r", "acls": [{}] }]\n}'

  put(file, wrong)

  t.match((await logged('access.kept')).cause, `${file}:3: acltype is missing`)
  await (await connect(ALICE)).endAsync()
  await t.rejects(brokerOnPort({ access: { dynamicSecurityFile: file } }), {
    message: /dynamic-security\.json:3: acltype is missing/,
  })
})

test('there is one source of users and rules', async t => {
  t.throws(
    () => parseConfig({ access: { dynamicSecurityFile: 'd.json', usersFile: 'u', rules: '' } }),
    { message: /leave out access\.usersFile[^]*leave out access\.rules/ },
  )
})

// Users and rules of the configuration, as real clients meet them.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { createBroker, type EmbedOptions } from '../../src/index.ts'
import { CLI } from '../command.ts'
import { brokerOnPort, run } from '../interop/programs.ts'

const RULES = `# what anybody may do
pattern readwrite devices/%u/#
topic read public/#

user alice
topic readwrite home/#
topic deny home/locked/#
qos<=1 noretain topic write meter/+
subscribe home/#
subscribe devices/#

user watcher
topic read #
`

function usersOf(users: Readonly<Record<string, string>>): string {
  return Object.entries(users)
    .map(([name, password]) => `${name}:${formatHash(newPbkdf2(Buffer.from(password), 101))}\n`)
    .join('')
}

/** A broker with alice, bob and a watcher, and files for them. */
async function brokerWithUsers(t: Test, access: EmbedOptions['access'] = {}) {
  const folder = t.testdir({
    users: usersOf({ alice: 'a secret', bob: 'bobpw', watcher: 'w' }),
    rules: RULES,
  })
  const files = { usersFile: resolve(folder, 'users'), rulesFile: resolve(folder, 'rules') }
  const { broker, port } = await brokerOnPort({ access: { ...files, ...access } })
  t.teardown(() => broker.close())
  const connect = (options: IClientOptions) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, ...options })
  return { broker, port: String(port), connect }
}

function as(username: string, password: string, protocolVersion: 4 | 5 = 5): IClientOptions {
  return { username, password, protocolVersion }
}

/** The reason code or return code that a client is refused with. */
async function refusalOf(connecting: Promise<MqttClient>): Promise<unknown> {
  try {
    await (await connecting).endAsync()
    return 'let in'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

test('a listener may require a user although others do not, by WebSocket too', async t => {
  const folder = t.testdir({ users: usersOf({ alice: 'a secret' }) })
  const host = '127.0.0.1'
  const broker = await createBroker({
    listeners: [
      { host, port: 0 },
      { host, port: 0, protocol: 'ws', requireUser: true },
    ],
    access: { usersFile: resolve(folder, 'users'), anonymous: 'everywhere' },
  })
  t.teardown(() => broker.close())
  const [open, strict] = broker.listeners.map(({ port }) => port)
  const connect = (url: string, options: IClientOptions) =>
    mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5, ...options })

  t.equal(await refusalOf(connect(`mqtt://${host}:${open}`, {})), 'let in')
  t.equal(await refusalOf(connect(`ws://${host}:${strict}`, {})), 0x86)
  t.equal(await refusalOf(connect(`ws://${host}:${strict}`, as('alice', 'a secret'))), 'let in')
})

/** The reason code that a publish was answered with. */
async function answerTo(
  client: MqttClient,
  topic: string,
  options: { qos: 1 | 2; retain?: boolean },
): Promise<number | undefined> {
  try {
    await client.publishAsync(topic, 'x', options)
    return 0
  } catch (error) {
    return (error as { code?: number }).code
  }
}

test("Debian's mosquitto_pub and mosquitto_sub come in with the right password only", async t => {
  const { port } = await brokerWithUsers(t)
  const address = ['-h', '127.0.0.1', '-p', port]
  const pub = (...more: readonly string[]) =>
    run('mosquitto_pub', [...address, '-t', 'home/lamp', '-m', 'on', '-q', '1', ...more])

  t.match(await pub('-u', 'alice', '-P', 'a secret', '-r'), { status: 0, errors: '' })
  const heard = await run('mosquitto_sub', [
    ...address,
    ...['-u', 'alice', '-P', 'a secret', '-t', 'home/#', '-C', '1', '-W', '9', '-v'],
  ])
  t.equal(heard.output, 'home/lamp on\n')
  for (const wrong of [['-u', 'alice', '-P', 'wrong'], ['-u', 'mallory', '-P', 'x'], []]) {
    t.match(await pub(...wrong), { status: 4, errors: /bad user name or password/ })
    t.match(await pub(...wrong, '-V', '5'), { status: 134, errors: /Bad User Name or Password/i })
  }
})

test('wrong credentials, none, a name without a password and an unknown name get the same answer', async t => {
  const { connect, broker } = await brokerWithUsers(t)
  const refused: string[] = []
  broker.on('refused', (_client, _reason, sentence) => refused.push(sentence))
  const wrong: readonly IClientOptions[] = [
    { username: 'alice', password: 'wrong' },
    { username: 'mallory', password: 'wrong' },
    { username: 'alice' },
    { username: 'alice', password: '' },
  ]

  for (const options of [...wrong, {}]) {
    t.equal(await refusalOf(connect({ ...options, protocolVersion: 5 })), 0x86)
    t.equal(await refusalOf(connect({ ...options, protocolVersion: 4 })), 4)
  }
  t.equal(await refusalOf(connect(as('alice', 'a secret'))), 'let in')
  t.strictSame(
    [...new Set(refused)],
    ['user name or password is wrong', 'no user name: pondhawk user add NAME makes a user'],
  )
})

test('a publish is refused with 0x87, and by version 3 acknowledged and not delivered', async t => {
  const { connect } = await brokerWithUsers(t)
  const watcher = await connect(as('watcher', 'w'))
  const heard: string[] = []
  watcher.on('message', topic => heard.push(topic))
  await watcher.subscribeAsync('#', { qos: 1 })
  const alice = await connect(as('alice', 'a secret'))
  const old = await connect(as('alice', 'a secret', 4))

  t.equal(await answerTo(alice, 'home/lamp', { qos: 1 }), 0)
  t.equal(await answerTo(alice, 'home/locked/door', { qos: 1 }), 0x87)
  t.equal(await answerTo(alice, 'elsewhere', { qos: 2 }), 0x87)
  t.equal(await answerTo(alice, 'devices/alice/x', { qos: 1 }), 0)
  t.equal(await answerTo(alice, 'devices/bob/x', { qos: 1 }), 0x87)
  t.equal(await answerTo(alice, 'meter/power', { qos: 1 }), 0)
  t.equal(await answerTo(alice, 'meter/power', { qos: 2 }), 0x87)
  t.equal(await answerTo(alice, 'meter/power', { qos: 1, retain: true }), 0x87)
  t.equal(await answerTo(old, 'elsewhere', { qos: 1 }), 0)
  t.equal(await answerTo(old, 'home/last', { qos: 1 }), 0)

  while (!heard.includes('home/last'))
    await new Promise(resolve => watcher.once('message', resolve))
  t.strictSame(heard, ['home/lamp', 'devices/alice/x', 'meter/power', 'home/last'])
  for (const client of [watcher, alice, old]) await client.endAsync()
})

test('a SUBSCRIBE is granted as in mosquitto and each delivery checked, or refused by a `subscribe` line', async t => {
  const { connect, broker } = await brokerWithUsers(t)
  const alice = await connect(as('alice', 'a secret'))
  const bob = await connect(as('bob', 'bobpw'))
  const old = await connect(as('alice', 'a secret', 4))
  const heard: string[] = []
  bob.on('message', topic => heard.push(topic))

  t.match(await bob.subscribeAsync('#', { qos: 1 }), [{ qos: 1 }])
  t.equal(await granted(alice, 'home/locked/#'), 1)
  t.equal(await granted(alice, 'public/#'), 0x87)
  t.equal(await granted(old, 'public/#'), 0x80)
  await alice.publishAsync('home/lamp', 'x', { qos: 1, retain: true })
  await bob.publishAsync('devices/bob/last', 'x', { qos: 1 })

  while (heard.length === 0) await new Promise(resolve => bob.once('message', resolve))
  t.strictSame(heard, ['devices/bob/last'])
  t.equal(broker.statistics.dropped['no-right-to-receive'], 1)
  for (const client of [alice, bob, old]) await client.endAsync()
})

test('nobody joins a share group that has what it may not receive', async t => {
  const { connect } = await brokerWithUsers(t)
  const alice = await connect(as('alice', 'a secret'))
  const bob = await connect(as('bob', 'bobpw'))
  const watcher = await connect(as('watcher', 'w'))

  t.equal(
    await granted(bob, '$share/g/home/#'),
    0x87,
    'or it would take messages away and drop them',
  )
  t.equal(await granted(bob, '$share/g/#'), 0x87)
  t.equal(await granted(bob, '$share/g/devices/+/x'), 0x87)
  t.equal(await granted(bob, '$share/g/devices/bob/x'), 1)
  t.equal(await granted(alice, '$share/g/home/#'), 0x87, 'a part is denied')
  t.equal(await granted(alice, '$share/g/home/lamp'), 1)
  t.equal(await granted(watcher, '$share/g/#'), 1)
  for (const client of [alice, bob, watcher]) await client.endAsync()
})

async function granted(client: MqttClient, filter: string): Promise<number | undefined> {
  try {
    return (await client.subscribeAsync(filter, { qos: 1 }))[0]?.qos
  } catch (error) {
    return (
      (error as { packet?: { granted: readonly number[] } }).packet?.granted[0] ??
      (error as { code?: number }).code
    )
  }
}

test('users and rules may be written in the configuration, and clients without a name allowed', async t => {
  const hash = formatHash(newPbkdf2(Buffer.from('x'), 101))
  const { connect } = await brokerWithUsers(t, {
    usersFile: undefined,
    rulesFile: undefined,
    users: { carl: hash },
    rules: 'topic read public/#\nuser carl\ntopic public/#',
    anonymous: 'loopback',
  })
  const carl = await connect(as('carl', 'x'))
  const nameless = await connect({ protocolVersion: 5 })

  t.equal(await answerTo(carl, 'public/a', { qos: 1 }), 0)
  t.equal(await answerTo(nameless, 'public/a', { qos: 1 }), 0x87)
  t.equal(await refusalOf(connect(as('carl', 'wrong'))), 0x86)
  for (const client of [carl, nameless]) await client.endAsync()
})

test('with a wrong file nothing starts, and file and line are named', async t => {
  const folder = t.testdir({
    ok: usersOf({ a: 'x' }),
    users: 'alice:plain\n',
    rules: '\ntopic a#\n',
  })
  const of = (name: string) => resolve(folder, name)
  const start = (access: EmbedOptions['access']) => createBroker({ listeners: [], access })
  const hashMissing =
    'no hash follows the name, as if the password stood there itself: pondhawk passwd -U FILE hashes it'
  const noFilter = '"a#" is no topic filter: # stands alone at the end, and + alone in its level'

  await t.rejects(start({ usersFile: of('users') }), {
    code: 'ERR_ACCESS_FILE',
    message: `${of('users')}:1: ${hashMissing}`,
  })
  await t.rejects(start({ usersFile: of('users'), rulesFile: of('rules') }), {
    message: `${of('users')}:1: ${hashMissing}\n${of('rules')}:2: ${noFilter}`,
  })
  await t.rejects(start({ usersFile: of('none') }), {
    message: `${of('none')}: cannot be read (ENOENT): make it: pondhawk user add NAME --generate --file ${of('none')}`,
  })
  await t.rejects(start({ users: { carl: 'x' } }), { message: `access.users.carl: ${hashMissing}` })
  await t.rejects(start({ rules: 'user\n' }), {
    message: 'access.rules:1: something is missing: user NAME',
  })
})

test('start and check refuse a wrong file with status 78, and print no password', async t => {
  const folder = t.testdir({
    'pondhawk.yaml':
      'listeners: [{port: 0}]\nstore: {durability: memory}\naccess: {usersFile: users, rulesFile: rules}\n',
    users: 'alice:hunter2\n',
    rules: 'topic raed a/b c\n',
  })
  const file = resolve(folder, 'pondhawk.yaml')
  for (const command of ['start', 'check']) {
    const { status, output, errors } = await run(process.execPath, [CLI, command, '-c', file])

    t.equal(status, 78)
    t.match(errors, `${resolve(folder, 'users')}:1: no hash follows the name`)
    t.match(errors, `${resolve(folder, 'rules')}:1: "raed" is none of read, write`)
    t.notMatch(output + errors, 'hunter2')
  }
  writeFileSync(resolve(folder, 'users'), usersOf({ alice: 'x' }))
  writeFileSync(resolve(folder, 'rules'), RULES)
  t.match(await run(process.execPath, [CLI, 'check', '-c', file]), {
    status: 0,
    output: /anonymous: never/,
  })
})

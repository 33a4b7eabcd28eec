// Commands to $CONTROL/dynamic-security/v1: the exchanges that were recorded at mosquitto, mosquitto_ctrl itself, and what must not work.

import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { parseDynamicSecurity } from '../../src/access/mosquitto/dynamic-security-file.ts'
import type { EmbedOptions } from '../../src/index.ts'
import { brokerOnPort, freePort, Program, run } from '../interop/programs.ts'

const TOPIC = '$CONTROL/dynamic-security/v1'
const RESPONSE = `${TOPIC}/response`
const SAMPLES = fileURLToPath(new URL('../../../test/access/mosquitto/samples/', import.meta.url))

async function secured(t: Test, options: EmbedOptions = {}, sample = 'init-2.0.11.json') {
  const file = resolve(t.testdir({}), 'dynamic-security.json')
  copyFileSync(resolve(SAMPLES, sample), file)
  chmodSync(file, 0o640)
  const access = { ...options.access, dynamicSecurityFile: file }
  const { broker, port } = await brokerOnPort({ ...options, access })
  t.teardown(() => broker.close())
  const connect = (username: string, password: string, more: IClientOptions = {}) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      username,
      password,
      ...more,
    })
  const client = await connect('admin', 'adminpw')
  await client.subscribeAsync('$CONTROL/dynamic-security/#')
  const answers: ((answer: unknown) => void)[] = []
  client.on('message', (_topic, payload) => answers.shift()?.(JSON.parse(payload.toString())))
  /** Gives commands, and returns their answer. */
  const says = async (request: unknown): Promise<unknown> => {
    const answer = new Promise(settle => answers.push(settle))
    const payload =
      typeof request === 'string' || request instanceof Buffer ? request : JSON.stringify(request)
    await client.publishAsync(TOPIC, payload, { qos: 1 })
    return answer
  }
  const does = (...commands: readonly object[]) => says({ commands })
  return { broker, port, file, connect, client, says, does }
}

/** The answer of one command. */
function answered(command: string, more: object = {}): object {
  return { responses: [{ command, ...more }] }
}

function codeOf(doing: Promise<unknown>): Promise<unknown> {
  return doing.then(
    () => 0,
    (error: { code?: unknown }) => error.code,
  )
}

function disconnected(client: MqttClient): Promise<number | undefined> {
  return new Promise(settle => client.once('disconnect', ({ reasonCode }) => settle(reasonCode)))
}

interface Pair {
  readonly broker: string
  readonly request: unknown
  readonly response: unknown
}

/** Commands that were given between the recorded ones: equal exchanges were recorded once. */
const UNRECORDED: Readonly<Record<number, readonly object[]>> = {
  63: [
    { command: 'disableClient', username: 'carol' },
    { command: 'addGroupClient', groupname: 'staff', username: 'carol' },
  ],
  64: [
    { command: 'enableClient', username: 'carol' },
    { command: 'removeGroupClient', groupname: 'staff', username: 'carol' },
    { command: 'addClientRole', username: 'alice', rolename: 'sensor-rw', priority: 5 },
  ],
  138: [{ command: 'deleteClient', username: 'dave' }],
  143: [{ command: 'addClientRole', username: 'bob', rolename: 'z' }],
}

/** Answers without what only 2.1 says, or without a count of all changes, of which some were not recorded. */
function comparable(answer: unknown, broker: string): unknown {
  const left = broker === '2.0.11' ? ['connections', 'allowwildcardsubs'] : ['changeIndex']
  const without = (key: string, value: unknown) => (left.includes(key) ? undefined : value)
  return JSON.parse(JSON.stringify(answer, without))
}

test('the 144 exchanges that were recorded at mosquitto give the same answers', async t => {
  const text = readFileSync(resolve(SAMPLES, 'dynsec-exchanges.json'), 'utf8')
  const { pairs } = JSON.parse(text) as { pairs: readonly Pair[] }
  const { says, does, file } = await secured(t)

  for (const [index, { broker, request, response }] of pairs.entries()) {
    await does(...(UNRECORDED[index] ?? []))
    const answer = comparable(await says(request), broker)
    t.strictSame(answer, comparable(response, broker), `${index}: ${JSON.stringify(request)}`)
  }

  t.equal(pairs.length, 144)
  t.strictSame(parseDynamicSecurity(readFileSync(file), 'f').warnings, [])
  t.equal(statSync(file).mode & 0o777, 0o640)
})

test('mosquitto_ctrl works, and mosquitto reads the file that was written', async t => {
  const { port, file, connect } = await secured(t)
  const ctrl = (...words: readonly string[]) =>
    run('mosquitto_ctrl', [
      ...['-p', String(port), '-u', 'admin', '-P', 'adminpw', 'dynsec'],
      ...words,
    ])

  await ctrl('createRole', 'sensor')
  await ctrl('addRoleACL', 'sensor', 'publishClientSend', 'sensors/%u', 'allow', '7')
  await ctrl('createClient', 'lamp', '-p', 'lamppw')
  await ctrl('addClientRole', 'lamp', 'sensor', '3')
  const shown = await ctrl('getClient', 'lamp')
  const refused = await ctrl('createClient', 'lamp', '-p', 'x')

  t.match(shown.output, /Username:\s+lamp[\s\S]+sensor \(priority: 3\)/)
  t.match(refused.errors + refused.output, /Client already exists/)
  const lamp = await connect('lamp', 'lamppw')
  t.equal(await codeOf(lamp.publishAsync('sensors/lamp', 'x', { qos: 1 })), 0)
  t.equal(await codeOf(lamp.publishAsync('sensors/other', 'x', { qos: 1 })), 0x87)
  await lamp.endAsync()

  const otherPort = await freePort()
  const plugin = '/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so'
  const conf = `${file}.conf`
  writeFileSync(
    conf,
    `user root\nlistener ${otherPort} 127.0.0.1\nplugin ${plugin}\nplugin_opt_config_file ${file}\n`,
  )
  const mosquitto = new Program('/usr/sbin/mosquitto', ['-v', '-c', conf])
  t.teardown(() => mosquitto.killed())
  let there = await run('mosquitto_pub', [
    '-p',
    String(otherPort),
    '-u',
    'lamp',
    '-P',
    'lamppw',
    ...WORD,
  ])
  for (let tries = 0; there.errors.includes('refused') && tries < 100; tries++) {
    there = await run('mosquitto_pub', [
      '-p',
      String(otherPort),
      '-u',
      'lamp',
      '-P',
      'lamppw',
      ...WORD,
    ])
  }
  t.equal(there.status, 0, there.errors)
})

const WORD = ['-t', 'sensors/lamp', '-m', 'x']

test('changes count at once, and whoever is disabled, deleted or has another password loses its connection', async t => {
  const { connect, does, client } = await secured(t, {}, 'dynamic-security-2.0.11.json')
  const alice = await connect('alice', 'alicepw')
  const sends = () => codeOf(alice.publishAsync('news', 'x', { qos: 1 }))

  t.equal(await sends(), 0x87)
  const acl = { acltype: 'publishClientSend', topic: 'news', allow: true }
  await does({ command: 'addRoleACL', rolename: 'sensor-rw', ...acl })
  t.equal(await sends(), 0)
  await does({ command: 'removeRoleACL', rolename: 'sensor-rw', ...acl })
  t.equal(await sends(), 0x87)

  const reason = disconnected(alice)
  await does({ command: 'disableClient', username: 'alice' })
  t.equal(await reason, 0x87)
  t.equal(await codeOf(connect('alice', 'alicepw')), 0x86)
  await does({ command: 'enableClient', username: 'alice' })
  const again = disconnected(await connect('alice', 'alicepw'))
  await does({ command: 'deleteClient', username: 'alice' })
  t.equal(await again, 0x87)

  const own = disconnected(client)
  const answer = await does({ command: 'setClientPassword', username: 'admin', password: 'new' })
  t.strictSame(answer, answered('setClientPassword'), 'it has its answer before')
  t.equal(await own, 0x87)
  await (await connect('admin', 'new')).endAsync()
})

test('the answer goes to the client that has asked, and to no other', async t => {
  const { connect, does } = await secured(t)
  const other = await connect('admin', 'adminpw')
  await other.subscribeAsync(['$CONTROL/dynamic-security/#', '$SYS/broker/store/#'])
  const topics: string[] = []
  other.on('message', topic => topics.push(topic))

  t.match(await does({ command: 'listRoles' }), answered('listRoles'))
  await other.publishAsync(TOPIC, 'x', { qos: 0 })
  await new Promise(settle => other.once('message', settle))
  await other.endAsync()

  t.strictSame(
    topics.filter(topic => topic.startsWith('$CONTROL')),
    [RESPONSE],
    'only its own',
  )
})

test('nobody without the right can give commands, in whatever way', async t => {
  const { broker, connect, does } = await secured(t, {}, 'dynamic-security-2.0.11.json')
  const alice = await connect('alice', 'alicepw')
  const commands = JSON.stringify({ commands: [{ command: 'deleteRole', rolename: 'admin' }] })
  const will = { topic: TOPIC, payload: Buffer.from(commands), qos: 1 as const }

  t.equal(await codeOf(alice.publishAsync(TOPIC, commands, { qos: 1 })), 0x87)
  t.equal(await codeOf(alice.publishAsync(RESPONSE, commands, { qos: 1 })), 0x87)
  t.equal(await codeOf(connect('alice', 'alicepw', { will })), 0x87, 'by a will')
  t.equal(await codeOf(connect('admin', 'adminpw', { will })), 0x87, 'not even who may: by a will')
  await t.rejects(broker.publish({ topic: TOPIC, payload: commands }), /for the broker itself/)
  await does({
    command: 'setDefaultACLAccess',
    acls: [{ acltype: 'publishClientSend', allow: true }],
  })
  t.equal(await codeOf(alice.publishAsync('a', commands, { qos: 1 })), 0)
  t.equal(await codeOf(alice.publishAsync(TOPIC, commands, { qos: 1 })), 0x87, 'by the defaults')
  const program = await broker.connect()
  const byProgram = program.publish({ topic: TOPIC, payload: commands, qos: 1 })
  await t.rejects(byProgram, /not authorized/)
  await program.end()
  await alice.endAsync()

  t.match(await does({ command: 'getRole', rolename: 'admin' }), answered('getRole'))
})

test('a retained command is carried out and not retained, at any QoS', async t => {
  const { connect, client, does } = await secured(t)
  const create = (rolename: string) =>
    JSON.stringify({ commands: [{ command: 'createRole', rolename }] })

  let answers = 0
  const bothAreAnswered = new Promise<void>(settle =>
    client.on('message', () => {
      answers += 1
      if (answers === 2) settle()
    }),
  )

  await client.publishAsync(TOPIC, create('a'), { qos: 2, retain: true })
  await client.publishAsync(TOPIC, create('b'), { qos: 0, retain: true })
  await bothAreAnswered
  const roles = await does({ command: 'listRoles' })
  const late = await connect('admin', 'adminpw')
  const topics: string[] = []
  late.on('message', topic => topics.push(topic))
  await late.subscribeAsync(['$CONTROL/dynamic-security/#', '$SYS/broker/store/#'])
  await late.endAsync()

  t.match(roles, { responses: [{ data: { roles: ['a', 'admin', 'b'] } }] })
  t.strictSame(
    topics.filter(topic => topic.startsWith('$CONTROL')),
    [],
  )
})

test('hostile commands are answered with an error, and harm nothing', async t => {
  const { says, does, file, broker, client } = await secured(t, {
    limits: { controlBytesMax: 100_000, dynamicSecurityNamesMax: 3 },
  })
  const before = readFileSync(file)
  const nested = `{"commands":${'['.repeat(40_000)}`
  const invalid = answered('Unknown command', { error: 'Payload not valid JSON' })

  for (const payload of [nested, '', '{"commands":[],"commands":[]}']) {
    t.strictSame(await says(payload), invalid, payload.slice(0, 20))
  }
  t.strictSame(await says(Buffer.from([0x7b, 0xff])), invalid)
  const names = ['a\u0000b', 'a\nb', '\ud800', 'x'.repeat(70_000)]
  for (const username of names) {
    t.match(await does({ command: 'createClient', username }), {
      responses: [{ command: 'createClient', error: /Username (not valid UTF-8|is too long)/ }],
    })
  }
  t.match(await does({ command: '__proto__' }, { command: 'constructor' }), {
    responses: [{ error: 'Unknown command' }, { error: 'Unknown command' }],
  })
  const denied = { acltype: 'publishClientSend', topic: 'a/#/b', allow: false }
  t.match(await does({ command: 'createRole', rolename: 'r', acls: [denied] }), {
    responses: [{ error: 'Invalid ACL topic' }],
  })
  t.strictSame(readFileSync(file), before)

  await does(...['r', 's'].map(rolename => ({ command: 'createRole', rolename })))
  t.match(await does({ command: 'createRole', rolename: 't' }), {
    responses: [{ error: /limits.dynamicSecurityNamesMax/ }],
  })
  t.equal(await codeOf(client.publishAsync(TOPIC, Buffer.alloc(100_001), { qos: 1 })), 0x97)
  const { controlBytesMax, dynamicSecurityNamesMax } = broker.statistics.limited
  t.strictSame(
    { controlBytesMax, dynamicSecurityNamesMax },
    { controlBytesMax: 1, dynamicSecurityNamesMax: 1 },
  )
})

test('a change that cannot be stored is not made, and its answer says so', async t => {
  const { does, file } = await secured(t)
  const long = JSON.parse(readFileSync(file, 'utf8')) as { roles: object[] }
  for (let count = 0; count < 256; count++) {
    long.roles.push({ rolename: `${count}`, textdescription: 'x'.repeat(65_300) })
  }
  const before = Buffer.from(JSON.stringify(long))
  writeFileSync(file, before)
  const change = { command: 'createRole', rolename: 'r', textdescription: 'x'.repeat(90_000) }

  const answer = await does(change, { command: 'getAnonymousGroup' })

  t.match(answer, { responses: [{ command: 'createRole', error: /^Internal error/ }, {}] })
  t.ok(readFileSync(file).equals(before))
  const refused = answered('getRole', { error: 'Role not found' })
  t.strictSame(await does({ command: 'getRole', rolename: 'r' }), refused)
  t.strictSame(await does({ ...change, textdescription: '' }), answered('createRole'))
})

test('an edit of the file by somebody else is kept', async t => {
  const { does, file } = await secured(t)
  await does({ command: 'createRole', rolename: 'r' })
  const edited = JSON.parse(readFileSync(file, 'utf8')) as { roles: object[] }
  edited.roles.push({ rolename: 'by hand' })
  writeFileSync(file, JSON.stringify(edited))

  await does({ command: 'createRole', rolename: 's' })

  t.match(await does({ command: 'listRoles' }), {
    responses: [{ data: { roles: ['admin', 'by hand', 'r', 's'] } }],
  })
})

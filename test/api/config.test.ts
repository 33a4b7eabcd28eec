// The configuration over the API: shown with sources, checked by line, and changed in its file.

import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import type { Config } from '../../src/config/config-types.ts'
import { entriesOf } from '../../src/config/entries.ts'
import { loadConfig } from '../../src/config/load.ts'
import { brokerWithApi } from './api-client.ts'

const hash = formatHash(newPbkdf2(Buffer.from('hers'), 101))

test('the configuration is shown with the source of each value, and another one is checked by line', async t => {
  const text =
    'log:\n  level: warn\nlimits: {queuedMessagesMax: 5}\naccess:\n  users: {a: "$7$x"}\n'
  const file = resolve(
    t.testdir({ 'pondhawk.yaml': text.replace(/access[^]*/, '') }),
    'pondhawk.yaml',
  )
  const environment = { PONDHAWK_SHARE__STRATEGY: 'random' }
  const { operator, server } = await brokerWithApi(t)
  const config = loadConfig({ file, environment, overrides: {} })
  const flagged = { ...config, shutdown: { ...config.shutdown, drainSeconds: 1 } }
  const sources = new Map(
    entriesOf(flagged, { file, environment }).map(({ path, source }) => [path, source]),
  )

  t.equal(sources.get('log.level'), `${file}:2`)
  t.equal(sources.get('limits.queuedMessagesMax'), `${file}:3`)
  t.equal(sources.get('share.strategy'), 'PONDHAWK_SHARE__STRATEGY')
  t.equal(sources.get('shutdown.drainSeconds'), 'flag')
  t.equal(sources.get('log.format'), 'default')
  const { json } = await operator('GET', '/config')
  const valueOf = (path: string) => json.items.find((each: { path: string }) => each.path === path)
  t.match(valueOf('store.durability'), { value: 'memory', source: 'program' })
  t.match(valueOf('listeners.1.protocol'), { value: 'ws' })
  const users = { access: { ...config.access, users: { alice: hash } } }
  t.notMatch(JSON.stringify(entriesOf({ ...config, ...users }, null)), hash.slice(5))
  const check = (wrong: string) => operator('POST', '/config/check', { body: { text: wrong } })
  t.match((await check('log: {level: warn}\n')).json, { isValid: true, errors: [] })
  t.match((await check('limits: {}\nlog:\n  level: loud\n  colour: 1\n')).json, {
    isValid: false,
    errors: [
      { line: 3, detail: /level/ },
      { line: 4, detail: /unknown key "colour"/ },
    ],
  })
  t.match((await check('log: [\n')).json, { isValid: false, errors: [{ line: Number }] })
  t.match((await check('{'.repeat(4_000))).json, { errors: [{ line: 1, detail: /more than 64/ }] })
  t.match((await check('-\n'.repeat(20_000))).json, { status: 413 })
  t.match((await check('listener 1883\n')).json, { errors: [{ line: null, detail: /mosquitto/ }] })
  t.ok(server)
})

/** A file that is none of ours: nothing of it is told to whoever names it. */
const SPIED = '/etc/passwd'

const TEXT = `# The broker of the house
listeners:
  - { host: 127.0.0.1, port: 0 } # MQTT
  - { host: 127.0.0.1, port: 0, protocol: ws }
store: { durability: memory }
log: { level: warn } # quiet
limits: { queuedMessagesMax: 5 }
access:
  anonymous: loopback
  users:
    alice: "${hash}" # hers
`

/** A broker that was started with this file, as the command line does it. */
async function brokerOf(t: Test, environment = {}, change = (config: Config): object => config) {
  const file = resolve(t.testdir({ 'pondhawk.yaml': TEXT }), 'pondhawk.yaml')
  chmodSync(file, 0o640)
  const origin = { file, text: TEXT, environment }
  const config = change(loadConfig({ file, environment, overrides: {} }))
  const { operator, ...others } = await brokerWithApi(t, config, { origin, level: 'warn' })
  const read = async () => (await operator('GET', '/config/file')).json
  const put = (body: object, version?: string) =>
    operator('PUT', '/config', {
      body,
      headers: version === undefined ? {} : { 'if-match': version },
    })
  return { file, operator, read, put, ...others }
}

test('the configuration file is written with its comments and its mode, and says what counts when', async t => {
  const { file, operator, read, put, server } = await brokerOf(t)
  const before = await read()

  t.notMatch(JSON.stringify(before), hash.slice(8))
  t.match(before, { file, text: /alice: "\(a hash 1\)" # hers/ })
  const level = { path: ['log', 'level'], value: 'debug' }
  const bound = { path: ['limits', 'queuedMessagesMax'] }
  const done = await put({ changes: [level, bound] }, before.version)
  t.match(done.json, { now: ['log.level'], restart: ['limits.queuedMessagesMax'] })
  const text = readFileSync(file, 'utf8')
  t.match(text, 'log: { level: debug } # quiet')
  t.match(text, `alice: "${hash}" # hers`)
  t.notMatch(text, 'queuedMessagesMax')
  t.equal(statSync(file).mode & 0o777, 0o640)
  t.strictSame(readdirSync(dirname(file)), ['pondhawk.yaml'])
  t.match((await operator('GET', '/log/level')).json, { level: 'debug' })
  const items = (await operator('GET', '/config')).json.items as { path: string }[]
  const item = (path: string) => items.find(each => each.path === path)
  t.match(item('limits.queuedMessagesMax'), { value: 5, restart: true })
  t.match(item('log.level'), { value: 'debug', source: `${file}:6`, restart: false })
  t.match(item('share.strategy'), { source: 'default', restart: false })

  const whole = (await read()).text.replace('debug', 'warn').replace('# hers', '# Alice')
  t.match((await put({ text: whole }, done.json.version)).json, { now: ['log.level'] })
  t.match(readFileSync(file, 'utf8'), `alice: "${hash}" # Alice`)
  t.equal(server.core.broker.limits.queuedMessagesMax, 5)
})

test('a configuration is written only if it is right, as it was read, and shows no hash', async t => {
  const { file, read, put, operator, lines } = await brokerOf(t)
  const { version, text } = await read()
  const refused = async (body: object, status: number, detail: RegExp) => {
    t.match(await put(body, version), { status, json: { detail } })
  }

  t.equal((await put({ text })).status, 428)
  t.equal((await put({ text }, '"x"')).status, 412)
  t.match(await put({ text: `${text}log: {}\n` }, version), { status: 422 })
  t.match(await put({ text: text.replace('warn', 'loud') }, version), {
    status: 422,
    json: { detail: /line 6/, errors: [{ line: 6, detail: /level/ }] },
  })
  await refused(
    { text: text.replace('hash 1', 'hash 2') },
    422,
    /line 11: "\(a hash 2\)" stands for no hash/,
  )
  await refused({ text: `${text}responseInformation: (a hash 1)\n` }, 422, /would be shown/)
  await refused({ text: text.replace('alice', '(a hash 1)') }, 422, /would be shown/)
  await refused(
    { changes: [{ path: ['access', 'users', 'bob'], value: '(a hash)' }] },
    422,
    /not shown/,
  )
  await refused(
    { changes: [{ path: ['access', 'users', 'bob'], value: 'hunter2' }] },
    422,
    /access.users/,
  )
  await refused({ changes: [{ path: ['log', 'level', 'x'], value: 1 }] }, 422, /./)
  await refused({ changes: [{ path: ['__proto__', 'x'], value: 1 }] }, 422, /unknown key/)
  await refused(
    {
      changes: [
        { path: ['listeners', 0, 'tls'], value: { certFile: 'no.pem', keyFile: 'no.key' } },
      ],
    },
    422,
    /no.pem/,
  )
  await refused({ changes: [{ path: ['listeners'], value: [] }] }, 422, /nobody can connect/)
  const spied = await put({ changes: [{ path: ['access', 'rulesFile'], value: SPIED }] }, version)
  t.match(spied, { status: 422, json: { detail: /passwd:1 is wrong: pondhawk check/ } })
  t.notMatch(spied.text, /root/)
  for (const body of [
    {},
    { text: 1 },
    { changes: [] },
    { changes: [{ path: [] }] },
    { text, changes: [] },
  ]) {
    t.equal((await put(body, version)).status, 422)
  }
  t.equal(readFileSync(file, 'utf8'), TEXT)
  t.notMatch(lines.join('\n'), /hunter2|loud/)
  const check = (wanted: string) => operator('POST', '/config/check', { body: { text: wanted } })
  t.match((await check(text.replace('Max: 5', 'Max: 6'))).json, {
    isValid: true,
    now: [],
    restart: ['limits.queuedMessagesMax'],
  })
  writeFileSync(file, `${TEXT}# by hand\n`)
  t.match(await put({ text }, version), { status: 412, json: { detail: /read it again/ } })
})

test('what variables, flags or a program have set is not changed in a file, and the sentence says where', async t => {
  const flags = (config: Config) => ({
    ...config,
    shutdown: { ...config.shutdown, drainSeconds: 1 },
  })
  const { read, put } = await brokerOf(t, { PONDHAWK_LIMITS__QUEUED_MESSAGES_MAX: '7' }, flags)
  const { version } = await read()
  const change = (path: string, value: unknown) =>
    put({ changes: [{ path: path.split('.'), value }] }, version)

  t.match(await change('limits.queuedMessagesMax', 9), {
    status: 409,
    json: { detail: /comes from PONDHAWK_LIMITS/ },
  })
  t.match(await change('shutdown.drainSeconds', 9), {
    status: 409,
    json: { detail: /comes from a flag/ },
  })
  const { operator } = await brokerWithApi(t)
  t.match(await operator('GET', '/config/file'), { status: 409, json: { detail: /a program/ } })
  const fileless = await brokerWithApi(t, {}, { origin: { file: null, environment: {} } })
  t.match(await fileless.operator('GET', '/config/file'), {
    status: 409,
    json: { detail: /pondhawk init/ },
  })
})

test('a file that somebody else is writing is left as it is', async t => {
  const { file, read, put } = await brokerOf(t)
  const { version, text } = await read()
  const lock = resolve(dirname(file), '.pondhawk.yaml.new')
  writeFileSync(lock, '')

  t.match(await put({ text }, version), { status: 409, json: { detail: /another change goes on/ } })
  t.equal(readFileSync(file, 'utf8'), TEXT)
})

test('an index far behind a list is refused, and makes no list of that length', async t => {
  const { read, put } = await brokerOf(t)
  const { version } = await read()
  const refused = async (path: readonly (string | number)[]) => {
    const { status, json } = await put({ changes: [{ path, value: { port: 0 } }] }, version)
    t.equal(status, 422)
    return json.detail as string
  }

  t.match(await refused(['listeners', 30_000_000]), /listeners has 2 entries: the next one is 2/)
  t.match(await refused(['listeners', '30000000']), /listeners has 2 entries/)
  t.match(await refused(['tracing', 30_000_000, 'a']), /tracing has 0 entries/)
  t.match(await refused(Array.from({ length: 21 }, () => 'a')), /at most 20/)
  const third = { path: ['listeners', 2], value: { host: '127.0.0.1', port: 0 } }
  t.match(await put({ changes: [third] }, version), { status: 200 })
})

test('a check of a configuration opens no device', async t => {
  const { operator } = await brokerOf(t)
  const tls = 'tls: { certFile: /dev/zero, keyFile: /dev/zero }'
  const text = `listeners: [{ host: 127.0.0.1, port: 0, ${tls} }]\n`

  const { json } = await operator('POST', '/config/check', { body: { text } })
  t.match(json.errors, [{ detail: /\/dev\/zero is a pipe, a device/ }])
})

// What an operator changes: refused clients, users, rules, weights, the log; and what is in the shapes of mosquitto.

import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { CALM } from '../../src/broker/overload-levels.ts'
import { brokerWithApi } from './api-client.ts'

const hash = formatHash(newPbkdf2(Buffer.from('hers'), 101))

const codeOf = async (url: string, options: mqtt.IClientOptions): Promise<unknown> => {
  try {
    const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options })
    await client.endAsync()
    return 'let in'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

test('a client that is refused for a time is told so, whichever version it speaks', async t => {
  const { operator, mqtt: url, lines, server } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { clientId: 'bad', reconnectPeriod: 0 })
  const closed = new Promise<void>(settle => client.once('close', () => settle()))
  const body = { clientId: 'bad', refuseSeconds: 60 }

  t.match(await operator('POST', '/client/disconnect', { body }), { json: { disconnected: 1 } })
  await closed
  t.equal(await codeOf(url, { clientId: 'bad', protocolVersion: 5 }), 0x8a)
  t.equal(await codeOf(url, { clientId: 'bad', protocolVersion: 4 }), 5)
  t.equal(await codeOf(url, { clientId: 'good' }), 'let in')
  t.ok(
    lines.some(line =>
      /client.refused.*an administrator refuses this client id for \d+ s more/.test(line),
    ),
  )
  t.match((await operator('GET', '/bans')).json, { items: [{ clientId: 'bad', until: String }] })
  t.match((await operator('GET', '/status')).json.api, { bans: 1, bansRefused: 2 })
  t.match(await operator('DELETE', '/bans?clientId=bad'), { json: { deleted: 1 } })
  t.equal(await codeOf(url, { clientId: 'bad' }), 'let in')
  // It also ends by itself.
  const { bans } = server.core.broker
  bans.refuse('x', 1_000)
  t.match([bans.refusalOf('x', 999), bans.refusalOf('x', 1_000), bans.count], [/1 s more/, null, 0])
})

test('users are listed, made, changed and removed in the users file, and that counts at once', async t => {
  const usersFile = resolve(t.testdir({ users: `alice:${hash}\n` }), 'users')
  const { operator, mqtt: url } = await brokerWithApi(t, { access: { usersFile } })
  const alice = await mqtt.connectAsync(url, {
    username: 'alice',
    password: 'hers',
    reconnectPeriod: 0,
  })
  const listed = await operator('GET', '/users')
  t.match(listed.json, {
    source: usersFile,
    items: [{ username: 'alice', hash: 'pbkdf2', isWeak: true, clientsConnected: 1 }],
  })
  t.notMatch(listed.text, hash.slice(10))

  const made = await operator('PUT', '/user?username=pump', { body: { generate: true } })
  t.match(made.json, { isNew: true, password: /^[a-z0-9]{4}(-[a-z0-9]{4}){3}$/ })
  t.equal(await codeOf(url, { username: 'pump', password: made.json.password }), 'let in')
  const ended = new Promise<void>(settle => alice.once('close', () => settle()))
  const changed = await operator('PUT', '/user?username=alice', { body: { password: 'new' } })
  t.match(changed.json, { isNew: false, password: null })
  await ended
  t.equal(await codeOf(url, { username: 'alice', password: 'new' }), 'let in')
  t.match(await operator('DELETE', '/user?username=pump'), { json: { deleted: 1 } })
  t.match(await operator('DELETE', '/user?username=pump'), { json: { deleted: 0 } })
  t.notMatch(readFileSync(usersFile, 'utf8'), 'pump')
  const bad = await operator('PUT', '/user?username=a%3Ab', { body: { password: 'x' } })
  t.match(bad, { status: 422, json: { detail: /no colon/ } })
  t.equal(
    (await operator('PUT', '/user?username=c%0D%0Ad', { body: { password: 'x' } })).status,
    422,
  )
  t.equal((await operator('PUT', '/user?username=e', { body: {} })).status, 422)
})

test('rules are replaced only if they are right, and as they were read', async t => {
  const folder = t.testdir({ rules: 'topic read #\n' })
  const rulesFile = resolve(folder, 'rules')
  const { operator } = await brokerWithApi(t, { access: { rulesFile, anonymous: 'loopback' } })
  const { json, headers } = await operator('GET', '/rules')
  t.match(json, { text: 'topic read #\n', version: headers.etag })
  const put = (text: string, version?: string) =>
    operator('PUT', '/rules', {
      body: { text },
      headers: version === undefined ? {} : { 'if-match': version },
    })
  const publish = () => operator('GET', '/rules')

  t.equal((await put('topic readwrite #\n')).status, 428)
  t.equal((await put('topic readwrite #\n', '"x"')).status, 412)
  t.match(await put('topic readwrite #\ntopic fly a\n', json.version), {
    status: 422,
    json: { errors: [{ line: 2, detail: String }] },
  })
  const done = await put('topic readwrite a/#\n', json.version)
  t.equal(done.status, 200)
  t.equal(readFileSync(rulesFile, 'utf8'), 'topic readwrite a/#\n')
  t.match((await publish()).json, { text: 'topic readwrite a/#\n', version: done.json.version })
  t.equal((await operator('GET', '/users')).status, 409)
})

test('delayed messages are listed, the next one first, and cancelled', async t => {
  const { operator, mqtt: url } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { clientId: 'clock', protocolVersion: 5 })
  const properties = { userProperties: { '$delay-key': 'k' } }
  await client.publishAsync('$delayed/600/b', 'later', { qos: 1, properties })
  await client.publishAsync('$delayed/60/a', 'soon', { qos: 1, retain: true })

  const first = await operator('GET', '/delayed?limit=1')
  t.match(first.json, {
    items: [{ topic: 'a', publisher: 'clock', qos: 1, retain: true, payloadBytes: 4, key: null }],
    total: 2,
  })
  const second = await operator('GET', `/delayed?limit=1&cursor=${first.json.nextCursor}`)
  t.match(second.json, { items: [{ topic: 'b', key: 'k' }], nextCursor: null })
  const { id } = second.json.items[0]
  t.match(await operator('DELETE', `/delayed?id=${id}`), { json: { deleted: 1 } })
  t.match(await operator('DELETE', `/delayed?id=${id}`), { json: { deleted: 0 } })
  t.match(await operator('DELETE', `/delayed?id=${Number.MAX_SAFE_INTEGER}`), { status: 200 })
  t.equal((await operator('DELETE', '/delayed?id=9007199254740992')).status, 422)
  t.equal((await operator('DELETE', '/delayed?id=x')).status, 422)
  t.match((await operator('GET', '/delayed')).json, { items: [{ topic: 'a' }], total: 1 })
  await client.endAsync()
})

test('prepared transactions are listed, and decided in place of their client', async t => {
  const { operator, mqtt: url } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { clientId: 'shop', protocolVersion: 5 })
  const heard: string[] = []
  client.on('message', (_topic, payload) => heard.push(payload.toString()))
  await client.subscribeAsync('orders/#', { qos: 1 })
  for (const id of ['orders.1', 'orders.2']) {
    await client.publishAsync(`$tx/${id}/publish/orders/new`, id, { qos: 1 })
    await client.publishAsync(`$tx/${id}/prepare`, '1', { qos: 1 })
  }

  const row = {
    clientId: 'shop',
    id: 'orders.1',
    messages: 1,
    topics: ['orders/new'],
    settles: 0,
    preparedAt: String,
    decideBy: String,
  }
  t.match((await operator('GET', '/transactions')).json, { items: [row, {}], total: 2 })
  const decides = (decision: string, id: string) =>
    operator('POST', `/transactions/${decision}`, { body: { clientId: 'shop', id } })
  t.match(await decides('commit', 'orders.1'), { json: { decided: 1 } })
  t.match(await decides('commit', 'orders.1'), { json: { decided: 0 } })
  t.match(await decides('abort', 'orders.2'), { json: { decided: 1 } })
  t.match(await decides('abort', '../x'), { json: { decided: 0 } })
  t.equal((await operator('POST', '/transactions/abort', { body: { id: 'orders.1' } })).status, 422)
  t.match((await operator('GET', '/transactions')).json, { items: [], total: 0 })
  await client.publishAsync('orders/new', 'last', { qos: 1 })
  t.strictSame(heard, ['orders.1', 'last'])
  await client.endAsync()
})

test('share groups show their members; strategy, weights and drained members can be changed', async t => {
  const { operator, mqtt: url } = await brokerWithApi(t, { share: { strategy: 'weighted' } })
  const one = await mqtt.connectAsync(url, { clientId: 'one' })
  const two = await mqtt.connectAsync(url, { clientId: 'two' })
  await one.subscribeAsync('$share/g/jobs', { qos: 1 })
  await two.subscribeAsync('$share/g/jobs', { qos: 1 })
  let count = 0
  one.on('message', () => count++)
  const path = '/group?shareName=g&filter=jobs'

  const group = {
    shareName: 'g',
    filter: 'jobs',
    strategy: 'weighted',
    members: 2,
    membersConnected: 2,
  }
  t.match((await operator('GET', '/groups')).json, { items: [group], total: 1 })
  const member = (clientId: string, body: object) =>
    operator('PUT', `/group/member?shareName=g&filter=jobs&clientId=${clientId}`, { body })
  t.match((await member('one', { weight: 9 })).json, { clientId: 'one', weight: 9 })
  for (const body of [{}, { weight: 0 }, { weight: 1_001 }, { weight: '2' }, { isDrained: 1 }]) {
    t.equal((await member('one', body)).status, 422)
  }
  t.match(await member('nobody', { weight: 2 }), {
    status: 404,
    json: { detail: /no such member/ },
  })
  const { clients } = (await operator('GET', path)).json
  t.match(clients, [
    { clientId: 'one', weight: 9, state: 'connected' },
    { clientId: 'two', weight: 1 },
  ])
  for (let each = 0; each < 20; each++) {
    await operator('POST', '/publish', { body: { topic: 'jobs', qos: 1 } })
  }
  t.ok(count >= 16, `${count} of 20`)
  const choose = (strategy: unknown) => operator('PUT', path, { body: { strategy } })
  t.match((await choose('sticky')).json, { strategy: 'sticky', strategySource: 'administrator' })
  t.equal((await choose('loudest')).status, 422)
  t.match((await member('two', { isDrained: true })).json, { isDrained: true, weight: 1 })
  t.match((await operator('GET', path)).json, {
    membersDrained: 1,
    clients: [{}, { isDrained: true }],
  })
  t.match((await operator('GET', '/group/settings')).json, {
    survivesRestart: false,
    items: [
      { shareName: 'g', filter: 'jobs', isPresent: true, strategy: 'sticky', members: [{}, {}] },
    ],
  })
  t.match((await operator('GET', '/status')).json.api, { shareOverrides: 3 })
  t.match(await operator('DELETE', '/group/settings?shareName=g&filter=jobs'), {
    json: { deleted: 1 },
  })
  t.match((await operator('GET', path)).json, { strategy: 'weighted', membersDrained: 0 })
  await one.endAsync()
  await two.endAsync()
  t.equal((await operator('GET', path)).status, 404)
})

test('what an operator sets for share groups outlives a restart, and a client that comes later', async t => {
  const directory = resolve(t.testdir({}), 'data')
  const store = { directory, durability: 'os' } as const
  const first = await brokerWithApi(t, { store })
  const join = async (url: string) => {
    const client = await mqtt.connectAsync(url, { clientId: 'one' })
    await client.subscribeAsync('$share/g/jobs', { qos: 1 })
    return client
  }
  const path = '/group?shareName=g&filter=jobs'
  const client = await join(first.mqtt)
  await first.operator('PUT', path, { body: { strategy: 'random' } })
  const member = '/group/member?shareName=g&filter=jobs&clientId=one'
  await first.operator('PUT', member, { body: { isDrained: true } })
  t.ok(first.lines.some(line => /group.drained.*"one"/.test(line)))
  await client.endAsync()
  await first.server.close()

  const second = await brokerWithApi(t, { store })
  t.match((await second.operator('GET', '/group/settings')).json, {
    survivesRestart: true,
    items: [
      { isPresent: false, strategy: 'random', members: [{ clientId: 'one', isDrained: true }] },
    ],
  })
  const again = await join(second.mqtt)
  t.match((await second.operator('GET', path)).json, { strategy: 'random', membersDrained: 1 })
  await again.endAsync()
  await second.server.close()
  writeFileSync(resolve(directory, 'share-groups.json'), '{')
  const third = await brokerWithApi(t, { store })
  t.ok(third.lines.some(line => /api.unreadable.*share groups/.test(line)))
  await third.operator('PUT', path, { body: { strategy: 'random' } })
  const aside = readFileSync(resolve(directory, 'share-groups.json.unreadable'), 'utf8')
  t.equal(aside, '{', 'the next setting does not overwrite what could not be read')
})

test('listeners, $SYS and the version have the shapes of mosquitto; the log has a level', async t => {
  const { operator } = await brokerWithApi(t)

  t.match((await operator('GET', '/listeners')).json.listeners, [
    { port: Number, protocol: 'mqtt', tls: false, mtls: false, allow_anonymous: true },
    { port: Number, protocol: 'websockets', connections: 1 },
  ])
  const systree = (await operator('GET', '/systree')).json
  t.match(systree, { '$SYS/broker/clients/connected': 0, '$SYS/broker/version': String })
  t.match(await operator('GET', '/version'), { status: 200, text: /^\d+\.\d+\.\d+/ })
  t.match(await operator('GET', '/log/level'), { status: 409, json: { detail: /program around/ } })
  const nothing = { body: {} }
  t.match((await operator('POST', '/config/reload', nothing)).json, { reloaded: Array })
  t.match((await operator('POST', '/certificates/reload', nothing)).json, {
    reloaded: ['certificates'],
  })
})

test('a backup is made while the broker runs, and can be started from', async t => {
  const directory = resolve(t.testdir({}), 'data')
  const store = { directory, durability: 'os' } as const
  const { operator, mqtt: url } = await brokerWithApi(t, { store })
  const client = await mqtt.connectAsync(url, { clientId: 'a', clean: false })
  await client.subscribeAsync('b', { qos: 1 })
  await client.publishAsync('kept', 'x', { qos: 1, retain: true })
  const make = (name: string) => operator('POST', '/backups', { body: { name } })

  const made = await make('one')
  t.match(made, {
    status: 201,
    json: { name: 'one', bytes: Number, path: resolve(directory, 'backups/one') },
  })
  t.match(await make('one'), { status: 409, json: { detail: /take another/ } })
  for (const name of ['../x', '.', '..', 'a/b', 'x.part', ''])
    t.equal((await make(name)).status, 422, name)
  t.equal((await operator('DELETE', '/backups?name=..')).status, 422)
  t.match((await operator('GET', '/backups')).json, { items: [{ name: 'one' }] })
  await client.endAsync()

  const copy = { directory: made.json.path, durability: 'os' } as const
  const second = await brokerWithApi(t, { store: copy })
  t.match((await second.operator('GET', '/status')).json, {
    sessions: 1,
    retainedMessages: 1,
    subscriptions: 1,
  })
  await second.server.close()
  t.match(await operator('DELETE', '/backups?name=one'), { json: { deleted: 1 } })
  t.match((await operator('GET', '/backups')).json, { items: [] })
})

test('under overload only what is urgent is answered', async t => {
  const { server, operator } = await brokerWithApi(t, { overload: { enabled: false } })
  server.core.broker.overload.set({ ...CALM, memory: 2 })

  const refused = await operator('GET', '/clients')
  t.match(refused, { status: 503, headers: { 'retry-after': '5' } })
  t.equal((await operator('GET', '/status')).status, 200)
  const body = { clientId: 'a' }
  t.equal((await operator('POST', '/client/disconnect', { body })).status, 200)
})

test('named queues are made, filled, looked at, moved and deleted', async t => {
  const { operator, mqtt: url, lines } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { clientId: 'worker', protocolVersion: 5 })
  const hostile = encodeURIComponent('a/../b\r\n')
  const settings = { filters: ['work/#'], deliveriesMax: 1, messageExpirySeconds: 600 }

  t.match((await operator('PUT', `/queue?name=${hostile}`, { body: {} })).status, 422)
  t.match(await operator('PUT', '/queue?name=jobs', { body: { order: 'wild' } }), { status: 422 })
  const made = await operator('PUT', '/queue?name=jobs', { body: settings })
  t.match(made.json, { madeBy: 'operator', settings: { ...settings, deadLetter: 'jobs.dead' } })
  await operator('PUT', '/queue?name=small', { body: { messagesMax: 1 } })
  for (const job of ['1', '2', '3']) await client.publishAsync('work/x', job, { qos: 1 })
  await client.subscribeAsync('$queue/jobs', { qos: 0 })
  await client.unsubscribeAsync('$queue/jobs')
  for (const job of ['4', '5', '6']) await client.publishAsync('work/x', job, { qos: 1 })

  const row = { name: 'jobs', messages: 3, inFlight: 0, counts: { taken: 6, settled: 3 } }
  t.match((await operator('GET', '/queues?limit=1')).json, { items: [row], total: 2 })
  const first = await operator('GET', '/queue/messages?name=jobs&limit=2')
  t.match(first.json, { items: [{ payload: '4', deliveries: 0 }, { payload: '5' }] })
  const rest = await operator('GET', `/queue/messages?name=jobs&after=${first.json.next}`)
  t.match(rest.json, { items: [{ payload: '6', deadLetterReason: null }] })
  const last = Number.MAX_SAFE_INTEGER
  const none = await operator('GET', `/queue/messages?name=jobs&after=${last}`)
  t.match(none, { status: 200, json: { items: [] } })
  const posts = (path: string, body: object) => operator('POST', `/queue/${path}`, { body })
  t.match((await posts('purge?name=jobs', { max: 1, dryRun: true })).json, { matched: 1, done: 0 })
  t.match((await posts('move?name=jobs', { to: 'small' })).json, {
    ...{ matched: 3, done: 1, isOver: true },
    stopped: 'the queue small is full',
  })
  t.match(await posts('move?name=jobs', { to: 'none' }), { status: 404 })
  t.match(await posts('redrive?name=none', {}), { status: 404 })
  t.match((await posts('purge?name=jobs', { max: 1 })).json, { done: 1, stopped: null })

  let refused = (): void => {}
  const isRefused = new Promise<void>(settle => (refused = settle))
  const refuses = await mqtt.connectAsync(url, {
    ...{ clientId: 'refuses', protocolVersion: 5 },
    customHandleAcks(_topic, _message, _packet, done) {
      done(0x80)
      refused()
    },
  })
  await refuses.subscribeAsync('$queue/jobs', { qos: 1 })
  await isRefused
  await refuses.endAsync()
  t.ok(lines.some(line => /queue.dead-letter.*"jobs","reason":"refused"/.test(line)))
  const dead = await operator('GET', '/queue/messages?name=jobs.dead')
  t.match(dead.json.items, [{ payload: '6', deliveries: 1, deadLetterQueue: 'jobs' }])
  t.match((await posts('redrive?name=jobs.dead', {})).json, { done: 1, isOver: true })
  t.match((await operator('GET', '/queue?name=jobs')).json, { messages: 1, deadLetters: 0 })
  t.match(await operator('DELETE', '/queue?name=jobs'), { json: { deleted: 1 } })
  t.match(await operator('DELETE', '/queue?name=jobs'), { json: { deleted: 0 } })
  t.match(await operator('GET', '/queue?name=jobs'), { status: 404 })
  await client.endAsync()
})

// Messages over HTTP: retained, waiting, published, asked for; by the rules of MQTT where a key is for a user.

import mqtt from 'mqtt'
import { test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { asking, brokerWithApi, signedIn } from './api-client.ts'

const hash = formatHash(newPbkdf2(Buffer.from('hers'), 101))

test('retained messages are listed, read, deleted one by one and by filter, with a dry run', async t => {
  const { server, ask, operator, port } = await brokerWithApi(t)
  const put = (topic: string, payload: string, more: object = {}) =>
    operator('POST', '/publish', { body: { topic, payload, retain: true, qos: 1, ...more } })
  const properties = { contentType: 'text/plain', userProperties: [['a', 'b']] }
  await put('home/1/state', 'on', { properties })
  await put('home/2/state', '{"lat":48}')
  await put('home/3/raw', Buffer.from([0xff, 0x00]).toString('base64'), { encoding: 'base64' })
  await put('home/4/text', 'ä'.repeat(3_000))

  const { json } = await operator('GET', '/retained?filter=home%2F%23&payloadBytes=5&limit=3')
  t.match(json, { matched: 4, nextCursor: String })
  t.match(json.items, [
    {
      topic: 'home/1/state',
      payload: 'on',
      contentType: 'text/plain',
      userProperties: [['a', 'b']],
    },
    { topic: 'home/2/state', payload: '{"lat', truncated: true, payloadBytes: 10 },
    { topic: 'home/3/raw', payload: '/wA=', encoding: 'base64' },
  ])
  const next = `/retained?filter=home%2F%23&payloadBytes=5&cursor=${json.nextCursor}`
  t.match((await operator('GET', next)).json, { items: [{ payload: 'ää' }], nextCursor: null })
  const whole = await operator('GET', '/retained/payload?topic=home%2F4%2Ftext')
  t.equal(whole.text, 'ä'.repeat(3_000))
  t.match(whole.headers, {
    'content-disposition': /attachment/,
    'x-content-type-options': 'nosniff',
  })
  t.strictSame((await operator('GET', '/retained/values?filter=home%2F%2B%2Fstate')).json, {
    'home/1/state': 'on',
    'home/2/state': { lat: 48 },
  })
  const viewer = asking(server, port, { cookie: await signedIn(ask, server, 'viewer', port) })
  t.match((await viewer('GET', '/retained')).json.items, [{ payload: null, payloadBytes: 2 }])
  t.equal((await viewer('GET', '/retained/payload?topic=home%2F4%2Ftext')).status, 403)
  t.equal((await viewer('POST', '/publish', { body: { topic: 'a' } })).status, 403)

  const wipe = (body: object) => operator('POST', '/retained/delete', { body })
  const filter = 'home/+/state'
  t.match(await wipe({ filter, dryRun: true }), { json: { matched: 2, deleted: 0 } })
  t.match(await wipe({ filter, expect: 3 }), { status: 412, json: { detail: /are 2 by now/ } })
  t.match(await wipe({ filter, expect: 2 }), { json: { matched: 2, deleted: 2 } })
  t.match(await wipe({ filter: '$SYS/#' }), { status: 422 })
  t.match(await operator('DELETE', '/retained?topic=home%2F3%2Fraw'), { json: { deleted: 1 } })
  t.match(await operator('DELETE', '/retained?topic=home%2F3%2Fraw'), { json: { deleted: 0 } })
  t.match(await operator('GET', '/retained'), { json: { total: 1 } })
})

test('what waits for a client is shown in its order', async t => {
  const { operator, mqtt: url } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { clientId: 'slow', clean: false })
  await client.subscribeAsync('q/#', { qos: 1 })
  await client.endAsync()
  for (const payload of ['one', 'two', 'three']) {
    await operator('POST', '/publish', { body: { topic: 'q/1', payload, qos: 1 } })
  }

  const { json } = await operator('GET', '/client/messages?clientId=slow&limit=2')

  t.match(json, { queuedMessages: 3, inMemory: 3, items: [{ payload: 'one' }, { payload: 'two' }] })
  t.equal((await operator('GET', '/client/messages?clientId=nobody')).status, 404)
})

test('a message is published once however often its key is sent, and what is wrong is refused', async t => {
  const { server, operator, mqtt: url } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { protocolVersion: 5 })
  const heard: unknown[] = []
  client.on('message', (topic, payload, { properties }) => {
    heard.push([topic, payload.toString(), properties?.responseTopic])
  })
  await client.subscribeAsync('a/#', { qos: 1 })
  const body = { topic: 'a/b', payload: 'x', qos: 1, properties: { responseTopic: 'r' } }
  const headers = { 'idempotency-key': 'k-1' }

  t.match(await operator('POST', '/publish', { body, headers }), { json: { receivers: 1 } })
  t.match(await operator('POST', '/publish', { body, headers }), { json: { receivers: 1 } })
  const other = { ...body, payload: 'y' }
  t.match(await operator('POST', '/publish', { body: other, headers }), { status: 422 })
  t.match(await operator('POST', '/publish', { body: other }), { status: 200 })
  while (heard.length < 2) await new Promise(setImmediate)
  t.strictSame(heard, [
    ['a/b', 'x', 'r'],
    ['a/b', 'y', 'r'],
  ])
  const refused = async (wrong: object) =>
    (await operator('POST', '/publish', { body: { topic: 'a', ...wrong } })).status
  t.equal(await refused({ topic: 'a/#' }), 422)
  t.equal(await refused({ topic: '$SYS/x' }), 403)
  t.equal(await refused({ topic: 'a\u0001' }), 422)
  t.equal(await refused({ topic: 'a\ud800' }), 422)
  t.equal(await refused({ payload: '?', encoding: 'base64' }), 422)
  t.equal(await refused({ qos: 3 }), 422)
  t.equal(await refused({ properties: { payloadFormatIndicator: 2 } }), 422)
  t.ok(server)
  await client.endAsync()
})

test('a request waits for the first reply, in both ways, and says when none comes', async t => {
  const { operator, mqtt: url } = await brokerWithApi(t)
  const client = await mqtt.connectAsync(url, { protocolVersion: 5 })
  client.on('message', (topic, payload, { properties }) => {
    if (payload.toString() === 'nothing') return
    const reply = properties?.responseTopic ?? topic.replace('/request/', '/reply/')
    client.publish(reply, `${payload.toString()}!`)
  })
  await client.subscribeAsync(['lamp', 'lamp/request/+'])
  const ask = (more: object) =>
    operator('POST', '/requests', { body: { topic: 'lamp', payload: 'on', ...more } })

  t.match(await ask({}), { json: { payload: 'on!', topic: /^rest\/replies\// } })
  t.match(await ask({ replyIn: 'topic' }), { json: { payload: 'on!', topic: /^lamp\/reply\// } })
  t.match(await ask({ topic: 'nobody' }), {
    status: 404,
    json: { detail: /nobody has subscribed/ },
  })
  t.match(await ask({ payload: 'nothing', timeoutSeconds: 1 }), { status: 504 })
  await client.endAsync()
})

test('a key for a user may what the rules of the user allow, and not more', async t => {
  const rules = 'user alice\ntopic readwrite home/#\ntopic write log\n'
  const access = { users: { alice: hash }, rules, anonymous: 'never' } as const
  const { server, operator, port } = await brokerWithApi(t, { access })
  const keyOf = async (name: string, username: string) => {
    const body = { name, role: 'user', username }
    const { json } = await operator('POST', '/keys', { body })
    return asking(server, port, { authorization: `Bearer ${json.key}` })
  }
  const alice = await keyOf('a', 'alice')
  const put = (topic: string) =>
    alice('POST', '/publish', { body: { topic, payload: 'x', retain: true } })

  t.equal((await put('home/1')).status, 200)
  t.equal((await put('log')).status, 200)
  t.match(await put('other'), { status: 403, json: { detail: /no right to publish/ } })
  await operator('POST', '/publish', { body: { topic: 'other', payload: 'x', retain: true } })
  t.match((await alice('GET', '/retained?filter=home%2F%23')).json, {
    items: [{ topic: 'home/1', payload: 'x' }],
  })
  t.equal((await alice('GET', '/retained/payload?topic=other')).status, 404)
  t.match(await alice('DELETE', '/retained?topic=home%2F1'), { json: { deleted: 1 } })
  t.equal((await alice('DELETE', '/retained?topic=other')).status, 403)
  t.equal((await alice('GET', '/clients')).status, 403)
  t.equal((await alice('GET', '/stream?metrics=1')).status, 403)
  t.match(await alice('GET', '/session'), { json: { role: 'user', username: 'alice' } })
  const mallory = await keyOf('m', 'mallory')
  t.equal((await mallory('POST', '/publish', { body: { topic: 'home/1' } })).status, 403)
})

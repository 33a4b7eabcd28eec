// What strangers and hostile clients send to the API is refused or harmless: no answer is a fault of the broker, and nothing ends it.

import { connect } from 'node:net'
import mqtt from 'mqtt'
import { test } from 'tap'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { SignIns } from '../../src/api/sign-ins.ts'
import { SILENT } from '../../src/observe/log.ts'
import { asking, brokerWithApi } from './api-client.ts'

const NAMES = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '..',
  '../../etc/passwd',
  '%2e%2e%2f',
  'a?b#c%&d=e',
  '"quoted\\',
  'right\u202eleft',
  'zero\u200bwidth',
  '__proto__',
  'constructor',
  'ä'.repeat(100),
]

/** Bodies that fit no path, as text. */
const BODIES = [
  'null',
  '1',
  '"x"',
  '[]',
  '{',
  '{"a":1}',
  '{"__proto__":{"role":"operator"}}',
  '{"clientId":{"$ne":null}}',
  '{"topic":["a"],"payload":{}}',
  '{"topic":"a","qos":1e400}',
  `${'['.repeat(40)}${']'.repeat(40)}`,
  `{"text":"${'x'.repeat(50_000)}"}`,
  '{"filter":"#/a"}',
  '\ud800',
]

const QUERIES = [
  '?clientId=%00',
  '?clientId=%ff%fe',
  '?cursor=WyIiLG51bGwsMV0',
  '?limit=-1&cursor=..',
  '?filter=%23%2F%23',
  '?topic=a%0d%0aSet-Cookie:%20x=y',
  '?q=%',
  '?__proto__=1',
  `?q=${'x'.repeat(10_000)}`,
]

/** Many requests are the point here, and each key may ask 60 times at once. */
const KEYS = 30

async function withKey(t: Parameters<typeof brokerWithApi>[0]) {
  const world = await brokerWithApi(t)
  const keys: string[] = []
  for (let count = 0; count < KEYS; count++) {
    const body = { name: `k${count}`, role: 'operator' }
    keys.push((await world.operator('POST', '/keys', { body })).json.key as string)
  }
  const [authorization = '', ...others] = keys.map(each => `Bearer ${each}`)
  const askers = others.map(each => asking(world.server, world.port, { authorization: each }))
  const hurried = asking(world.server, world.port, { authorization })
  let next = 0
  const key: typeof hurried = async (...asked) =>
    (askers[next++ % askers.length] ?? hurried)(...asked)
  return { ...world, key, hurried, authorization }
}

test('clients with hostile names are listed, shown, disconnected and forgotten like others', async t => {
  const { key, mqtt: url, lines } = await withKey(t)
  for (const clientId of NAMES) {
    const client = await mqtt.connectAsync(url, { clientId, clean: false, reconnectPeriod: 0 })
    const query = `?clientId=${encodeURIComponent(clientId)}`

    const found = await key('GET', `/client${query}`)
    t.match(found, { status: 200, json: { clientId } }, clientId)
    t.match(found.headers, {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'content-security-policy': /default-src 'none'/,
    })
    const body = { clientId }
    const gone = new Promise<void>(settle => client.once('close', () => settle()))
    t.match(await key('POST', '/client/disconnect', { body }), { json: { disconnected: 1 } })
    await gone
    t.match(await key('DELETE', `/client${query}`), { json: { deleted: 1 } })
  }
  t.notOk(lines.some(line => line.includes('\n')))
})

test('wrong bodies and queries are refused on every path, and none is a fault', async t => {
  const { server, key, lines } = await withKey(t)
  // It empties the broker, and the stream does not end.
  const left = (await server.api.routes()).filter(
    ({ path }) => !['/drain', '/stream'].includes(path),
  )
  for (const { method, path, body } of left) {
    if (body !== null) {
      for (const text of BODIES) {
        const { status, headers } = await key(method, path, { text })
        t.ok(status < 500 || status === 504, `${method} ${path} ${text.slice(0, 40)}: ${status}`)
        t.equal(headers['set-cookie'], undefined)
      }
    }
    if (method !== 'GET') continue
    for (const query of QUERIES) {
      const { status, text } = await key(method, `${path}${query}`)
      t.ok(status < 500, `${path}${query.slice(0, 40)}: ${status}`)
      t.notMatch(text, /node:internal|at .*\.[jt]s:\d/)
    }
  }
  t.equal((await key('GET', '/keys')).json.items.length, KEYS)
  t.notOk(lines.some(line => line.includes('fault.contained')))
})

test('bodies that are too large are not read, and paths lead nowhere else', async t => {
  const { port, authorization, key } = await withKey(t)
  const says = async (text: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    let heard = ''
    socket.on('data', chunk => (heard += String(chunk)))
    socket.write(text)
    while (!/\r\n\r\n[^]*\}\n/.test(heard) && !socket.closed) {
      await new Promise(settle => setTimeout(settle, 5))
    }
    socket.destroy()
    return heard
  }
  const head = `Host: localhost\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`
  const post = 'POST /api/v1/client/disconnect HTTP/1.1\r\n'

  t.match(await says(`${post}${head}Content-Length: 9000000000\r\n\r\n{`), / 413 [^]*close/)
  const chunk = `${(16_384).toString(16)}\r\n${'x'.repeat(16_384)}\r\n`
  t.match(await says(`${post}${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(6)}`), / 413 /)
  for (const path of [
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/clients/',
    '/clients%00',
    '/CLIENTS',
  ]) {
    t.match(await says(`GET /api/v1${path} HTTP/1.1\r\n${head}\r\n`), / 404 /, path)
  }
  t.match(
    await says(`GET /api/v1/session HTTP/1.1\r\nHost: a b\r\nCookie: x\r\n\r\n`),
    / 4(00|21) /,
  )
  t.equal((await key('GET', '/session')).status, 200)
})

test('a thousand requests at once are answered or told to wait, and clients are served meanwhile', async t => {
  const { hurried, mqtt: url } = await withKey(t)
  const client = await mqtt.connectAsync(url, { protocolVersion: 5 })
  await client.subscribeAsync('a', { qos: 1 })
  let heard = 0
  client.on('message', () => heard++)
  const paths = ['/clients', '/search?q=a', '/retained', '/status']

  const asked = Array.from({ length: 1_000 }, (_, index) => hurried('GET', paths[index % 4] ?? ''))
  for (let count = 0; count < 20; count++) await client.publishAsync('a', 'x', { qos: 1 })
  const statuses = new Map<number, number>()
  for (const { status } of await Promise.all(asked)) {
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }

  t.equal(heard, 20)
  t.strictSame(
    [...statuses.keys()].filter(status => ![200, 429, 503].includes(status)),
    [],
  )
  t.ok((statuses.get(200) ?? 0) >= 30, JSON.stringify([...statuses]))
  t.ok((statuses.get(429) ?? 0) > 500)
  await client.endAsync()
})

test('links, sign-ins and keys end in time, and there are few of each', async t => {
  let now = 1_000_000
  const minutes = (count: number): void => void (now += count * 60_000)
  const signIns = new SignIns(() => now, SILENT)
  const first = signIns.newKey('operator').key
  minutes(10)
  t.equal(signIns.redeem(first, ''), null, 'a link counts for 10 minutes')
  const many = Array.from({ length: 20 }, () => signIns.newKey('viewer').key)
  t.equal(signIns.redeem(many[3] ?? '', ''), null, '16 links wait at most')

  const { token = '' } = signIns.redeem(many[19] ?? '', '') ?? {}
  minutes(12 * 60 - 1)
  t.ok(signIns.of(token), 'each use counts as one')
  minutes(12 * 60)
  t.equal(signIns.of(token), null, '12 hours without use')
  const { token: used = '' } = signIns.redeem(signIns.newKey('viewer').key, '') ?? {}
  for (let half = 0; half < 13; half++) {
    minutes(12 * 60 - 1)
    t.ok(signIns.of(used), `${half}`)
  }
  minutes(12 * 60)
  t.equal(signIns.of(used), null, 'seven days in all')
  for (let count = 0; count < 101; count++) signIns.redeem(signIns.newKey('viewer').key, '')
  t.equal(signIns.all.length, 100)
  t.equal(signIns.dropped, 1)

  const keys = new ApiKeys(() => now, SILENT)
  const { key } = keys.add({ name: 'a', role: 'viewer', validDays: 1 })
  t.ok(keys.of(key))
  minutes(24 * 60)
  t.equal(keys.of(key), null)
  for (let count = 0; count < 99; count++) keys.add({ name: `k${count}`, role: 'viewer' })
  t.throws(() => keys.add({ name: 'more', role: 'viewer' }), /100 keys, which is the most/)
})

test('whoever has a key may not hold a connection by a request that does not end', async t => {
  const listener = { host: '127.0.0.1', port: 0 }
  const { operator, port } = await brokerWithApi(t, {
    listeners: [listener, { ...listener, protocol: 'ws', handshakeTimeoutMs: 400 }],
  })
  const { json } = await operator('POST', '/keys', { body: { name: 'slow', role: 'viewer' } })
  const head = `Host: localhost\r\nAuthorization: Bearer ${json.key}\r\n`
  const whole = `GET /api/v1/status HTTP/1.1\r\n${head}\r\n`
  const slowBody = `POST /api/v1/explain/delivery HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`

  for (const said of [`${whole}${slowBody}`, `${whole}GET /api/v1/sta`]) {
    const socket = connect(port, '127.0.0.1', () => socket.write(said))
    socket.on('error', () => {})
    socket.resume()
    // Each byte would be a sign of life.
    const trickle = setInterval(() => socket.write(' '), 50)
    await new Promise(closed => socket.once('close', closed))
    clearInterval(trickle)
    t.pass('it is closed')
  }
})

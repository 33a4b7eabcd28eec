// Who may ask: links that count once, cookies, keys and roles; and which requests of browsers are refused.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { parseConfig } from '../../src/config/parse.ts'
import { createBroker } from '../../src/index.ts'
import { SILENT } from '../../src/observe/log.ts'
import { type Server, startServer } from '../../src/server/server.ts'
import { asking, brokerWithApi, signedIn } from './api-client.ts'

test('a link signs a browser in once, with a cookie that no script can read', async t => {
  const { server, ask, port, lines } = await brokerWithApi(t)
  const link = server.api.newLink('viewer') ?? ''
  t.match(link, new RegExp(`^http://localhost:${port}/#key=[\\w-]{22}$`))
  const key = link.split('#key=')[1]

  const first = await ask('POST', '/session', { body: { key } })

  t.match(first, { status: 200, json: { role: 'viewer', username: null } })
  const cookie = String(first.headers['set-cookie'])
  t.match(
    cookie,
    new RegExp(`^pondhawk_${port}=[\\w-]{43}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict$`),
  )
  const second = await ask('POST', '/session', { body: { key } })
  t.match(second, { status: 401, json: { detail: /was used/ } })
  const browser = asking(server, port, { cookie: cookie.split(';')[0] ?? '' })
  t.match(await browser('GET', '/session'), { status: 200, json: { role: 'viewer' } })
  t.match(await ask('GET', '/session'), { status: 401, json: { detail: /pondhawk dashboard/ } })
  t.match(await browser('DELETE', '/session'), { status: 200, json: { deleted: 1 } })
  t.equal((await browser('GET', '/session')).status, 401)
  t.notOk(lines.some(line => line.includes(key ?? '') || line.includes(cookie.slice(20, 50))))
})

test('a viewer reads and changes nothing; without a sign-in there are only counters', async t => {
  const { server, ask, port, operator } = await brokerWithApi(t)
  const viewer = asking(server, port, { cookie: await signedIn(ask, server, 'viewer', port) })
  const body = { clientId: 'a' }

  t.equal((await viewer('GET', '/clients')).status, 200)
  const refused = await viewer('POST', '/client/disconnect', { body })
  t.match(refused, {
    status: 403,
    json: { detail: /needs the role operator, and you have viewer/ },
  })
  t.equal((await viewer('GET', '/keys')).status, 403)
  t.match(await operator('POST', '/client/disconnect', { body }), { json: { disconnected: 0 } })
  for (const path of ['/clients', '/client?clientId=a', '/search?q=a', '/subscriptions?topic=a']) {
    t.equal((await ask('GET', path)).status, 401, path)
  }
  t.match((await ask('GET', '/status')).json, { clientsConnected: 0, alarms: null, top: null })
  t.match((await viewer('GET', '/status')).json, {
    clientsConnected: 0,
    alarms: [],
    top: { queues: [] },
  })
})

test('a program has a key, which is shown once and counts until it is removed', async t => {
  const { server, port, operator } = await brokerWithApi(t)
  const body = { name: 'metrics', role: 'viewer', validDays: 1 }
  const made = await operator('POST', '/keys', { body })
  t.match(made, { status: 201, json: { key: /^phk_[\w-]{43}$/, role: 'viewer' } })
  const authorization = `Bearer ${made.json.key}`
  // A program may call the broker what it likes, and has no origin.
  const program = asking(server, port, { authorization, host: 'broker.example' })

  t.equal((await program('GET', '/clients')).status, 200)
  t.match(await operator('POST', '/keys', { body }), {
    status: 409,
    json: { detail: /another name/ },
  })
  const listed = await operator('GET', '/keys')
  t.match(listed.json, { items: [{ name: 'metrics', expiresAt: String, lastUsedAt: String }] })
  t.notMatch(listed.text, made.json.key)
  t.match(await operator('DELETE', '/keys?id=metrics'), { json: { deleted: 1 } })
  t.match(await program('GET', '/clients'), { status: 401, json: { detail: /no such key/ } })
  const wrong = { body: { name: 'x y', role: 'user' } }
  t.match(await operator('POST', '/keys', wrong), {
    status: 422,
    json: { errors: [{ path: 'name' }] },
  })
})

test('an address that brings wrong keys must wait, and a right key counts all the same', async t => {
  const { server, ask, port, operator } = await brokerWithApi(t)
  const { json } = await operator('POST', '/keys', { body: { name: 'k', role: 'viewer' } })
  const headers = { authorization: 'Bearer phk_wrong' }
  const statuses = []

  for (let count = 0; count < 6; count++)
    statuses.push((await ask('GET', '/clients', { headers })).status)

  t.strictSame(statuses, [401, 401, 401, 401, 401, 429])
  const link = await ask('POST', '/session', { body: { key: 'x' } })
  t.match(link, { status: 429, headers: { 'retry-after': '60' } })
  const program = asking(server, port, { authorization: `Bearer ${json.key}` })
  t.equal((await program('GET', '/clients')).status, 200)
})

test('pages of other sites, and names that somebody else made point here, are refused', async t => {
  const { ask, operator, port } = await brokerWithApi(t, {
    dashboard: { hosts: ['Broker.example'] },
  })
  const own = `localhost:${port}`
  const body = { clientId: 'a' }
  const statusOf = async (headers: Record<string, string>, path = '/session') =>
    (await operator('GET', path, { headers })).status

  t.equal(await statusOf({ host: `evil.example:${port}` }), 421)
  t.equal(await statusOf({ host: 'localhost.evil.example' }, '/status'), 421)
  t.equal(await statusOf({ host: `broker.example:${port}` }), 200)
  t.equal(await statusOf({ host: '192.168.1.20:80' }), 200)
  t.equal(await statusOf({ host: '[fd00::1]' }), 200)
  t.equal(await statusOf({ 'sec-fetch-site': 'cross-site' }), 403)
  t.equal(await statusOf({ 'sec-fetch-site': 'same-site' }), 403)
  t.equal(await statusOf({ origin: 'https://evil.example' }), 403)
  t.equal(await statusOf({ origin: 'null' }), 403)
  t.equal(await statusOf({ origin: `https://${own}`, 'sec-fetch-site': 'same-origin' }), 200)
  for (const origin of ['https://evil.example', 'null', `http://${own}.evil.example`]) {
    const change = await operator('POST', '/client/disconnect', { body, headers: { origin } })
    t.equal(change.status, 403, origin)
    const signIn = await ask('POST', '/session', { body: { key: 'x' }, headers: { origin } })
    t.equal(signIn.status, 403, origin)
  }
  const preflight = await ask('OPTIONS', '/clients', {
    headers: { origin: 'https://evil.example' },
  })
  t.equal(preflight.status, 405)
  t.equal(preflight.headers['access-control-allow-origin'], undefined)
  const form = { text: 'clientId=a', headers: { 'content-type': 'text/plain' } }
  t.equal((await operator('POST', '/client/disconnect', form)).status, 415)
})

test('what is behind a proxy is not this machine: its counters need a key too', async t => {
  const { server, ask, port, operator } = await brokerWithApi(t)
  const headers = { 'x-forwarded-for': '203.0.113.9' }

  t.equal((await ask('GET', '/status', { headers })).status, 401)
  t.match(await ask('GET', '/metrics', { headers }), { status: 401, json: { status: 401 } })
  t.equal((await ask('GET', '/metrics')).status, 200)
  t.equal((await operator('GET', '/metrics', { headers })).status, 200)
  const secure = { ...headers, 'x-forwarded-proto': 'https' }
  const key = server.api.newLink('viewer')?.split('#key=')[1]
  const signIn = await ask('POST', '/session', { body: { key }, headers: secure })
  t.match(String(signIn.headers['set-cookie']), /; Secure$/)
  t.ok(port)
})

test('keys and links of other machines count over TLS only, unless the configuration allows plain ones', async t => {
  const listeners = [
    { host: '127.0.0.1', port: 0 },
    { host: '127.0.0.1', port: 0, protocol: 'ws', proxyProtocol: true },
  ] as const
  const askedBy = async (address: string, plain: boolean, path: string, authorization = '') => {
    const config = parseConfig({
      listeners: [...listeners],
      store: { durability: 'memory' },
      dashboard: { plain },
    })
    const server = await startServer(config, SILENT)
    const key = await keyOf(server)
    const socket = connect(server.listeners[1]?.port ?? 0, '127.0.0.1').on('error', () => {})
    const sent = authorization === '' ? '' : `Authorization: Bearer ${key}\r\n`
    const head = `Host: localhost\r\n${sent}Connection: close\r\n\r\n`
    socket.write(`PROXY TCP4 ${address} 127.0.0.1 5555 80\r\nGET ${path} HTTP/1.1\r\n${head}`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    await server.close()
    return Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1])
  }
  const far = '203.0.113.9'

  t.equal(await askedBy(far, false, '/api/v1/clients', 'key'), 403)
  t.equal(await askedBy(far, true, '/api/v1/clients', 'key'), 200)
  t.equal(await askedBy('127.0.0.1', false, '/api/v1/clients', 'key'), 200)
  t.equal(await askedBy(far, false, '/metrics'), 401)
  t.equal(await askedBy(far, true, '/metrics', 'key'), 200)
  t.equal(await askedBy(far, false, '/api/v1/status'), 401)
  t.equal(await askedBy(far, false, '/healthz'), 200)
  t.equal(await askedBy('127.0.0.1', false, '/api/v1/status'), 200)
})

test('sign-ins and keys outlive the broker, as hashes in files of the owner', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const store = { directory, durability: 'os' } as const
  const first = await brokerWithApi(t, { store })
  const cookie = await signedIn(first.ask, first.server, 'operator', first.port)
  const { json } = await first.operator('POST', '/keys', { body: { name: 'k', role: 'viewer' } })
  await first.server.close()

  const second = await brokerWithApi(t, { store })

  const token = cookie.split(';')[0]?.split('=')[1] ?? ''
  const browser = asking(second.server, second.port, { cookie: `pondhawk_${second.port}=${token}` })
  t.equal((await browser('GET', '/session')).status, 200)
  const program = asking(second.server, second.port, { authorization: `Bearer ${json.key}` })
  t.equal((await program('GET', '/clients')).status, 200)
  for (const name of ['sign-ins.json', 'api-keys.json']) {
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
    const text = readFileSync(join(directory, name), 'utf8')
    t.notOk(text.includes(token) || text.includes(json.key), name)
  }
})

test('a broker whose API is switched off says so, and answers health and counters', async t => {
  const { ask } = await brokerWithApi(t, { dashboard: { enabled: false } })

  t.match(await ask('GET', '/clients'), { status: 404, json: { detail: /dashboard.enabled/ } })
  t.equal((await ask('GET', '/status')).status, 200)
  t.equal((await ask('GET', '/metrics')).status, 200)
})

test('a program gets links from its broker', async t => {
  const broker = await createBroker({ listeners: [{ port: 0, protocol: 'ws' }] })
  t.teardown(() => broker.close())
  const bare = await createBroker()
  t.teardown(() => bare.close())

  t.match(broker.dashboardLink(), /^http:\/\/localhost:\d+\/#key=[\w-]{22}$/)
  t.match(broker.dashboardLink('viewer'), /#key=/)
  t.equal(bare.dashboardLink(), null)
  // @ts-expect-error a program in JavaScript may pass anything
  t.throws(() => broker.dashboardLink('admin'), /viewer or operator/)
})

/** A key made through the admin socket's door. */
async function keyOf(server: Server): Promise<string> {
  const admin = createServer(server.api.onAdminRequest).listen(0, '127.0.0.1')
  await once(admin, 'listening')
  const address = admin.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const body = { name: 'k', role: 'viewer' }
  const { json } = await asking(server, port)('POST', '/keys', { body })
  admin.close()
  return json.key as string
}

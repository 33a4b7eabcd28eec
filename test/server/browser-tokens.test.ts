// Short-lived tokens of the broker, as a page in a browser gets, uses and renews them.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt, { type IClientOptions } from 'mqtt'
import { type Test, test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { renewRights } from '../../src/server/renew-rights.ts'
import { Pond } from '../pond.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { brokerOnPort } from '../interop/programs.ts'

function hashOf(password: string): string {
  return formatHash(newPbkdf2(Buffer.from(password), 101))
}

async function brokerIssuing(t: Test, tokens: object = {}, access: object = {}) {
  const lines: string[] = []
  const note = (line: object, sentence: string): void => {
    lines.push(`${JSON.stringify(line)} ${sentence}`)
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const users = 'usersFile' in access ? undefined : { alice: hashOf('hers'), bob: hashOf('his') }
  const rules = 'user alice\ntopic readwrite home/#\n'
  const listeners = [
    { protocol: 'ws' as const, host: '127.0.0.1', port: 0, origins: ['https://dash.example'] },
  ]
  const { broker, port } = await brokerOnPort({
    listeners,
    log,
    access: { users, rules, tokens, ...access },
  })
  t.teardown(() => broker.close())
  const url = `http://127.0.0.1:${port}/api/v1/tokens`
  const ask = (login: string | null, body: unknown = { clientId: 'page' }, headers: object = {}) =>
    fetch(url, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: {
        ...(login !== null && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
        ...headers,
      },
    })
  const tokenOf = async (login: string): Promise<string> => {
    const { token } = (await (await ask(login)).json()) as { token: string }
    return token
  }
  const connect = (options: IClientOptions) =>
    mqtt.connectAsync(`ws://127.0.0.1:${port}`, {
      clientId: 'page',
      username: 'x',
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...options,
    })
  const codeOf = async (options: IClientOptions): Promise<unknown> => {
    try {
      await (await connect(options)).endAsync()
      return 'let in'
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  }
  return { broker, url, ask, tokenOf, connect, codeOf, lines }
}

test('a user gets a token for one client id, with the rights of the user', async t => {
  const { ask, tokenOf, connect, codeOf, lines } = await brokerIssuing(t)
  const answer = await ask('alice:hers')

  t.equal(answer.status, 201)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.match(await answer.json(), { username: 'alice', clientId: 'page', token: String })
  const token = await tokenOf('alice:hers')
  const client = await connect({ password: token })
  await client.publishAsync('home/lamp', 'on', { qos: 1 })
  await t.rejects(client.publishAsync('other', 'x', { qos: 1 }), { code: 0x87 })
  await client.endAsync()
  t.equal(await codeOf({ password: token, clientId: 'another' }), 0x87)
  t.equal(await codeOf({ password: `${token.slice(0, -2)}xx` }), 0x86)
  t.notOk(lines.some(line => line.includes(token.slice(-30)) || line.includes('hers')))
})

test('whoever may not have a token gets none', async t => {
  const { ask, url, tokenOf } = await brokerIssuing(t, { users: ['alice'] })
  const statusOf = async (...given: Parameters<typeof ask>) => (await ask(...given)).status

  t.equal(await statusOf('alice:wrong'), 401)
  t.equal(await statusOf('mallory:x'), 401)
  t.equal(await statusOf(null), 401)
  t.equal(await statusOf('alice'), 401)
  t.equal(await statusOf('bob:his'), 403)
  t.equal(await statusOf('alice:hers', { clientId: '' }), 400)
  t.equal(await statusOf('alice:hers', '{"clientId":"a","clientId":"b"}'), 400)
  t.equal(await statusOf('alice:hers', 'x'.repeat(100_000)), 400)
  t.equal(await statusOf('alice:hers', undefined, { origin: 'https://evil.example' }), 403)
  t.equal((await fetch(url)).status, 405)
  const own = await ask('alice:hers', undefined, { origin: 'https://dash.example' })
  t.equal(own.headers.get('access-control-allow-origin'), 'https://dash.example')
  const token = await tokenOf('alice:hers')
  t.equal(await statusOf(`alice:${token}`), 403, 'no token for a token')
  t.equal((await ask(null)).headers.get('www-authenticate'), null)
})

test('a token ends with the password that it was issued for, and with its user', async t => {
  const hashes = { alice: hashOf('hers'), bob: hashOf('his') }
  const textOf = (users: Readonly<Record<string, string>>): string =>
    Object.entries(users)
      .map(([name, hash]) => `${name}:${hash}\n`)
      .join('')
  const usersFile = resolve(t.testdir({ users: textOf(hashes) }), 'users')
  const { tokenOf, connect, codeOf, lines } = await brokerIssuing(t, {}, { usersFile })
  const [hers, his] = [await tokenOf('alice:hers'), await tokenOf('bob:his')]
  const page = await connect({ password: hers })
  const ended = new Promise(settle => page.once('disconnect', settle))
  const reloadedTimes = async (times: number): Promise<void> => {
    const isSo = (): boolean =>
      lines.filter(line => line.includes('access.reloaded')).length >= times
    while (!isSo()) await new Promise(settle => setTimeout(settle, 20))
  }

  writeFileSync(usersFile, textOf({ ...hashes, alice: hashOf('new') }))

  t.match(await ended, { reasonCode: 0x87 })
  t.equal(await codeOf({ password: hers }), 0x86)
  t.equal(await codeOf({ password: his }), 'let in')
  t.equal(await codeOf({ password: await tokenOf('alice:new') }), 'let in')
  await reloadedTimes(1)
  writeFileSync(usersFile, textOf({ alice: hashes.alice }))
  await reloadedTimes(2)
  t.equal(await codeOf({ password: his }), 0x86, 'the user is gone')
  t.equal(await codeOf({ password: hers }), 'let in', 'it is the password of the token again')
})

test('an address that asks too often is refused', async t => {
  const { ask } = await brokerIssuing(t)
  const statuses = []
  for (let count = 0; count < 31; count++) statuses.push((await ask(null)).status)

  t.strictSame([statuses[29], statuses[30]], [401, 429])
})

test('a page that asks again keeps its connection beyond its first token, and nobody else does', async t => {
  const access: Access = {
    authenticate: ({ username, clientId }) => ({
      kind: 'allowed',
      permissions: UNRESTRICTED,
      username,
      authentication: clientId === 'jwt' ? 'jwt' : 'password-token',
      validForMs: 60_000,
    }),
    beginExchange: () => null,
    permissionsOf: () => null,
  }
  const pond = new Pond({ access })
  const options = { username: 'alice', keepAliveSeconds: 0 }
  const page = pond.client('page', options)
  const other = pond.client('other', { ...options, username: 'bob' })
  const jwt = pond.client('jwt', options)
  pond.passes({ seconds: 50 })

  for (const clientId of ['page', 'other', 'jwt', 'nobody']) {
    renewRights(pond, clientId, 'alice', 60_000)
  }
  pond.settles()
  pond.passes({ seconds: 50 })

  t.strictSame(page.hears(), [])
  t.strictSame(other.hears(), ['disconnect 0x87', 'closed'])
  t.strictSame(jwt.hears(), ['disconnect 0x87', 'closed'])
  pond.passes({ seconds: 20 })
  t.strictSame(page.hears(), ['disconnect 0x87', 'closed'])
})

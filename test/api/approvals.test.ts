// Refused clients that an operator approves of, and whoever tries to come in in their place.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt, { type IClientOptions } from 'mqtt'
import { type Test, test } from 'tap'
import { AccessFileError } from '../../src/access/access-file.ts'
import { AwaitedPasswords } from '../../src/access/password/awaited-passwords.ts'
import { Approvals } from '../../src/server/approvals.ts'
import { brokerWithApi } from './api-client.ts'

const REFUSED = 0x86
const DEVICE = { clientId: 'esp-7', username: 'pump', address: '127.0.0.1' }

async function broker(
  t: Test,
  rules: string | null = 'user admin\ntopic readwrite #',
  users = 'users',
) {
  const folder = t.testdir({ [users]: '', ...(rules !== null && { rules }) })
  const usersFile = resolve(folder, users)
  const rulesFile = resolve(folder, 'rules')
  const access = { usersFile, anonymous: 'never' as const, ...(rules !== null && { rulesFile }) }
  const { operator, mqtt: url, lines, server } = await brokerWithApi(t, { access })
  const comes = async (options: IClientOptions): Promise<unknown> => {
    try {
      const client = await mqtt.connectAsync(url, {
        reconnectPeriod: 0,
        protocolVersion: 5,
        ...DEVICE,
        ...options,
      })
      await client.endAsync()
      return 'let in'
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  }
  const approve = (body: object) =>
    operator('POST', '/refused/approve', { body: { ...DEVICE, password: 'next-try', ...body } })
  return { operator, comes, approve, lines, usersFile, rulesFile, server }
}

test('a refused client is let in by a password that is made for it, with a rule', async t => {
  const { comes, approve, operator, usersFile, rulesFile, lines } = await broker(t)
  t.equal(await comes({ password: 'guess' }), REFUSED)
  const rule = { access: 'readwrite', filter: 'pumps/7/#' }

  const { json } = await approve({ password: 'generate', rule })
  t.match(json, { username: 'pump', password: /^[a-z0-9-]{19}$/, expiresAt: null })
  t.equal(await comes({ password: 'guess' }), REFUSED)
  t.equal(await comes({ password: json.password }), 'let in')
  t.match(readFileSync(usersFile, 'utf8'), /^pump:\$7\$/)
  t.equal(
    readFileSync(rulesFile, 'utf8'),
    'user admin\ntopic readwrite #\nuser pump\ntopic readwrite pumps/7/#\n',
  )
  t.match((await operator('GET', '/refused')).json.items, [{ letInAt: String }])
  t.match(await approve({ password: 'generate' }), {
    status: 409,
    json: { detail: /there is a user/ },
  })
  t.notMatch(lines.join('\n'), json.password)
})

test('of two approvals of one user at once only one makes it, with its rule', async t => {
  const { comes, approve, rulesFile } = await broker(t)
  t.equal(await comes({ password: 'guess' }), REFUSED)
  const answers = await Promise.all(
    ['one', 'other'].map(filter =>
      approve({ password: 'generate', rule: { access: 'read', filter } }),
    ),
  )

  t.strictSame(answers.map(({ status }) => status).sort(), [200, 409])
  t.equal(readFileSync(rulesFile, 'utf8').match(/user pump/g)?.length, 1)
})

test('the password of the next try counts for one client, one name and one address, once', async t => {
  const { comes, approve, operator, lines, usersFile, server } = await broker(t)
  const takes = async () => (await operator('GET', '/status')).json.access
  t.equal(await comes({ password: 'first' }), REFUSED)
  t.match((await approve({})).json, { password: null, expiresAt: String })
  t.match((await operator('GET', '/refused/approvals')).json, { items: [DEVICE] })

  t.equal(await comes({ clientId: 'esp-8', password: 'theirs' }), REFUSED)
  t.equal(readFileSync(usersFile, 'utf8'), '')
  t.match(await takes(), { approvalsWaiting: 1, approvalsTaken: 0 })
  // Two come at once: the first has it.
  const both = await Promise.all([comes({ password: 'hers' }), comes({ password: 'theirs' })])
  t.strictSame(both.filter(each => each === REFUSED).length, 1)
  const mine = both[0] === REFUSED ? 'theirs' : 'hers'
  t.equal(await comes({ password: mine }), 'let in')
  t.match(await takes(), { approvalsWaiting: 0, approvalsTaken: 1 })
  t.match((await operator('GET', '/refused/approvals')).json, { items: [] })
  t.match(lines.join('\n'), /approval.taken.*esp-7/)
  t.notMatch(lines.join('\n'), /hers|theirs|first/)
  t.notMatch(readFileSync(usersFile, 'utf8'), /hers|theirs/)
  t.ok(server)
})

test('an approval is taken back; what does not fit is refused with a sentence', async t => {
  const { comes, approve, operator, usersFile } = await broker(t, null)
  await comes({ password: 'a' })
  await comes({ clientId: 'nameless', username: '', password: '' })
  const wrong = async (body: object, status: number, detail: RegExp) => {
    t.match(await approve(body), { status, json: { detail } })
  }

  await wrong({ clientId: 'nobody' }, 404, /no such client/)
  await wrong({ address: '10.0.0.1' }, 404, /no such client/)
  await wrong({ username: 'other' }, 404, /no such client/)
  for (const username of ['a:b', 'x\r\ny', ' a', '#a', '']) await wrong({ username }, 422, /./)
  await wrong({ password: 'mine' }, 422, /password/)
  await wrong({ rule: { access: 'readwrite', filter: '#/a' } }, 422, /filter/)
  await wrong({ rule: { access: 'readwrite', filter: '#' } }, 409, /no rules file/)
  t.equal((await approve({})).status, 200)
  const query = new URLSearchParams(DEVICE).toString()
  t.match(await operator('DELETE', `/refused/approvals?${query}`), { json: { deleted: 1 } })
  t.match(await operator('DELETE', `/refused/approvals?${query}`), { json: { deleted: 0 } })
  t.equal(await comes({ password: 'a' }), REFUSED)
  t.equal(readFileSync(usersFile, 'utf8'), '')
})

test('a filter or a name that would be another line of the rules is not written', async t => {
  const { comes, approve, rulesFile } = await broker(t)
  await comes({ password: 'a' })
  await comes({ username: 'a\u00a0', password: 'a' })
  const before = readFileSync(rulesFile, 'utf8')

  for (const filter of ['a\ntopic readwrite #', ' a', 'a ', 'a\tb\n', 'a\u0000b']) {
    const { status } = await approve({ password: 'generate', rule: { access: 'read', filter } })
    t.ok(status === 409 || status === 422, `${JSON.stringify(filter)}: ${status}`)
  }
  t.equal(readFileSync(rulesFile, 'utf8'), before)
})

test('a user that cannot be made is not let in, and the log says why', async t => {
  const { comes, approve, usersFile, rulesFile, lines } = await broker(t)
  const before = readFileSync(rulesFile, 'utf8')
  await comes({ password: 'a' })
  await approve({ rule: { access: 'read', filter: 'a' } })
  writeFileSync(usersFile, 'no colon\n')

  t.equal(await comes({ password: 'a' }), 0x88)
  t.match(lines.join('\n'), /approval.failed.*users:1/)
  t.equal(readFileSync(rulesFile, 'utf8'), before)
  t.equal(await comes({ password: 'a' }), REFUSED)
})

test('when the user cannot be written, its rule is taken back', async t => {
  // The new file beside it would have a name that is too long.
  const { comes, approve, rulesFile } = await broker(t, 'user admin\ntopic read a', 'u'.repeat(252))
  await comes({ password: 'a' })
  const rule = { access: 'read', filter: 'b' }

  const { status, json } = await approve({ password: 'generate', rule })

  t.equal(status, 409)
  t.match(json.detail, /cannot be written \(ENAMETOOLONG\)$/)
  t.equal(readFileSync(rulesFile, 'utf8'), 'user admin\ntopic read a')
})

test('when other files are wrong, no user is made, and the answer names their lines', async t => {
  const { comes, approve, usersFile, rulesFile } = await broker(t)
  await comes({ password: 'a' })
  writeFileSync(rulesFile, 'topic read a\nnonsense\n')

  const { status, json } = await approve({
    password: 'generate',
    rule: { access: 'read', filter: 'b' },
  })

  t.equal(status, 422)
  t.match(json.errors, [{ path: /rules$/, line: 2 }])
  t.equal(readFileSync(usersFile, 'utf8'), '')
  t.equal(readFileSync(rulesFile, 'utf8'), 'topic read a\nnonsense\n')
})

test('what cannot be taken back is named', async t => {
  const folder = t.testdir({ users: '', rules: 'topic read a\n' })
  const [usersFile, rulesFile] = [resolve(folder, 'users'), resolve(folder, 'rules')]
  const silent = (): void => {}
  const approvals = new Approvals({
    settings: { usersFile, rulesFile },
    awaited: new AwaitedPasswords(() => 0),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    reload() {
      appendFileSync(rulesFile, 'nonsense\n')
      throw new AccessFileError([{ place: 'rules:4', sentence: 'nonsense' }])
    },
  })
  const rule = { access: 'read', filter: 'b' } as const

  await t.rejects(approvals.make({ ...DEVICE, rule }, Buffer.from('secret')), {
    message:
      /^rules:4: nonsense. What .* taken back: .*rules has changed meanwhile: remove "user pump\\ntopic read b\\n" from it$/,
  })
  t.equal(readFileSync(usersFile, 'utf8'), '')
  t.match(readFileSync(rulesFile, 'utf8'), /topic read b\nnonsense/)
})

test('an approval ends after ten minutes, for another address it never counts, and 16 may wait', async t => {
  let now = 0
  const awaited = new AwaitedPasswords(() => now)
  awaited.make = () => Promise.resolve(true)
  const approval = { ...DEVICE, rule: null }
  const client = (address: string) => ({
    ...DEVICE,
    address,
    password: Buffer.from('x'),
    transport: 'tcp',
    certificate: null,
  })

  t.ok(awaited.add(approval))
  for (const other of [
    { address: '127.0.0.2' },
    { username: 'pumq' },
    { username: null },
    { clientId: 'ESP-7' },
    { password: null },
    { password: Buffer.alloc(0) },
    { password: Buffer.alloc(1_025) },
  ]) {
    t.equal(awaited.take({ ...client('127.0.0.1'), ...other }), null)
  }
  now = 599_999
  t.equal(awaited.all.length, 1)
  now = 600_000
  t.equal(awaited.take(client('127.0.0.1')), null)
  t.equal(awaited.expired, 1)
  for (let index = 0; index < 16; index++) t.ok(awaited.add({ ...approval, clientId: `${index}` }))
  t.notOk(awaited.add(approval))
  t.ok(awaited.add({ ...approval, clientId: '3' }))
  now = 1_200_000
  t.ok(awaited.add(approval))
  t.match(await awaited.take(client('127.0.0.1')), { kind: 'found', username: 'pump' })
  t.equal(awaited.take(client('127.0.0.1')), null)
})

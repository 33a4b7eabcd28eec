// A service of the operator that knows users: what it is asked, what its answers mean, and what happens when it fails.

import { test } from 'tap'
import type { Credentials } from '../../../src/access/access.ts'
import type { FoundOrRefused } from '../../../src/access/authenticator.ts'
import { GivenRules } from '../../../src/access/given-rules.ts'
import { HttpAuthenticator } from '../../../src/access/http/http-authenticator.ts'
import { HttpFailure } from '../../../src/access/http/http-request.ts'
import { UNRESTRICTED } from '../../../src/access/permissions.ts'

const NOW = 1_800_000_000_000
const WHO: Credentials = {
  clientId: 'c1',
  username: 'alice',
  password: Buffer.from('secret'),
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}

type Answer = { readonly status: number; readonly body: Buffer }
type Request = { readonly headers: Readonly<Record<string, string>>; readonly body?: Buffer }

function says(body: unknown, status = 200): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return Promise.resolve({ status, body: Buffer.from(text) })
}

/** An authenticator and what its service is asked, with the test's clock. */
function hookThat(answers: (request: Request) => Promise<Answer>, bounds: object = {}) {
  const world = { now: 1_000, asked: [] as Request[], causes: [] as string[], paused: 0, answers }
  const hook = new HttpAuthenticator({
    service: {
      ask: request => {
        world.asked.push(request)
        return world.answers(request)
      },
    },
    token: null,
    requestsMax: 2,
    requestsQueuedMax: 4,
    cacheSeconds: 10,
    failed: cause => world.causes.push(cause),
    now: () => world.now,
    timeOfDay: () => NOW,
    pause: async milliseconds => {
      world.paused += milliseconds
      world.now += milliseconds
    },
    ...bounds,
  })
  const ask = async (who: Partial<Credentials> = {}): Promise<FoundOrRefused> =>
    hook.authenticate({ ...WHO, ...who })
  return { hook, world, ask }
}

test('everything that the client says is in the body, and nothing in a header', async t => {
  const { world, ask } = hookThat(() => says({ result: 'allow' }), { token: 'of-the-broker' })
  const evil = 'x\r\nAuthorization: Bearer stolen\0'

  await ask({ clientId: evil, username: evil, password: Buffer.from(evil) })

  const [request] = world.asked
  t.strictSame(Object.keys(request?.headers ?? {}).sort(), [
    'accept',
    'authorization',
    'content-length',
    'content-type',
  ])
  t.equal(request?.headers['authorization'], 'Bearer of-the-broker')
  t.equal(request?.headers['content-length'], String(request?.body?.length))
  t.strictSame(JSON.parse(String(request?.body)), {
    clientid: evil,
    username: evil,
    password: evil,
    peerhost: '10.0.0.1',
    protocol: 'mqtt',
    transport: 'tcp',
    cert_common_name: null,
  })
})

test('an answer allows, denies, or leaves the client to others', async t => {
  const answerTo = async (body: unknown, status = 200) => hookThat(() => says(body, status)).ask()
  const found = { kind: 'found', username: 'alice', authentication: 'http' }

  t.match(await answerTo({ result: 'allow' }), { ...found, rights: null, validForMs: null })
  t.match(await answerTo('', 204), { ...found, rights: null })
  t.match(await answerTo({ result: 'allow', is_superuser: true }), { rights: UNRESTRICTED })
  t.match(await answerTo({ result: 'deny' }), { kind: 'refused', reason: 0x86 })
  t.equal(await answerTo({ result: 'ignore' }), null)
  t.match(await answerTo({ result: 'allow', expire_at: NOW / 1_000 + 5 }), { validForMs: 5_000 })
  t.match(await answerTo({ result: 'allow', expire_at: NOW / 1_000 }), { kind: 'refused' })
  const ruled = await answerTo({
    result: 'allow',
    acl: [{ permission: 'allow', action: 'publish', topic: 'a' }],
  })
  t.ok(ruled?.kind === 'found' && ruled.rights instanceof GivenRules)
})

const wrong: readonly [string, () => Promise<Answer>, RegExp][] = [
  ['500', () => says({ result: 'allow' }, 500), /^an answer with status 500$/],
  ['404', () => says('', 404), /status 404/],
  ['a redirect', () => says('', 302), /status 302/],
  ['HTML', () => says('<html>'), /^an answer that is not JSON$/],
  ['true', () => says('true'), /no JSON object/],
  ['no result', () => says({}), /none of allow, deny and ignore/],
  ['another result', () => says({ result: 'Allow' }), /none of allow, deny and ignore/],
  ['two results', () => says('{"result":"deny","result":"allow"}'), /has a key twice/],
  ['a wrong rule', () => says({ result: 'allow', acl: [{}] }), /wrong rules: permission/],
  ['a wrong superuser', () => says({ result: 'allow', is_superuser: 'no' }), /is_superuser/],
  ['a wrong time', () => says({ result: 'allow', expire_at: 'soon' }), /expire_at/],
  ['a time-out', () => Promise.reject(new HttpFailure('no answer in 5000 ms')), /^no answer in/],
]

for (const [name, answers, cause] of wrong) {
  test(`${name} lets nobody in`, async t => {
    const { ask, world, hook } = hookThat(answers)

    t.match(await ask(), { kind: 'refused', reason: 0x88 })
    t.match(world.causes[0], cause)
    t.equal(hook.isTroubled, true)
    t.notOk(world.causes.some(each => each.includes('secret')))
  })
}

test('a password that is not text is not sent', async t => {
  const { ask, world } = hookThat(() => says({ result: 'allow' }))

  t.match(await ask({ password: Buffer.from([0xff]) }), { kind: 'refused', reason: 0x86 })
  t.equal(world.asked.length, 0)
})

test('who was allowed is not asked for again for a while, and who was denied is', async t => {
  const { ask, world } = hookThat(() => says({ result: 'allow', expire_at: NOW / 1_000 + 60 }))
  await ask()
  world.now += 4_000

  t.match(await ask(), { kind: 'found', validForMs: 56_000 })
  t.equal(world.asked.length, 1)
  await ask({ password: Buffer.from('other') })
  await ask({ clientId: 'c2' })
  await ask({ address: '10.0.0.2' })
  t.equal(world.asked.length, 4, 'another password, client or address is another question')
  world.now += 6_000
  await ask()
  t.equal(world.asked.length, 5)
  const denying = hookThat(() => says({ result: 'deny' }))
  await denying.ask()
  await denying.ask()
  t.equal(denying.world.asked.length, 2)
})

test('a client that is remembered comes in while the service is away, and no other', async t => {
  const { ask, world } = hookThat(() => says({ result: 'allow' }))
  await ask()
  world.answers = () => Promise.reject(new HttpFailure('ECONNREFUSED'))

  t.match(await ask(), { kind: 'found' })
  t.match(await ask({ username: 'bob' }), { kind: 'refused', reason: 0x88 })
  world.now += 10_000
  t.match(await ask(), { kind: 'refused', reason: 0x88 })
})

test('equal questions at a time are one request, and no more wait than may', async t => {
  let answer: () => void = () => {}
  const waiting = new Promise<void>(resolve => (answer = resolve))
  const { ask, world, hook } = hookThat(() => waiting.then(() => says({ result: 'allow' })))
  const same = Array.from({ length: 50 }, () => ask())
  const others = Array.from({ length: 9 }, (_, index) => ask({ clientId: `d${index}` }))
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))

  t.equal(world.asked.length, 2, 'two at a time')
  answer()
  const answers = await Promise.all([...same, ...others])

  t.equal(world.asked.length, 6, 'and four that waited')
  t.equal(answers.filter(each => each?.kind === 'refused' && each.reason === 0x89).length, 4)
  t.match(hook.counters, { httpRequestsTurnedAway: 4, httpRequestsQueued: 0 })
})

test('a service that fails is left alone, and tried again with one request', async t => {
  const { ask, world, hook } = hookThat(() => Promise.reject(new HttpFailure('ECONNREFUSED')))
  const asks = async (count: number) => {
    for (let index = 0; index < count; index++) await ask({ clientId: `x${world.asked.length}` })
  }
  await asks(5)
  for (let count = 0; count < 10; count++) t.match(await ask(), { reason: 0x88 })
  t.equal(world.asked.length, 5)

  world.now += 1_000
  await Promise.all([ask({ clientId: 'y1' }), ask({ clientId: 'y2' })])
  t.equal(world.asked.length, 6, 'one of two tries it')
  world.now += 1_000
  await ask()
  t.equal(world.asked.length, 6, 'the pause has doubled')
  world.now += 1_000
  world.answers = () => says({ result: 'allow' })
  t.match(await ask(), { kind: 'found' })

  t.match(await ask({ clientId: 'z' }), { kind: 'found' })
  t.equal(hook.isTroubled, false)
  t.equal(hook.counters['httpRequestsSpared'], 12)
})

test('guesses are slowed for their user and address, and nobody else', async t => {
  const { ask, world } = hookThat(({ body }) =>
    says({ result: String(body).includes('right') ? 'allow' : 'deny' }),
  )
  for (let count = 0; count < 5; count++) await ask({ password: Buffer.from(`guess ${count}`) })
  t.equal(world.paused, 250 + 500)

  await ask({ address: '10.9.9.9', password: Buffer.from('right') })

  t.equal(world.paused, 750)
})

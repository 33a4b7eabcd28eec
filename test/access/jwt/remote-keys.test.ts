// Keys at a URL that answers, changes them, fails, hangs, and talks too much.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK } from 'jose'
import { type Test, test } from 'tap'
import { RemoteKeys } from '../../../src/access/jwt/remote-keys.ts'

const HOUR_MS = 3_600_000

async function jwksWith(kid: string): Promise<string> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid }] })
}

const ONE = await jwksWith('one')
const TWO = await jwksWith('two')

/** Keys at a server that answers as the test says, with the test's clock. */
async function remoteKeys(t: Test, first: RequestListener) {
  const world = { answer: first, now: 1_000_000, asked: 0, later: [] as number[] }
  const server = createServer((request, response) => {
    world.asked++
    world.answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const troubles: (string | null)[] = []
  let again: () => void = () => {}
  const keys = new RemoteKeys({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    ca: undefined,
    algorithms: undefined,
    refreshSeconds: 300,
    keysValidSeconds: 3_600,
    changed: trouble => troubles.push(trouble),
    now: () => world.now,
    later: (work, milliseconds) => {
      world.later.push(milliseconds)
      again = work
      return setTimeout(() => {}, 0)
    },
  })
  t.teardown(() => {
    keys.close()
    server.closeAllConnections()
    server.close()
  })
  const has = (keyId: string) =>
    keys.keys?.keyFor({ algorithm: 'ES256', keyId }) !== undefined &&
    keys.keys?.keyFor({ algorithm: 'ES256', keyId }) !== null
  /** The time comes at which they are read again. */
  const timePasses = async () => {
    world.now += world.later.at(-1) ?? 0
    again()
    await keys.renewed()
  }
  return { keys, world, troubles, has, timePasses }
}

function says(body: string, status = 200): RequestListener {
  return (_request, response) => response.writeHead(status).end(body)
}

test('keys are read at the start and from time to time, and a new one at once', async t => {
  const { keys, world, has, timePasses } = await remoteKeys(t, says(ONE))
  t.equal(keys.keys, null)

  keys.start()
  await keys.renewed()
  t.equal(has('one'), true)
  t.strictSame(world.later, [300_000])
  world.answer = says(TWO)
  t.equal(keys.renewed(), null, 'not more often than every 30 s, whoever names unknown keys')
  world.now += 30_000
  await keys.renewed()

  t.equal(has('two'), true)
  t.equal(has('one'), false, 'a key that is withdrawn counts no more')
  world.answer = says(ONE)
  await timePasses()
  t.equal(has('one'), true)
})

const wrong: readonly [string, RequestListener, RegExp][] = [
  ['500', says('oops', 500), /^an answer with status 500$/],
  ['a redirect', (_, response) => response.writeHead(302, { location: '/x' }).end(), /status 302/],
  ['10 MB', says('x'.repeat(10_000_000)), /^an answer of over 262144 bytes$/],
  ['HTML', says('<html>'), /^is not JSON$/],
  ['no keys', says('{"keys":[]}'), /no key for any/],
  [
    'half an answer',
    (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{')
      setImmediate(() => response.destroy())
    },
    /^ECONNRESET$/,
  ],
]

for (const [name, answer, sentence] of wrong) {
  test(`when ${name} comes instead of keys, those of before hold for their time, and no longer`, async t => {
    const { keys, world, has, troubles, timePasses } = await remoteKeys(t, says(ONE))
    keys.start()
    await keys.renewed()

    world.answer = answer
    await timePasses()

    t.equal(troubles.length, 1)
    t.match(troubles[0], sentence)
    t.equal(has('one'), true)
    t.equal(keys.isTroubled, true)
    world.now += HOUR_MS
    t.equal(keys.keys, null)
    world.answer = says(TWO)
    await timePasses()
    t.equal(has('two'), true)
    t.strictSame([keys.isTroubled, troubles.at(-1)], [false, null])
  })
}

test('keys that cannot be read are asked for again, less and less often', async t => {
  const { keys, world, timePasses } = await remoteKeys(t, says('', 503))
  keys.start()
  await keys.renewed()

  for (let count = 0; count < 7; count++) await timePasses()

  t.strictSame(world.later, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  t.equal(keys.keys, null)
})

test('those who ask at once for new keys make one request', async t => {
  const { keys, world } = await remoteKeys(t, says(ONE))
  keys.start()

  await Promise.all(Array.from({ length: 100 }, async () => keys.renewed()))

  t.equal(world.asked, 1)
})

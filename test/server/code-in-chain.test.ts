// A program whose code is one authenticator of several.

import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import {
  ConfigError,
  createBroker,
  type EmbedOptions,
  type GivenAuthenticator,
} from '../../src/index.ts'

const hash = formatHash(newPbkdf2(Buffer.from('secret'), 101))

async function brokerWith(t: Test, access: EmbedOptions['access']) {
  const errors: string[] = []
  const silent = (): void => {}
  const error = (_fields: object, sentence: string): void => void errors.push(sentence)
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    log: { debug: silent, info: silent, warn: silent, error },
    ...(access && { access }),
  })
  t.teardown(() => broker.close())
  const users: (string | null)[] = []
  broker.on('connected', ({ username }) => users.push(username))
  const codeOf = async (username: string | undefined, password: string): Promise<unknown> => {
    try {
      const client = await mqtt.connectAsync(
        `mqtt://127.0.0.1:${broker.listeners[0]?.port}`,
        username === undefined
          ? { protocolVersion: 5, reconnectPeriod: 0 }
          : { username, password, protocolVersion: 5, reconnectPeriod: 0 },
      )
      const { reasonCode } = await client
        .publishAsync('devices/alice/x', 'x', { qos: 1 })
        .then(packet => ({ reasonCode: packet?.cmd === 'puback' ? packet.reasonCode : 0 }))
        .catch((refusal: unknown) => ({ reasonCode: (refusal as { code?: number }).code }))
      await client.endAsync()
      return `in, publish ${reasonCode === 0x87 ? 'refused' : 'allowed'}`
    } catch (refusal) {
      return (refusal as { code?: unknown }).code
    }
  }
  return { codeOf, errors, users }
}

const RULES = 'pattern readwrite devices/%u/#\n'

/** Knows alice and mallory, refuses whoever is banned, and does not know others. */
const CODE: GivenAuthenticator = {
  authenticate: async ({ username, password }) => {
    if (username === 'banned') return false
    if (username === 'broken') throw new Error('broken')
    if (username !== 'alice' && username !== 'mallory') return null
    return password?.toString() === 'code'
  },
}

test('code knows some users, the password file others, and the rules of the configuration hold for both', async t => {
  const access = { users: { bob: hash, banned: hash }, rules: RULES, code: CODE }
  const { codeOf, errors, users } = await brokerWith(t, access)

  t.equal(await codeOf('alice', 'code'), 'in, publish allowed')
  t.equal(await codeOf('mallory', 'code'), 'in, publish refused')
  t.equal(await codeOf('alice', 'wrong'), 0x86)
  t.equal(await codeOf('bob', 'secret'), 'in, publish refused')
  t.equal(await codeOf('nobody', 'secret'), 0x86)
  t.equal(await codeOf(undefined, ''), 0x86, 'nobody without a name')
  t.equal(await codeOf('broken', 'x'), 0x88)
  t.match(errors, [/has rejected/])
  t.strictSame(users, ['alice', 'mallory', 'bob'])
})

test('the order says who is asked first, and the first that knows a client decides', async t => {
  const first = await brokerWith(t, {
    users: { banned: hash },
    code: CODE,
    order: ['code', 'users'],
  })
  const last = await brokerWith(t, { users: { banned: hash }, code: CODE })

  t.equal(await first.codeOf('banned', 'secret'), 0x86)
  t.equal(await last.codeOf('banned', 'secret'), 'in, publish allowed')
})

test('code alone in the chain lets listeners be reached from other machines, with rules of the configuration', async t => {
  const listeners = [{ host: '0.0.0.0', port: 0, plaintext: true }]
  const broker = await createBroker({ listeners, access: { code: CODE, rules: RULES } })
  await broker.close()
  await t.rejects(createBroker({ listeners, access: { rules: RULES } }), /anybody could connect/)
})

test('what cannot be meant is told', async t => {
  const table: readonly (readonly [object, RegExp])[] = [
    [{ code: CODE, authenticate: () => true }, /access\.code: is one authenticator of several/],
    [{ code: () => true }, /access\.code: must be an object with authenticate/],
    [{ code: {} }, /access\.code\.authenticate: must be a function/],
    [{ code: { authenticate: () => true, permissionsOf: 1 } }, /permissionsOf: must be a function/],
    [{ code: CODE, users: { a: hash }, order: ['users'] }, /code is configured and missing here/],
    [{ users: { a: hash }, order: ['users', 'code'] }, /code is not configured/],
  ]
  for (const [access, sentence] of table) {
    await t.rejects(createBroker({ access } as EmbedOptions), ConfigError)
    await t.rejects(createBroker({ access } as EmbedOptions), sentence)
  }
})

// Several ways to authenticate: the first that knows the client decides.

import { test } from 'tap'
import type { Credentials } from '../../src/access/access.ts'
import {
  type Authenticator,
  type AuthenticatorName,
  Chain,
  DEFAULT_ORDER,
  type FoundOrRefused,
} from '../../src/access/authenticator.ts'
import { readGivenRules } from '../../src/access/given-rules.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { parsePasswordFile } from '../../src/access/password/password-file.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { WRONG } from '../../src/access/refusals.ts'
import { UsersAccess } from '../../src/access/users-access.ts'

const WHO: Credentials = {
  clientId: 'c',
  username: 'bob',
  password: Buffer.from('x'),
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}
const BOB: FoundOrRefused = {
  kind: 'found',
  username: 'bob',
  authentication: 'http',
  rights: null,
  validForMs: null,
}

function authenticator(
  name: AuthenticatorName,
  answer: FoundOrRefused | Promise<FoundOrRefused>,
  asked: string[] = [],
): Authenticator {
  return {
    name,
    authenticate: () => {
      asked.push(name)
      return answer
    },
  }
}

test('they are asked in the order of the configuration, until one knows the client', async t => {
  const asked: string[] = []
  const chain = (order: readonly AuthenticatorName[]) =>
    new Chain(
      [
        authenticator('http', Promise.resolve(BOB), asked),
        authenticator('jwt', null, asked),
        authenticator('code', WRONG, asked),
      ],
      order,
    )

  t.equal(await chain(DEFAULT_ORDER).ask(WHO), BOB)
  t.strictSame(asked.splice(0), ['jwt', 'http'])
  t.equal(await chain(['code', 'http', 'jwt']).ask(WHO), WRONG)
  t.strictSame(asked, ['code'])
})

const PASSWORDS = parsePasswordFile(
  Buffer.from(`alice:${formatHash(newPbkdf2(Buffer.from('x'), 1))}`),
  'users',
)

function accessWith(others: readonly Authenticator[]): UsersAccess {
  const files = { users: PASSWORDS, rules: null, warnings: [] }
  return new UsersAccess(files, 'never', { others, pause: () => Promise.resolve() })
}

test('whoever is not in the password file is asked for elsewhere, after a hash', async t => {
  const access = accessWith([authenticator('http', BOB)])
  t.teardown(() => access.close())

  t.match(await access.authenticate(WHO), { kind: 'allowed', username: 'bob' })
  t.equal(access.counters['passwordsHashed'], 1)
  t.equal(access.counters['loginsFailed'], 0)
  t.match(
    await access.authenticate({ ...WHO, username: 'alice', password: Buffer.from('y') }),
    WRONG,
  )
})

test('whoever nobody knows is refused as with a wrong password, and slowed as then', async t => {
  const access = accessWith([authenticator('http', null)])
  t.teardown(() => access.close())

  t.strictSame(await access.authenticate(WHO), WRONG)
  t.equal(access.counters['loginsFailed'], 1)
  t.strictSame(await access.authenticate({ ...WHO, password: null }), WRONG)
})

test('a user of another kind is not gone because the password file does not have it', async t => {
  const access = accessWith([authenticator('http', BOB)])
  const bob = { clientId: 'c', username: 'bob', address: '' }

  t.equal(access.isGone({ ...bob, authentication: 'http' }), false)
  t.equal(access.isGone({ ...bob, authentication: 'password' }), true)
  t.equal(access.permissionsOf({ ...bob, username: 'alice', authentication: 'http' }), null)
})

test('rights end with what gave them, and rules that came with it decide', async t => {
  const rights = readGivenRules({ pub: ['a'] }, 'acl')
  const access = accessWith([authenticator('http', { ...BOB, rights, validForMs: 5 })])
  t.teardown(() => access.close())

  const verdict = await access.authenticate(WHO)

  t.match(verdict, { kind: 'allowed', authentication: 'http', validForMs: 5 })
  if (verdict.kind !== 'allowed') return
  t.equal(verdict.permissions.mayPublish('a', 0, false), true)
  t.equal(verdict.permissions.mayPublish('b', 0, false), false)
})

// Who is let in as what, and what a client may do that is away.

import { test } from 'tap'
import type { AccessFiles } from '../../src/access/access-settings.ts'
import type { Credentials } from '../../src/access/access.ts'
import type { Identity } from '../../src/access/identity.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { parsePasswordFile } from '../../src/access/password/password-file.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { GONE, UNRESTRICTED } from '../../src/access/permissions.ts'
import { type Anonymous, UsersAccess } from '../../src/access/users-access.ts'

const HASH = formatHash(newPbkdf2(Buffer.from('x'), 1))

function accessWith(users: string | null, rules: string | null, anonymous: Anonymous): UsersAccess {
  return new UsersAccess(filesOf(users, rules), anonymous)
}

function filesOf(users: string | null, rules: string | null): AccessFiles {
  const lines = users?.split(' ').map(name => `${name}:${HASH}`)
  return {
    users: lines === undefined ? null : parsePasswordFile(Buffer.from(lines.join('\n')), 'users'),
    rules: rules === null ? null : rulesOf(rules),
    warnings: [],
  }
}

function rulesOf(text: string): AccessFiles['rules'] {
  const file = parseAclFile(Buffer.from(text), 'rules')
  return { book: new AclRules(file), count: file.lines.length, warnings: [] }
}

const NAMELESS: Credentials = {
  clientId: 'c',
  username: null,
  password: null,
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}
const CERTIFICATE = { commonName: 'x', subjectAltNames: [], fingerprint: 'y' }

function identity(given: Partial<Identity>): Identity {
  const password = { authentication: 'password', username: 'alice' }
  return { clientId: 'c', address: '10.0.0.1', ...password, ...given }
}

test('a client without a name is accepted only by the configuration or a certificate', async t => {
  const kindOf = async (anonymous: Anonymous, given: Partial<Credentials>) => {
    const access = accessWith('alice', null, anonymous)
    const verdict = await access.authenticate({ ...NAMELESS, ...given })
    return verdict.kind === 'allowed' ? verdict.authentication : verdict.kind
  }

  t.equal(await kindOf('never', { address: '127.0.0.1' }), 'refused')
  t.equal(await kindOf('loopback', {}), 'refused')
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '']) {
    t.equal(await kindOf('loopback', { address }), 'none', address)
  }
  for (const address of ['127.0.0.1.evil', '::ffff:10.0.0.1', '1270.0.0.1', '::2']) {
    t.equal(await kindOf('loopback', { address }), 'refused', address)
  }
  t.equal(await kindOf('everywhere', {}), 'none')
  t.equal(await kindOf('never', { certificate: CERTIFICATE }), 'certificate')
  t.equal(await kindOf('everywhere', { username: 'alice' }), 'refused', 'a name needs its password')
})

test('a user name without a password check proves nothing', async t => {
  const access = accessWith(null, 'topic read a\nuser alice\ntopic b', 'everywhere')

  const verdict = await access.authenticate({ ...NAMELESS, username: 'alice' })

  t.match(verdict, { kind: 'allowed', username: null, authentication: 'none' })
  if (verdict.kind !== 'allowed') return
  t.equal(verdict.permissions.mayReceive?.('a'), true)
  t.equal(verdict.permissions.mayReceive?.('b'), false)
})

test('a client that is away has the rights of its user, while there is one', async t => {
  const access = accessWith('alice bob', 'user alice\ntopic a', 'never')

  t.equal(access.permissionsOf(identity({}))?.mayReceive?.('a'), true)
  t.equal(access.permissionsOf(identity({ username: 'bob' }))?.mayReceive?.('a'), false)
  t.equal(access.permissionsOf(identity({ username: 'gone' })), GONE)
  t.equal(accessWith('alice', null, 'never').permissionsOf(identity({})), UNRESTRICTED)
  t.equal(access.isGone(identity({ username: 'gone' })), true)
  t.equal(access.isGone(identity({})), false)
})

test('a session whose user was never verified may publish nothing, and keeps its messages', async t => {
  const access = accessWith('alice', 'user alice\ntopic a', 'never')
  const rights = access.permissionsOf(identity({ authentication: 'none' }))

  t.equal(rights?.mayPublish('a', 0, false), false)
  t.equal(rights?.mayReceive, undefined)
  t.equal(access.isGone(identity({ authentication: 'none', username: 'gone' })), false)
})

test('permissions that were given before apply new rules', async t => {
  const access = accessWith('alice', 'user alice\ntopic a', 'never')
  const rights = access.permissionsOf(identity({}))
  t.equal(rights?.mayPublish('a', 0, false), true)

  access.replace(filesOf('bob', 'user alice\ntopic b'))

  t.equal(rights?.mayPublish('a', 0, false), false)
  t.equal(rights?.mayPublish('b', 0, false), true)
  t.equal(access.permissionsOf(identity({})), GONE)
})

test('the cost of logins and rules is counted', async t => {
  const access = accessWith('alice', 'user alice\ntopic a', 'never')
  const login = (password: string) =>
    access.authenticate({ ...NAMELESS, username: 'alice', password: Buffer.from(password) })

  const verdict = await login('x')
  await login('wrong')
  await login('x')
  if (verdict.kind === 'allowed') verdict.permissions.mayReceive?.('a')

  t.match(access.counters, {
    passwordsHashed: 2,
    passwordsVerified: 1,
    passwordsVerifiedHits: 1,
    loginsFailed: 1,
    loginsTurnedAway: 0,
    verdictsRemembered: 1,
    verdictsForgotten: 0,
  })
  await access.close()
})

// Whose session it is.

import { test } from 'tap'
import { type Identity, identityOf, mayHaveSessionOf } from '../../src/access/identity.ts'

const CREDENTIALS = {
  clientId: 'a',
  username: 'alice',
  password: null,
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}

function user(username: string | null, authentication = 'password'): Identity {
  return { clientId: 'a', username, address: '', authentication }
}

test('a session belongs to its user, and is nobody’s before there were users', async t => {
  t.ok(mayHaveSessionOf(user('alice'), user('alice')))
  t.notOk(mayHaveSessionOf(user('bob'), user('alice')))
  t.notOk(mayHaveSessionOf(user(null, 'none'), user('alice')))
  t.notOk(mayHaveSessionOf(user('Alice'), user('alice')))
  t.ok(mayHaveSessionOf(user('bob'), user(null, 'none')))
  t.ok(mayHaveSessionOf(user('bob'), user('alice', 'none')), 'a claim that nobody looked at')
})

test('an identity says how the client was authenticated, in the words of the access where it has any', async t => {
  const certificate = { commonName: 'device', subjectAltNames: [], fingerprint: 'AA' }
  const password = Buffer.from('secret')

  t.strictSame(identityOf(CREDENTIALS, {}, null), {
    clientId: 'a',
    username: 'alice',
    address: '10.0.0.1',
    authentication: 'none',
  })
  t.match(identityOf({ ...CREDENTIALS, password }, {}, null), { authentication: 'password' })
  t.match(identityOf({ ...CREDENTIALS, certificate }, { username: 'device' }, null), {
    username: 'device',
    authentication: 'certificate',
  })
  // Whose name CONNECT bears was not looked at.
  t.match(identityOf({ ...CREDENTIALS, certificate }, {}, null), { username: null })
  t.match(identityOf(CREDENTIALS, {}, 'SCRAM-SHA-256'), {
    username: null,
    authentication: 'SCRAM-SHA-256',
  })
  t.match(identityOf(CREDENTIALS, { username: null, authentication: 'token' }, null), {
    username: null,
    authentication: 'token',
  })
})

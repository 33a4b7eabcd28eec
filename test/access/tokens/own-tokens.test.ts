// Tokens that the broker issues itself.

import { test } from 'tap'
import type { Found } from '../../../src/access/authenticator.ts'
import { OwnTokens } from '../../../src/access/tokens/own-tokens.ts'

const ALICE: Found = {
  kind: 'found',
  username: 'alice',
  authentication: 'password',
  rights: null,
  validForMs: null,
}
const PAGE = {
  clientId: 'page',
  username: 'alice',
  address: '192.0.2.1',
  transport: 'ws',
  certificate: null,
}

test('a token for a password that is replaced while the token is made is never valid', async t => {
  const tokens = new OwnTokens()
  let hash = 'old'
  tokens.hashOf = () => hash

  const issuing = tokens.issue(ALICE, 'page', 60_000)
  hash = 'new'
  const token = (await issuing)?.token ?? ''

  t.match(await tokens.authenticate({ ...PAGE, password: Buffer.from(token) }), { kind: 'refused' })
})

// Changes of a configuration file's text: comments stay, and hashes are neither shown nor lost.

import { test } from 'tap'
import { withChanges, withoutSecrets, withSecrets } from '../../src/config/edits.ts'

const HASH = '$7$101$c2FsdHNhbHQ=$aGFzaGhhc2g='
const TEXT = `# The broker of the house
log: { level: warn } # quiet
limits:
  queuedMessagesMax: 5 # few
access:
  users:
    alice: "${HASH}" # hers
    bob: ${HASH}x
    carol: hunter2
  # formerly $argon2id$v=19$m=47104$abcdefgh
`

test('single values are set, added and removed, and every comment stays', async t => {
  const text = withChanges(TEXT, 'a.yaml', [
    { path: ['log', 'level'], value: 'debug' },
    { path: ['limits', 'queuedMessagesMax'] },
    { path: ['share', 'groups', 'a.b', 'weights'], value: { w: 2 } },
  ])

  t.match(text, 'log: { level: debug } # quiet')
  t.notMatch(text, 'queuedMessagesMax')
  t.match(text, '    a.b:\n      weights:\n        w: 2\n')
  for (const comment of ['# The broker of the house', '# quiet', '# hers', '# formerly'])
    t.match(text, comment)
  t.match(text, `alice: "${HASH}"`)
  t.equal(
    withChanges('{"log":{}}', 'a.json', [{ path: ['log', 'level'], value: 'warn' }]).trim(),
    '{ "log": { "level": "warn" } }',
  )
  t.throws(() => withChanges('log: 1\n', 'a', [{ path: ['log', 'level'], value: 'warn' }]))
})

test('no hash and no password of a user is shown, and all come back from their places', async t => {
  const shown = withoutSecrets(TEXT)

  for (const secret of ['$7$', 'hunter2', 'argon2id']) t.notMatch(shown, secret)
  t.match(shown, 'alice: "(a hash 1)" # hers\n    bob: "(a hash 2)"\n    carol: "(a hash 3)"\n')
  t.match(shown, '# formerly (a hash 4)\n')
  t.strictSame(withSecrets(shown, TEXT), { text: TEXT, unknown: null })
  const moved = "access: {users: {bob: '(a hash 1)'}}\n"
  t.equal(withSecrets(moved, TEXT).text, `access: {users: {bob: "${HASH}"}}\n`)
  t.equal(withSecrets('a: (a hash 5)', TEXT).unknown, '(a hash 5)')
  t.equal(withSecrets('a: (a hash 0)', TEXT).unknown, '(a hash 0)')
})

test('the password of a bridge is not shown either', async t => {
  const text = "bridges:\n  centre: { username: u, password: 'hunter2' }\n"
  const shown = withoutSecrets(text)
  t.equal(shown, 'bridges:\n  centre: { username: u, password: "(a hash 1)" }\n')
  t.strictSame(withSecrets(shown, text), { text, unknown: null })
})

test('hashes are found in each way to write them', async t => {
  for (const text of [
    `access:\n  users:\n    alice: >\n      ${HASH}\nlog: {}\n`,
    `access: {users: &u {alice: '${HASH}'}}\n`,
    `{"access": {"users": {"alice": "${HASH}"}}}`,
    `responseInformation: &h ${HASH}\naccess: {users: {alice: *h}}\n`,
    `access:\n  users: ${HASH}\n`,
    `access: [\n${HASH}`,
  ]) {
    const shown = withoutSecrets(text)
    t.notMatch(shown, HASH.slice(8), shown)
    t.strictSame(withSecrets(shown, text).text, text)
  }
})

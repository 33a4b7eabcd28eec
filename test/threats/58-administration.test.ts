// Threat 58: what the HTTP port answers has no version, no secret and no message of a client, and $SYS follows the rules.

import { test } from 'tap'
import { AttackedBroker, passwordsOf, RawSocket } from './attacked-broker.ts'

const PATHS = [
  '/',
  '/api/v1/status',
  '/healthz',
  '/readyz',
  '/nothing',
  '/../users',
  '/%2e%2e/users',
]

test('no answer of the HTTP port names a version, a user, a client or a topic', async t => {
  const files = { users: passwordsOf({ owner: 'owners-password' }) }
  const broker = await AttackedBroker.started(t, { access: { usersFile: 'users' } }, files)
  const owner = { username: 'owner', password: 'owners-password', clientId: 'secret-client' }
  const client = await broker.client(owner)
  await client.publishAsync('secret-topic', 'secret-payload', { qos: 1, retain: true })

  for (const path of PATHS) {
    const socket = await RawSocket.to(broker.webPort)
    socket.socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
    const answer = (await socket.closed).toString()
    t.match(answer, /^HTTP\/1\.1 (200|404|400)/, path)
    t.notMatch(answer, /0\.1\.0|x-powered-by|\nserver:|secret-|owner|pbkdf2|\$7\$/i, path)
  }

  await client.endAsync()
  await broker.hasSurvived(t, ['owners-password'], {
    username: 'owner',
    password: 'owners-password',
  })
})

test('methods other than GET and HEAD are refused, and change nothing', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await fetch(`http://127.0.0.1:${broker.webPort}/api/v1/status`, { method })
    t.equal(answer.status, 405, method)
  }

  await broker.hasSurvived(t)
})

test('$SYS is received only with a rule for it, and published to by nobody', async t => {
  const rules = 'topic readwrite #\n'
  const broker = await AttackedBroker.started(t, { access: { rules, anonymous: 'everywhere' } })
  const { client, heard } = await broker.listener({ clientId: 'a', protocolVersion: 5 })

  await client.subscribeAsync(['#', '$SYS/#'], { qos: 0 })
  await t.rejects(client.publishAsync('$SYS/broker/store/durability', 'x', { qos: 1 }))
  await broker.hasSurvived(t)

  t.strictSame([...new Set(heard)], ['fresh'])
  await client.endAsync()
})

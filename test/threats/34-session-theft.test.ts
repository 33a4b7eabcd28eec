// Threat 34: a session belongs to its user. Client ids that differ in case or in their Unicode form are different ids.

import { test } from 'tap'
import { arrivalAt, AttackedBroker, passwordsOf } from './attacked-broker.ts'

const OWNER = { username: 'owner', password: 'owners-password' }
const THIEF = { username: 'thief', password: 'thiefs-password' }
const NOT_AUTHORIZED = 0x87

test('another user with the client id of a session is refused, connected or not, and the owner keeps its messages', async t => {
  const users = passwordsOf({ owner: OWNER.password, thief: THIEF.password })
  const broker = await AttackedBroker.started(t, { access: { usersFile: 'users' } }, { users })
  await broker.isWatched(OWNER)
  const owner = await broker.client({ ...OWNER, clientId: 'meter', clean: false })
  await owner.subscribeAsync('readings', { qos: 1 })
  const steal = (clean: boolean) =>
    broker
      .client({ ...THIEF, clientId: 'meter', clean, protocolVersion: 5 })
      .then(() => 'let in')
      .catch((refusal: unknown) => (refusal as { code: number }).code)

  t.strictSame([await steal(true), await steal(false)], [NOT_AUTHORIZED, NOT_AUTHORIZED])
  t.ok(owner.connected)
  await owner.endAsync()
  t.strictSame([await steal(true), await steal(false)], [NOT_AUTHORIZED, NOT_AUTHORIZED])

  const writer = await broker.client({ ...OWNER, clientId: 'writer' })
  await writer.publishAsync('readings', 'x', { qos: 1 })
  const { client: back, heard } = await broker.listener({
    ...OWNER,
    clientId: 'meter',
    clean: false,
  })
  while (heard.length < 1) await arrivalAt(back)
  t.strictSame(heard, ['readings'])
  await back.endAsync()
  await writer.endAsync()
  await broker.hasSurvived(t, ['owners-password', 'thiefs-password'], OWNER)
})

test('ids that differ in case or Unicode form have sessions of their own', async t => {
  const broker = await AttackedBroker.started(t)
  const ids = ['meter', 'METER', 'm\u00e9ter', 'me\u0301ter', 'meter ']
  const clients = []
  for (const clientId of ids) clients.push(await broker.client({ clientId, clean: false }))

  t.equal((await broker.status()).clientsConnected, ids.length)
  t.ok(clients.every(({ connected }) => connected))
  for (const each of clients) await each.endAsync()
  await broker.hasSurvived(t)
})

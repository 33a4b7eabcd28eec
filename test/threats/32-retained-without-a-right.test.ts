// Threat 32: a retained message is sent only to who may receive it now, and only while its publisher may publish there.

import { writeFileSync } from 'node:fs'
import { test } from 'tap'
import { arrivalAt, AttackedBroker, passwordsOf } from './attacked-broker.ts'

const ALICE = { username: 'alice', password: 'a' }
const BOB = { username: 'bob', password: 'b' }
const USERS = passwordsOf({ alice: 'a', bob: 'b' })
const OPEN = 'pattern readwrite #\n'
const REVOKED = `${OPEN}user alice\ntopic deny news/#\n`

/** A broker where alice has retained two messages, before she lost the right to one of them. */
async function revoked(t: Parameters<typeof AttackedBroker.started>[0], more: object = {}) {
  const access = { usersFile: 'users', rulesFile: 'rules', ...more }
  const broker = await AttackedBroker.started(t, { access }, { users: USERS, rules: OPEN })
  const alice = await broker.client({ ...ALICE, clientId: 'writer' })
  await alice.publishAsync('news/1', 'x', { qos: 1, retain: true })
  await alice.publishAsync('kept', 'x', { qos: 1, retain: true })
  await alice.endAsync()
  writeFileSync(broker.pathOf('rules'), REVOKED)
  broker.process.process.kill('SIGHUP')
  await broker.process.prints(lines => lines.some(({ event }) => event === 'access.reloaded'))
  return broker
}

/** What bob gets of these filters, up to a message of his own. */
async function heardOf(broker: AttackedBroker, filters: readonly string[]) {
  const { client, heard } = await broker.listener({ ...BOB, clientId: 'reader' })
  await client.subscribeAsync([...filters, 'own'], { qos: 1 })
  await client.publishAsync('own', 'x', { qos: 1 })
  while (!heard.includes('own')) await arrivalAt(client)
  await client.endAsync()
  return heard.filter(topic => topic !== 'own').toSorted()
}

test('what a publisher has retained is not sent after its right is gone, and stays for when it comes back', async t => {
  const broker = await revoked(t)

  t.strictSame(await heardOf(broker, ['#']), ['kept'])
  const { dropped, retainedMessages } = await broker.status()
  t.equal(dropped['author-lost-right'], 1)
  t.equal(retainedMessages, 2)
  const line = broker.lines.find(({ event }) => event === 'message.dropped')
  t.match(line, { cause: /an empty retained message to its topic removes it/ })

  writeFileSync(broker.pathOf('users'), passwordsOf({ bob: 'b' }))
  const files = broker.lines.length
  broker.process.process.kill('SIGHUP')
  await broker.process.prints(lines =>
    lines.slice(files).some(({ event }) => event === 'access.reloaded'),
  )
  t.strictSame(await heardOf(broker, ['#']), [], 'the user is gone')
  await broker.hasSurvived(t, [], BOB)
})

test('it is sent where the configuration says that the publisher is not asked', async t => {
  const broker = await revoked(t, { checkRetainSource: false })

  t.strictSame(await heardOf(broker, ['news/#']), ['news/1'])
  await broker.hasSurvived(t, [], BOB)
})

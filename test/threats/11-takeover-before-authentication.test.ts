// Threat 11: a client with wrong credentials does not touch the client and the session whose id it names.
// Scale: 40 attempts instead of 100,000.

import { test } from 'tap'
import { AttackedBroker, passwordsOf } from './attacked-broker.ts'

const ATTEMPTS = 40
const OWNER = { username: 'owner', password: 'owners-password' }

test('a wrong password with the client id of a victim neither ends it nor its session nor publishes its will', async t => {
  const users = passwordsOf({ owner: OWNER.password })
  const broker = await AttackedBroker.started(t, { access: { usersFile: 'users' } }, { users })
  await broker.isWatched(OWNER)
  const will = { topic: 'wills', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
  const victim = await broker.client({ ...OWNER, clientId: 'victim', clean: false, will })
  await victim.subscribeAsync(['kept', 'wills'], { qos: 1 })
  const heard: string[] = []
  victim.on('message', topic => void heard.push(topic))
  let closed = 0
  victim.on('close', () => (closed += 1))

  for (let count = 0; count < ATTEMPTS; count += 20) {
    const attempts = Array.from({ length: 20 }, (_, index) =>
      broker.client({
        username: index % 2 === 0 ? 'owner' : 'nobody',
        password: 'guessed-secret',
        clientId: 'victim',
        clean: index % 3 === 0,
        connectTimeout: 60_000,
      }),
    )
    for (const each of await Promise.allSettled(attempts)) t.equal(each.status, 'rejected')
  }

  await victim.publishAsync('kept', 'x', { qos: 1 })
  t.strictSame([closed, heard], [0, ['kept']])
  await victim.endAsync()
  await broker.hasSurvived(t, ['owners-password', 'guessed-secret'], OWNER)
})

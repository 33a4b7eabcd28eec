// Threat 26: names of users and clients that are wildcards, have levels or are empty open nothing by a pattern.

import { test } from 'tap'
import { AttackedBroker, passwordsOf } from './attacked-broker.ts'

const NAMES = ['+', 'a/b', 'a/#', '/', '%u', '%c', '$SYS']
const FRESH = { username: 'fresh', password: 'a-password' }
const RULES =
  'pattern readwrite users/%u/#\npattern readwrite clients/%c/#\nuser fresh\ntopic readwrite #\n'

test('a user or client whose name is a wildcard or a path receives and publishes only what has the name as one level', async t => {
  const hash = passwordsOf({ any: 'a-password' }).trim().slice('any:'.length)
  const users = Object.fromEntries([...NAMES, 'victim', 'fresh'].map(name => [name, hash]))
  const broker = await AttackedBroker.started(t, { access: { users, rules: RULES } })
  const writer = await broker.client({ ...FRESH, clientId: 'writer' })

  for (const name of NAMES) {
    const login = { username: name, password: 'a-password', protocolVersion: 5 as const }
    const { client, heard } = await broker.listener({
      ...login,
      clientId: name === '+' ? '#' : name,
    })
    await client.subscribeAsync(['#', 'users/#', 'clients/#'], { qos: 1 })
    for (const topic of ['users/victim/x', 'clients/victim/x', 'users/a/b/x', 'users/a/x', 'other'])
      await writer.publishAsync(topic, 'x', { qos: 1 })
    await t.rejects(client.publishAsync('users/victim/x', 'x', { qos: 1 }), `${name} publishes`)
    await client.unsubscribeAsync('#')

    t.strictSame(heard, [], `${name} receives`)
    await client.endAsync()
  }

  await writer.endAsync()
  await broker.hasSurvived(t, ['a-password'], FRESH)
})

// Threat 21: names of properties that every object has are client ids, users, topics and share groups like any other.

import { test } from 'tap'
import { arrivalAt, AttackedBroker, passwordsOf } from './attacked-broker.ts'

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']

test('names of object properties work as client id, user, topic, user property and share group', async t => {
  const users = Object.fromEntries([...NAMES, 'fresh'].map(name => [name, 'a-password']))
  const file = passwordsOf(users)
  const rules = `pattern readwrite %u/#\nuser fresh\ntopic readwrite #\n`
  const broker = await AttackedBroker.started(
    t,
    { access: { usersFile: 'users', rules } },
    { users: file },
  )

  for (const name of NAMES) {
    const login = { username: name, password: 'a-password', clientId: name }
    const client = await broker.client({ ...login, protocolVersion: 5 })
    await client.subscribeAsync(`$share/${name}/${name}/+`, { qos: 1 })
    const arrival = arrivalAt(client)
    const properties = { userProperties: { [name]: name } }
    await client.publishAsync(`${name}/${name}`, name, { qos: 1, retain: true, properties })
    t.equal(await arrival, `${name}/${name}`)
    await t.rejects(client.publishAsync('other/x', 'x', { qos: 1 }), 'a name gives no other rights')
    await client.endAsync()
  }
  await t.rejects(broker.client({ username: 'valueOf', password: 'a-password' }))

  const fresh = { username: 'fresh', password: 'a-password' }
  await broker.hasSurvived(t, ['a-password'], fresh)
})

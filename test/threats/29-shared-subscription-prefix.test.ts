// Threat 29: the prefix of a shared subscription is no way around the rules, and $share/g/f and f are different subscriptions.

import { test } from 'tap'
import { arrivalAt, AttackedBroker } from './attacked-broker.ts'

const ACCESS = {
  rules:
    'topic readwrite open/#\ntopic deny open/secret\ntopic readwrite fresh\nsubscribe open/#\nsubscribe fresh',
  anonymous: 'everywhere',
}
const REFUSED = 128

test('a filter that is refused is refused in a share group as well, also one of $SYS', async t => {
  const broker = await AttackedBroker.started(t, { access: ACCESS })
  const client = await broker.client({ clientId: 'a' })

  for (const filter of ['closed', '#', '$SYS/#', 'open/#', 'open/secret']) {
    const granted = await client.subscribeAsync(`$share/g/${filter}`, { qos: 1 }).catch(() => [])
    t.notOk(
      granted.some(({ qos }) => qos < REFUSED),
      `$share/g/${filter}`,
    )
  }
  const [granted] = await client.subscribeAsync('$share/g/open/x', { qos: 1 })
  t.equal(granted?.qos, 1)

  await client.endAsync()
  await broker.hasSurvived(t)
})

test('no group name opens $SYS to a filter that begins with a wildcard', async t => {
  const broker = await AttackedBroker.started(t)
  const client = await broker.client({ clientId: 'a' })
  const heard: string[] = []
  client.on('message', topic => void heard.push(topic))

  await client.subscribeAsync(['$share/$SYS/#', '$share/g/+/broker/#', '#', '+/broker/#'])
  await broker.hasSurvived(t)

  t.strictSame([...new Set(heard)], ['fresh'])
  await client.endAsync()
})

test('UNSUBSCRIBE of a shared filter leaves the plain one, and the other way round', async t => {
  const broker = await AttackedBroker.started(t)
  const client = await broker.client({ clientId: 'a' })

  for (const [left, removed] of [
    ['f', '$share/g/f'],
    ['$share/g/f', 'f'],
  ] as const) {
    await client.subscribeAsync(['f', '$share/g/f'], { qos: 1 })
    await client.unsubscribeAsync(removed)
    const arrival = arrivalAt(client)
    await client.publishAsync('f', 'x', { qos: 1 })
    t.equal(await arrival, 'f')
    await client.unsubscribeAsync(left)
  }

  await client.endAsync()
  await broker.hasSurvived(t)
})

// Threat 30: no wildcard opens topics that begin with $, and no client publishes to those of the broker, in any way.

import mqtt from 'mqtt'
import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const RESERVED = [
  '$SYS/x',
  '$SYS/broker/store/durability',
  '$CONTROL/dynamic-security/v1',
  '$share/g/x',
]
const QOS = [0, 1, 2] as const

test('a PUBLISH, a retained one, one with an alias and a will to reserved topics are refused at each QoS', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const { client: watcher } = await broker.listener({ clientId: 'watcher' })
  const heard: string[] = []
  watcher.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString()}`))
  await watcher.subscribeAsync(['$SYS/#', '$CONTROL/#'], { qos: 1 })
  const attacker = await broker.client({ clientId: 'attacker', protocolVersion: 5 })

  for (const topic of RESERVED) {
    for (const retain of [true, false]) {
      for (const qos of QOS.slice(1)) {
        const published = attacker.publishAsync(topic, 'forged', { qos, retain })
        await t.rejects(published, `${topic} at QoS ${qos}`)
      }
      await attacker.publishAsync(topic, 'forged', { qos: 0, retain })
    }
    const properties = { topicAlias: 1 }
    await t.rejects(attacker.publishAsync(topic, 'forged', { qos: 1, properties }), 'with an alias')
    for (const qos of QOS) {
      const will = { topic, payload: Buffer.from('forged'), qos, retain: true }
      const url = `mqtt://127.0.0.1:${broker.port}`
      const connecting = mqtt.connectAsync(url, { will, protocolVersion: 5, reconnectPeriod: 0 })
      await t.rejects(connecting, `will to ${topic} at QoS ${qos}`)
    }
  }

  await broker.hasSurvived(t)
  t.ok(heard.some(each => each.startsWith('$SYS/broker/store/durability')))
  t.strictSame(
    heard.filter(each => each.endsWith('forged')),
    [],
    'only the broker itself was heard',
  )
  await attacker.endAsync()
  await watcher.endAsync()
})

test('filters that begin with a wildcard match no topic that begins with $', async t => {
  const broker = await AttackedBroker.started(t)
  const { client, heard } = await broker.listener({ clientId: 'a' })
  await client.subscribeAsync(['#', '+/#', '+/device', '+', '/#'], { qos: 1 })

  await client.publishAsync('$aws/device', 'x', { qos: 1, retain: true })
  await client.publishAsync('last', 'x', { qos: 1 })
  while (!heard.includes('last')) await new Promise(arrives => client.once('message', arrives))

  t.strictSame([...new Set(heard)], ['last'])
  await client.endAsync()
  await broker.hasSurvived(t)
})

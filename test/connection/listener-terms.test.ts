// What a listener asks of all its clients: the mount point of their topics, the highest QoS, and client ids that are user names.

import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { test } from 'tap'
import { ClientIdPattern } from '../../src/access/client-id-pattern.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { createBroker } from '../../src/index.ts'

const LOCAL = { host: '127.0.0.1', port: 0 }
const PLAIN = 0
const ONE = 1
const TWO = 2
const NAMED = 3
const LOW = 4

const broker = await createBroker({
  listeners: [
    LOCAL,
    { ...LOCAL, mountPoint: 'tenants/one/' },
    { ...LOCAL, mountPoint: 'tenants/two/' },
    { ...LOCAL, usernameIsClientId: true },
    { ...LOCAL, qosMax: 1 },
  ],
})

async function connect(listener: number, options: IClientOptions = {}) {
  const { port } = broker.listeners[listener] ?? { port: 0 }
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...options,
  })
  const got: string[] = []
  client.on('message', (topic, payload, { retain }) => {
    got.push(`${topic} ${payload.toString()}${retain ? ' retained' : ''}`)
  })
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
  })
  return { client, got }
}

/** Waits until all that was published before has arrived. */
async function settled(...clients: readonly MqttClient[]): Promise<void> {
  for (const client of clients) await client.subscribeAsync(`settled/${client.options.clientId}`)
}

async function ends(...clients: readonly MqttClient[]): Promise<void> {
  for (const client of clients) await client.endAsync()
}

function codeOf(doing: Promise<unknown>): Promise<unknown> {
  return doing.then(
    () => 0,
    (error: { code?: unknown }) => error.code,
  )
}

test('a delayed message of a mount point stays under it', async t => {
  const [inside, outside] = [await connect(ONE), await connect(PLAIN)]
  await inside.client.subscribeAsync('later/#')
  await outside.client.subscribeAsync('later/#')

  await inside.client.publishAsync('$delayed/0/later/x', 'm', { qos: 1 })
  await new Promise(resolve => inside.client.once('message', resolve))
  await settled(outside.client)

  t.strictSame([inside.got, outside.got], [['later/x m'], []])
  await ends(inside.client, outside.client)
})

test('clients of a mount point see only what lies under it, without its prefix', async t => {
  const plain = await connect(PLAIN)
  const one = await connect(ONE)
  const two = await connect(TWO)
  await plain.client.subscribeAsync('#')
  await one.client.subscribeAsync(['#', '$SYS/#', '+/a'])
  await two.client.subscribeAsync('#', { qos: 1 })

  await one.client.publishAsync('x/a', '1', { qos: 1 })
  await two.client.publishAsync('y', '2', { qos: 2 })
  await plain.client.publishAsync('tenants/one/z', '3', { qos: 1 })
  await plain.client.publishAsync('tenants/one', '4', { qos: 1 })
  await plain.client.publishAsync('tenants/one/', '5', { qos: 1 })
  await settled(plain.client, one.client, two.client)

  t.strictSame(one.got, ['x/a 1', 'z 3'])
  t.strictSame(two.got, ['y 2'])
  t.strictSame(
    plain.got.filter(line => !line.startsWith('settled')),
    ['tenants/one/x/a 1', 'tenants/two/y 2', 'tenants/one/z 3', 'tenants/one 4', 'tenants/one/ 5'],
  )
  await ends(plain.client, one.client, two.client)
})

test('retained messages, wills, shared subscriptions and topic aliases keep to the mount point', async t => {
  const plain = await connect(PLAIN)
  const will = { topic: 'gone', payload: Buffer.from('will'), qos: 1 as const }
  const one = await connect(ONE, { will, properties: { topicAliasMaximum: 5 } })
  await plain.client.subscribeAsync(['tenants/+/gone', 'tenants/one/al'])
  await plain.client.publishAsync('tenants/one/kept', 'r', { qos: 1, retain: true })
  await plain.client.publishAsync('kept', 'other', { qos: 1, retain: true })
  await one.client.subscribeAsync(['kept', '$share/g/job/#', 'al'])

  await plain.client.publishAsync('tenants/one/job/1', 'j', { qos: 1 })
  await plain.client.publishAsync('job/1', 'no', { qos: 1 })
  const properties = { topicAlias: 3 }
  await one.client.publishAsync('al', '1', { qos: 1, properties })
  await one.client.publishAsync('', '2', { qos: 1, properties })
  await settled(one.client)
  t.strictSame(one.got, ['kept r retained', 'job/1 j', 'al 1', 'al 2'])

  await one.client.unsubscribeAsync(['kept', '$share/g/job/#'])
  await plain.client.publishAsync('tenants/one/kept', '', { qos: 1, retain: true })
  await plain.client.publishAsync('tenants/one/job/1', 'j', { qos: 1 })
  await settled(one.client)
  t.equal(one.got.length, 4, 'unsubscribed')

  const arrived = new Promise(settle =>
    plain.client.on('message', topic => topic.endsWith('gone') && settle(topic)),
  )
  one.client.stream.destroy()
  t.equal(await arrived, 'tenants/one/gone')
  t.strictSame(plain.got.slice(0, 2), ['tenants/one/al 1', 'tenants/one/al 2'])
  await plain.client.publishAsync('kept', '', { retain: true, qos: 1 })
  await ends(plain.client)
})

test('no topic, filter or will of a client reaches beyond its mount point', async t => {
  const plain = await connect(PLAIN)
  await plain.client.subscribeAsync(['#', '$CONTROL/#', '$SYS/broker/connection/#'])
  const one = await connect(ONE)
  const two = await connect(TWO)
  for (const filter of [
    '../two/#',
    '/two/#',
    '+/#',
    '#',
    'tenants/one/#',
    'tenants/two/#',
    '$SYS/#',
  ]) {
    await two.client.subscribeAsync(filter)
  }

  const topics = [
    '$CONTROL/dynamic-security/v1',
    '$SYS/broker/x',
    '$share/g/x',
    '../two/x',
    '/',
    'x/',
  ]
  for (const topic of topics) await one.client.publishAsync(topic, 'x', { qos: 1 })
  await settled(two.client, plain.client)

  t.strictSame(two.got, [])
  t.strictSame(
    plain.got.filter(line => !line.startsWith('settled')),
    topics.map(topic => `tenants/one/${topic} x`),
  )
  const malformed = await connect(ONE)
  const ended = new Promise(settle =>
    malformed.client.once('disconnect', ({ reasonCode }) => settle(reasonCode)),
  )
  malformed.client.publish('x'.repeat(65_530), 'x')
  t.equal(await ended, 0x90, 'the topic would be too long')
  await ends(plain.client, one.client, two.client)
})

test('a session that comes to a mount point gets nothing that lies elsewhere', async t => {
  const session = { clientId: 'wanders', clean: false, properties: { sessionExpiryInterval: 60 } }
  const before = await connect(PLAIN, session)
  await before.client.subscribeAsync(['news/#', 'tenants/one/news'], { qos: 1 })
  await ends(before.client)
  const plain = await connect(PLAIN)
  await plain.client.publishAsync('news/a', 'secret', { qos: 1 })
  await plain.client.publishAsync('tenants/one/news', 'own', { qos: 1 })

  const dropsBefore = broker.statistics.dropped['no-right-to-receive']
  const now = await connect(ONE, session)
  await plain.client.publishAsync('news/a', 'secret', { qos: 1 })
  await settled(now.client)

  t.strictSame(now.got, ['news own'])
  t.equal(broker.statistics.dropped['no-right-to-receive'] - dropsBefore, 2)
  await ends(plain.client, now.client)
})

test('a listener can have a highest QoS', async t => {
  const { client } = await connect(LOW)
  const granted = await client.subscribeAsync('a', { qos: 2 })
  t.equal(granted[0]?.qos, 1)
  t.equal(await codeOf(client.publishAsync('a', 'x', { qos: 1 })), 0)
  await ends(client)

  const will = { topic: 'w', payload: Buffer.from('x'), qos: 2 as const }
  t.equal(await codeOf(connect(LOW, { will })), 0x9b)
  // A client of 3.1.1 is not told.
  const old = await connect(LOW, { protocolVersion: 4 })
  const closed = new Promise(settle => old.client.once('close', () => settle('closed')))
  old.client.publish('a', 'x', { qos: 2 })
  t.equal(await closed, 'closed')
})

test('a listener can make user names the client ids', async t => {
  const { client } = await connect(NAMED, { clientId: 'any', username: 'anna' })

  t.ok(broker.clients.get('anna'))
  t.notOk(broker.clients.get('any'))
  t.equal(await codeOf(connect(NAMED)), 0x86, 'there must be one')
  await ends(client)
})

test('client ids can have one beginning for all', async t => {
  const pattern = new ClientIdPattern('home-*')

  t.ok(pattern.fits('home-lamp', null))
  t.ok(pattern.fits('home-lamp', 'anna'))
  t.notOk(pattern.fits('lamp', 'anna'))
})

test('a mount point ends with a slash, and has neither wildcards nor a dollar sign first', async t => {
  t.teardown(() => broker.close())
  const said = (mountPoint: string) => {
    try {
      parseConfig({ listeners: [{ mountPoint }] })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  t.equal(said('a/b/'), '')
  for (const wrong of ['', 'a', '$SYS/', '$share/g/', '+/', '#/', 'a/#', 'a\0/']) {
    t.match(said(wrong), /mountPoint.*must end with/s, wrong)
  }
})

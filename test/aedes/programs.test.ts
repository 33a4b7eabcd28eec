// Programs that were written for aedes run with another import: by streams and WebSockets, with aedes-stats, as Node-RED's broker node does,
// in CommonJS. And what is not offered says what to use instead.

import mqtt, { type MqttClient } from 'mqtt'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { createWebSocketStream, WebSocketServer } from 'ws'
import aedes, {
  Aedes,
  type AedesOptions,
  type PublishPacket,
  Server,
} from '../../src/aedes/aedes.ts'

const require = createRequire(import.meta.url)

/** The types of MQTT.js are no event emitter for Node's \`once\`. */
function message(client: MqttClient): Promise<readonly unknown[]> {
  return new Promise(resolve => client.once('message', (...args) => resolve(args)))
}

async function portOf(server: NetServer, t: Test): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function served(t: Test, options: AedesOptions = {}) {
  const broker = await Aedes.createBroker(options)
  t.teardown(() => new Promise<void>(resolve => broker.close(resolve)))
  const port = await portOf(createServer(broker.handle), t)
  const connects = (clientId: string, version: 4 | 5 = 4) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      clientId,
      protocolVersion: version,
      reconnectPeriod: 0,
    })
  return { broker, port, connects }
}

test('the README of aedes: a broker over TCP and WebSocket', async t => {
  const { broker, connects } = await served(t)
  const http = createHttpServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket, request) => {
    broker.handle(createWebSocketStream(socket), request)
  })
  const port = await portOf(http, t)
  const page = await mqtt.connectAsync(`ws://127.0.0.1:${port}`, { clientId: 'page' })
  const got = message(page)
  await page.subscribeAsync('hello')

  const client = await connects('tcp')
  await client.publishAsync('hello', 'aedes')

  t.match(await got, ['hello', Buffer.from('aedes')])
  t.strictSame(Object.keys(broker.clients).sort(), ['page', 'tcp'])
  t.equal(broker.connectedClients, 2)
  t.ok(broker.clients['page']?.req)
  await page.endAsync()
  await client.endAsync()
})

test('MQTT 5, shared subscriptions and 0x87 for what authorizePublish refuses', async t => {
  const { broker, connects } = await served(t)
  broker.authorizePublish = (_, packet, done) => {
    t.match(packet.properties, { userProperties: { unit: 'm' } })
    done(packet.topic === 'no' ? new Error('not there') : null)
  }
  const one = await connects('one', 5)
  const two = await connects('two', 5)
  let got = 0
  for (const member of [one, two]) {
    member.on('message', () => (got += 1))
    await member.subscribeAsync('$share/g/depth')
  }
  const properties = { userProperties: { unit: 'm' } }

  await one.publishAsync('depth', '3', { qos: 1, properties })
  await t.rejects(one.publishAsync('no', '3', { qos: 1, properties }), { code: 0x87 })
  await after(20)

  t.equal(got, 1)
  t.ok(one.connected)
  await one.endAsync()
  await two.endAsync()
})

test('aedes-stats counts clients and messages, and publishes them in $SYS', async t => {
  const stats = require('aedes-stats') as (broker: Aedes, options: { interval: number }) => void
  const { broker, connects } = await served(t, { id: 'ID' })
  stats(broker, { interval: 10 })
  const client = await connects('a')
  const topics = new Map<string, string>()
  client.on('message', (topic, payload) => topics.set(topic, payload.toString()))
  await client.subscribeAsync('$SYS/ID/#')
  await client.publishAsync('x', 'y', { qos: 1 })

  while (topics.get('$SYS/ID/messages/publish/sent') !== '1') await message(client)

  t.equal(topics.get('$SYS/ID/clients/total'), '1')
  t.match(Reflect.get(broker, 'stats'), { connectedClients: 1, publishedMessages: 1 })
  await client.endAsync()
})

test("the calls of Node-RED's broker node", async t => {
  const sent: unknown[] = []
  // aedes 0.46, as node-red-contrib-aedes 0.6 uses it: made at once, and assigned to.
  const broker = new Server({})
  const server = createServer(broker.handle)
  const port = await portOf(server, t)
  broker.authenticate = (client, username, password, callback) => {
    const authorized = username === 'node' && password?.toString() === 'red'
    if (authorized) Object.assign(client, { user: username })
    callback(null, authorized)
  }
  for (const name of ['client', 'clientReady', 'clientDisconnect', 'keepaliveTimeout'] as const) {
    broker.on(name, client => sent.push([name, client.id, broker.connectedClients]))
  }
  broker.on('clientError', (client, error) => sent.push(['clientError', client.id, error.message]))
  broker.on('publish', (packet, client) => {
    if (client !== null) sent.push(['publish', packet.topic, client.id])
  })
  broker.on('closed', () => sent.push('closed'))
  const url = `mqtt://127.0.0.1:${port}`

  const client = await mqtt.connectAsync(url, { username: 'node', password: 'red', clientId: 'a' })
  await client.publishAsync('x', 'y', { qos: 1 })
  await client.endAsync()
  await t.rejects(mqtt.connectAsync(url, { username: 'node', clientId: 'b', reconnectPeriod: 0 }))
  await after(20)
  await new Promise<void>(resolve => broker.close(resolve))

  t.strictSame(sent, [
    ['client', 'a', 1],
    ['clientReady', 'a', 1],
    ['publish', 'x', 'a'],
    ['clientDisconnect', 'a', 0],
    ['clientError', 'b', 'not authorized'],
    'closed',
  ])
})

test('a program in CommonJS that calls the function of aedes 0.x', async t => {
  const required = require(join(import.meta.dirname, '../../../aedes.cjs')) as typeof aedes & {
    readonly Server: typeof Server
    readonly Aedes: typeof Aedes
  }
  const broker = required({ id: 'old' })
  t.ok(broker instanceof required.Server)
  t.equal(typeof required.Aedes.createBroker, 'function')
  const port = await portOf(createServer(broker.handle), t)
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  const packet: PublishPacket = { topic: 'kept', payload: 'x', retain: true }
  await new Promise<void>(resolve => broker.publish(packet, () => resolve()))
  const got = message(client)
  await client.subscribeAsync('kept')

  t.match(await got, ['kept', Buffer.from('x'), { retain: true }])
  await client.endAsync()
  await new Promise<void>(resolve => broker.close(resolve))
  await new Promise<void>(resolve => broker.close(resolve))
})

test('a broker that is closed while it starts does not stay', async t => {
  const broker = new Aedes()
  const listening = broker.listen()

  await new Promise<void>(resolve => broker.close(resolve))

  await listening
  t.ok(broker.closed)
})

test('what is not offered throws with what to use instead', async t => {
  const refused = (options: object): unknown => new Aedes(options)
  t.throws(() => refused({ persistence: {} }), /persistence: use pondhawk: \{ store: \{ directory/)
  t.throws(() => refused({ mq: {} }), /mq: messages are routed by the broker itself/)
  t.throws(() => refused({ decodeProtocol: () => {} }), /proxyProtocol: true/)
  const { broker, connects } = await served(t, { concurrency: 5, queueLimit: 7 })
  t.throws(() => broker.persistence, /store: \{ directory \}/)
  t.throws(() => broker.mq, /no mq/)
  const client = await connects('a')
  const error = await new Promise(resolve => broker.clients['a']?.emptyOutgoingQueue(resolve))
  t.match(error, /limits\.queuedMessagesMax/)
  const wrong = await new Promise(resolve => broker.publish({ topic: 'a/#', payload: '' }, resolve))
  t.match(wrong, /no topic name/)
  await client.endAsync()
})

test('the program subscribes its clients, sends to them, and hears of errors of handlers', async t => {
  const { broker, connects } = await served(t)
  const events: unknown[] = []
  broker.on('subscribe', (list, client) => events.push(['subscribe', list[0]?.topic, client.id]))
  broker.on('unsubscribe', (list, client) => events.push(['unsubscribe', list, client.id]))
  broker.on('clientReady', client => {
    client.subscribe({ topic: 'for/all', qos: 1 }, () => {
      client.publish({ topic: 'welcome', payload: 'hi', qos: 1 })
    })
  })
  broker.authorizePublish = () => {
    throw new Error('planted')
  }
  const real = await connects('a')
  if (broker.clients['a']?.subscriptions['for/all'] === undefined) await message(real)

  t.match(broker.clients['a']?.subscriptions, { 'for/all': { qos: 1 } })
  const failed = once(broker, 'clientError')
  real.publish('x', 'y')
  const [, error] = (await failed) as [unknown, Error]
  t.equal(error.message, 'planted')
  t.strictSame(events[0], ['subscribe', 'for/all', 'a'])
})

// What a program has without a socket: clients in its own process, messages as an iterator, retained messages, and its own HTTP server.

import mqtt from 'mqtt'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, test } from 'tap'
import { WebSocket } from 'ws'
import { ClientRefused, createBroker, type ReceivedMessage } from '../../src/index.ts'
import { serverCertificate } from '../transport/world.ts'

const broker = await createBroker({
  limits: { queuedMessagesMax: 50 },
  hooks: {
    onAuthenticate: ({ username }) => username !== 'mallory' && null,
    onPublish: ({ topic }) => topic !== 'refused',
    onSubscribe: ({ filter }) => filter !== 'refused',
  },
})
after(() => broker.close())

async function taken(messages: AsyncIterable<ReceivedMessage>, count: number): Promise<string[]> {
  const found: string[] = []
  for await (const { topic, payload } of messages) {
    found.push(`${topic} ${payload.toString()}`)
    if (found.length === count) break
  }
  return found
}

test('a client that is ended several times, or used while it ends, ends once', async t => {
  const client = await broker.connect({ clientId: 'ended' })

  const ends = [client.end(), client.end()]
  const published = client.publish({ topic: 'a', payload: '' })
  const acknowledged = client.publish({ topic: 'a', payload: '', qos: 1 })
  await t.rejects(published, ClientRefused)
  await t.rejects(acknowledged, ClientRefused)
  await Promise.all([...ends, client.end()])

  t.equal(broker.clients.get('ended'), null)
})

test('what MQTT cannot say is an error, and leaves nothing behind', async t => {
  const before = broker.connectionCount
  await t.rejects(broker.connect({ clientId: 'x'.repeat(70_000) }), /70000 bytes/)
  await t.rejects(broker.connect({ receiveMax: 0 }), /receiveMax is a whole number/)
  await t.rejects(broker.connect({ sessionExpirySeconds: 2 ** 32 }), RangeError)
  const client = await broker.connect()
  await t.rejects(client.subscribe('x'.repeat(70_000)), /70000 bytes/)

  t.equal(await client.subscribe('x'), 1)
  await client.end()
  // The ends of streams in memory come a little later.
  await new Promise(resolve => setImmediate(resolve))
  t.equal(broker.connectionCount, before)
})

test('a message wakes one of many iterators', async t => {
  const client = await broker.connect()
  await client.subscribe('many', { qos: 1 })
  const iterators = Array.from({ length: 20_000 }, () => client[Symbol.asyncIterator]())
  const taken = iterators.map(iterator => iterator.next())
  const started = performance.now()
  for (let index = 0; index < 50; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await broker.publish({ topic: 'many', payload: '', qos: 1 })
  }

  const first = await Promise.all(taken.slice(0, 50))

  t.equal(first.filter(({ done }) => done === true).length, 0)
  // All of them each time took 3 s and more.
  t.ok(performance.now() - started < 1_000)
  await client.end()
})

test('clients in this process publish and receive with every QoS', async t => {
  const reader = await broker.connect({ clientId: 'reader' })
  const writer = await broker.connect()
  t.equal(reader.clientId, 'reader')
  t.match(writer.clientId, /^auto-/)
  t.equal(broker.clients.get('reader')?.transport, 'stream')
  t.equal(await reader.subscribe('q/+', { qos: 2 }), 2)

  for (const qos of [0, 1, 2] as const) {
    await writer.publish({ topic: `q/${qos}`, payload: 'x', qos })
  }

  t.strictSame(await taken(reader, 3), ['q/0 x', 'q/1 x', 'q/2 x'])
  await t.rejects(writer.publish({ topic: 'refused', payload: '', qos: 1 }), {
    code: 'ERR_REFUSED',
    reason: 0x87,
  })
  await t.rejects(writer.publish({ topic: 'refused', payload: '', qos: 2 }), ClientRefused)
  await t.rejects(reader.subscribe('refused'), { code: 'ERR_REFUSED', reason: 0x87 })
  await reader.unsubscribe('q/+')
  await reader.end()
  await writer.end()
  t.notOk(reader.isConnected)
  t.equal(broker.clients.get('reader'), null)
  await t.rejects(reader.publish({ topic: 'a', payload: '' }), ClientRefused)
})

test('with a user name it is authenticated as any client', async t => {
  await t.rejects(broker.connect({ username: 'mallory' }), { code: 'ERR_REFUSED', reason: 0x86 })
  const client = await broker.connect({ username: 'ada' })
  t.equal(broker.clients.get(client.clientId)?.username, 'ada')
  await client.end()
})

test('a program that takes messages slowly has a queue with bounds, and loses none of QoS 1', async t => {
  const messages = broker.messages('slow/#', { clientId: 'slow', receiveMax: 2 })
  const first = messages.next()
  while (broker.clients.get('slow')?.session?.subscriptions.length !== 1) {
    await new Promise(resolve => setImmediate(resolve))
  }
  for (let count = 0; count < 40; count++) {
    await broker.publish({ topic: 'slow/1', payload: String(count), qos: 1 })
  }
  const session = broker.clients.get('slow')?.session

  t.match((await first).value, { payload: Buffer.from('0') })
  t.match(session, { inFlightMessages: 2, queuedMessages: 38 })
  const found = await taken(messages, 39)
  t.equal(found.length, 39)
  t.equal(found.at(-1), 'slow/1 39')
  t.equal(broker.clients.get('slow'), null, 'the loop has ended its connection')
})

test('an iterator ends also while it waits, and one that is refused says why', async t => {
  const messages = broker.messages('nothing/here', { clientId: 'waits' })
  const next = messages.next()
  while (broker.clients.get('waits') === null) await new Promise(setImmediate)

  t.strictSame(await messages.return(), { done: true, value: undefined })
  t.strictSame(await next, { done: true, value: undefined })
  t.strictSame(await messages.next(), { done: true, value: undefined })
  t.equal(broker.clients.get('waits'), null)
  const refused = broker.messages('refused', { clientId: 'refused' })
  await t.rejects(refused.next(), { code: 'ERR_REFUSED', reason: 0x87 })
  await refused.return()
  while (broker.clients.get('refused') !== null) await new Promise(setImmediate)
})

test('two iterators of one client share its messages, and end with it', async t => {
  const client = await broker.connect()
  await client.subscribe('shared/#')
  const found: string[] = []
  const both = [1, 2].map(async () => {
    for await (const { topic } of client) found.push(topic)
  })
  await broker.publish({ topic: 'shared/a', payload: '' })
  await broker.publish({ topic: 'shared/b', payload: '' })
  while (found.length < 2) await new Promise(later => setImmediate(later))
  await client.end()
  await Promise.all(both)

  t.strictSame(found.toSorted(), ['shared/a', 'shared/b'])
})

test('a message whose handling has thrown is in the session still', async t => {
  const options = { clientId: 'careful', sessionExpirySeconds: 60, cleanStart: false }
  const handle = async (): Promise<void> => {
    for await (const { payload } of broker.messages('jobs/#', options)) {
      throw new Error(payload.toString())
    }
  }
  const handled = handle()
  while (broker.clients.get('careful')?.session?.subscriptions.length !== 1) {
    await new Promise(resolve => setImmediate(resolve))
  }
  await broker.publish({ topic: 'jobs/1', payload: 'first', qos: 1 })
  await t.rejects(handled, /first/)

  const again = broker.messages('jobs/#', options)
  const { value } = await again.next()
  t.match(value, { payload: Buffer.from('first'), duplicate: true })
  await again.return()
  await broker.endSession('careful')
})

test('messages of QoS 0 that a program does not take are dropped and counted', async t => {
  const client = await broker.connect()
  await client.subscribe('fast', { qos: 0 })
  const before = broker.statistics.dropped['outbox-full']

  for (let count = 0; count < 1_200; count++) await broker.publish({ topic: 'fast', payload: '' })
  await client.subscribe('other')

  t.equal(client.dropped, 200)
  t.equal(broker.statistics.dropped['outbox-full'] - before, 200)
  await client.end()
})

test('a program may publish faster than the broker takes: there is an end to what waits', async t => {
  const client = await broker.connect()
  const payload = Buffer.alloc(1_000)
  let waits = 0
  const noted = (): void => void (waits += 1)
  const sending = Array.from({ length: 200 }, () =>
    client.publish({ topic: 'fast', payload }).then(noted),
  )
  await Promise.resolve()
  await Promise.resolve()
  await Promise.resolve()
  t.ok(waits < 200)
  await Promise.all(sending)

  const all = Array.from({ length: 65_536 }, () =>
    client.publish({ topic: 'fast', payload: '', qos: 2 }),
  )
  await t.rejects(Promise.all(all.slice(65_535)), RangeError)
  await Promise.all(all.slice(0, 65_535))

  await client.end()
  await t.rejects(client.unsubscribe('fast'), ClientRefused)
})

test('retained messages are read, searched and deleted', async t => {
  for (const name of ['a', 'b', 'c']) {
    await broker.publish({ topic: `kept/${name}`, payload: name, retain: true })
  }

  t.equal(broker.retained.get('kept/a')?.payload.toString(), 'a')
  t.equal(broker.retained.get('kept/none'), null)
  t.strictSame([...broker.retained.iterate('kept/+')].map(({ topic }) => topic).sort(), [
    'kept/a',
    'kept/b',
    'kept/c',
  ])
  t.equal(broker.retained.size, 3)
  t.equal(await broker.retained.delete('kept/b'), true)
  t.equal(await broker.retained.delete('kept/b'), false)
  await t.rejects(broker.retained.delete('kept/#'), /no topic name/)
  t.equal(broker.retained.size, 2)
})

test('the HTTP server of a program serves MQTT on one path, beside its own', async t => {
  const server = createServer((_, response) => response.end('mine'))
  t.teardown(() => server.close())
  const detach = broker.attach(server, '/mqtt', { hosts: ['pond.example'] })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `ws://127.0.0.1:${port}/mqtt`
  const statusFor = async (protocol: string, origin: string): Promise<unknown> => {
    const socket = new WebSocket(url, protocol, { origin })
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    return response.statusCode
  }

  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, clientId: 'page' })
  t.match(broker.clients.get('page'), { transport: 'ws', address: '127.0.0.1' })
  await client.endAsync()
  t.equal(await statusFor('mqtt', 'https://evil.example'), 403)
  t.equal(await statusFor('other', `http://127.0.0.1:${port}`), 400)
  const answer = await fetch(`http://127.0.0.1:${port}/mqtt`)
  t.equal(await answer.text(), 'mine')
  detach()
  const left = once(server, 'upgrade')
  const socket = new WebSocket(url, 'mqtt')
  socket.on('error', () => {})
  const [, theirs] = (await left) as [unknown, Duplex]
  t.equal(server.listenerCount('upgrade'), 0)
  theirs.destroy()
})

test('a server of HTTPS that serves MQTT has clients of wss', async t => {
  const { certFile, keyFile } = serverCertificate()
  const server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
  const detach = broker.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = { reconnectPeriod: 0, clientId: 'secure', rejectUnauthorized: false }

  const client = await mqtt.connectAsync(`wss://127.0.0.1:${port}/mqtt`, options)

  t.equal(broker.clients.get('secure')?.transport, 'wss')
  await client.endAsync()
  detach()
  server.close()
})

test('a broker ends with its scope, and so do its iterators', async t => {
  const found: string[] = []
  let loop: Promise<void> = Promise.resolve()
  {
    await using own = await createBroker()
    loop = (async () => {
      for await (const { topic } of own.messages('#')) found.push(topic)
    })()
    while (own.clients.size === 0) await new Promise(resolve => setImmediate(resolve))
    const [client] = own.clients
    while (client?.session?.subscriptions.length !== 1) {
      await new Promise(resolve => setImmediate(resolve))
    }
    await own.publish({ topic: 'last', payload: '' })
  }
  await loop
  t.strictSame(found, ['last'])
})

import mqtt from 'mqtt'
import { connect, createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'tap'
import { createBroker, type Message, UNRESTRICTED } from '../../src/index.ts'
import { brokerOnPort } from '../interop/programs.ts'

test('a program publishes to clients and hears them', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const heard: Message[] = []
  const stop = broker.subscribe('up/#', message => heard.push(message))
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync())
  await client.subscribeAsync('down', { qos: 1 })
  const arrival = new Promise<string>(got =>
    client.once('message', (_topic, payload) => got(payload.toString())),
  )

  t.equal(await broker.publish({ topic: 'down', payload: 'hi', qos: 1 }), 1)
  t.equal(await broker.publish({ topic: 'nobody', payload: 'hi' }), 0)
  await client.publishAsync('up/x', 'yo', { qos: 1 })
  stop()
  await client.publishAsync('up/x', 'unheard', { qos: 1 })

  t.equal(await arrival, 'hi')
  t.match(heard, [{ topic: 'up/x', qos: 1, publisher: /.+/ }])
  t.equal(heard.length, 1)
  t.equal(heard[0]?.payload.toString(), 'yo')
})

test('a stream that is handed in is served like a socket', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  t.strictSame(broker.listeners, [])
  const server = createServer(socket => broker.handle(socket, { address: 'by hand' }))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const connected = new Promise<string>(got =>
    broker.on('connected', client => got(client.address)),
  )

  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync())

  t.equal(await connected, 'by hand')
})

test('any duplex will do, not only a socket', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  const answers: Buffer[] = []
  const answered = new Promise<void>(done => {
    const duplex = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, written) => {
        answers.push(chunk)
        written()
        done()
      },
    })
    broker.handle(duplex)
    duplex.push(Buffer.from('100d00044d5154540402003c000161', 'hex'))
  })

  await answered

  t.equal(Buffer.concat(answers).toString('hex'), '20020000')
})

test('access may take its time, and refuses with its own reason', async t => {
  const { broker, port } = await brokerOnPort({
    access: {
      authenticate: async ({ username }) => {
        await new Promise(resolve => setImmediate(resolve))
        return username === 'pond'
          ? { kind: 'allowed', permissions: UNRESTRICTED }
          : { kind: 'refused', reason: 0x86, sentence: 'wrong user name' }
      },
      beginExchange: () => null,
    },
  })
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${port}`
  const options = { protocolVersion: 5 as const, reconnectPeriod: 0 }

  await t.rejects(mqtt.connectAsync(url, { ...options, username: 'frog' }), { code: 0x86 })
  const client = await mqtt.connectAsync(url, { ...options, username: 'pond' })
  await client.endAsync()
})

test('a client that disconnects during its authentication gets no session, no event and no will', async t => {
  const verdicts: (() => void)[] = []
  const { broker, port } = await brokerOnPort({
    access: {
      authenticate: () =>
        new Promise(resolve => {
          verdicts.push(() => resolve({ kind: 'allowed', permissions: UNRESTRICTED }))
        }),
      beginExchange: () => null,
    },
  })
  t.teardown(() => broker.close())
  const events: string[] = []
  for (const name of ['connected', 'refused', 'published'] as const) {
    broker.on(name, () => events.push(name))
  }
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise(resolve => setTimeout(resolve, 2))
  }
  const socket = connect(port, '127.0.0.1')
  // MQTT 3.1.1, clean session, will `x` on `w`, client id `a`.
  socket.write(
    Buffer.from('10130004 4d515454 04 06 003c 0001 61 0001 77 0001 78'.replaceAll(' ', ''), 'hex'),
  )
  await until(() => verdicts.length === 1)

  socket.destroy()
  await until(() => events.length > 0)
  for (const verdict of verdicts) verdict()
  await new Promise(resolve => setTimeout(resolve, 20))

  t.strictSame(events, ['refused'])
  t.equal(broker.connectionCount, 0)
})

test('access that fails lets nobody in', async t => {
  const { broker, port } = await brokerOnPort({
    access: {
      authenticate: () => Promise.reject(new Error('the directory is down')),
      beginExchange: () => null,
    },
  })
  t.teardown(() => broker.close())

  const options = { protocolVersion: 5 as const, reconnectPeriod: 0 }
  await t.rejects(mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options), { code: 0x88 })
})

test('a handler that throws is logged and harms nobody', async t => {
  const faults: string[] = []
  const { broker, port } = await brokerOnPort({
    log: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: ({ cause }) => faults.push(String(cause)),
    },
  })
  t.teardown(() => broker.close())
  broker.subscribe('#', () => {
    throw new Error('a fault of the handler')
  })
  broker.on('subscribed', () => {
    throw new Error('a fault of the listener')
  })
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync())

  await client.subscribeAsync('a')
  await client.publishAsync('a', 'x', { qos: 1 })

  t.match(faults, [/a fault of the listener/, /a fault of the handler/])
})

test('handlers that publish what calls them again are stopped, and harm nobody', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync())
  const away = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 60 },
  })
  await away.subscribeAsync('#', { qos: 0 })
  await away.endAsync()
  let dropped = 0
  const refused: string[] = []
  const tell = (topic: string): void => {
    broker.publish({ topic, payload: 'x' }).catch((error: Error) => refused.push(error.message))
  }
  broker.on('dropped', () => {
    dropped += 1
    tell('audit/dropped')
  })
  const stop = broker.subscribe('loop', () => tell('loop'))

  await client.publishAsync('x', 'is dropped, and so is what says so', { qos: 0 })
  await client.publishAsync('alive', 'x', { qos: 1 })

  t.equal(dropped, 1 + 32 + 1 + 32)
  tell('loop')
  stop()
  await client.publishAsync('alive', 'x', { qos: 1 })
  t.match(refused[0], 'a handler publishes what calls it again, 32 times by now')
})

test('wrong topics and filters are refused with a sentence', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())

  await t.rejects(broker.publish({ topic: 'a/#', payload: '' }), /is no topic name/)
  t.throws(() => broker.subscribe('a#', () => {}), /is no topic filter/)
})

test('wrong options are refused, all at once', async t => {
  // @ts-expect-error: the type knows that there is no such key.
  await t.rejects(createBroker({ limits: { recieveMax: 1 } }), /did you mean "receiveMax"/)
})

test('stored messages are there for the next broker on the same store', async t => {
  const { MemoryStore } = await import('../../src/index.ts')
  const store = new MemoryStore()
  const first = await createBroker({ store, listeners: [{ port: 0 }] })
  const port = first.listeners[0]?.port ?? 0
  const durable = {
    clientId: 'durable',
    protocolVersion: 5 as const,
    clean: false,
    properties: { sessionExpiryInterval: 3_600 },
    reconnectPeriod: 0,
  }
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, durable)
  await client.subscribeAsync('news', { qos: 1 })
  await client.endAsync()
  first.publish({ topic: 'news', payload: 'missed', qos: 1 })
  first.publish({ topic: 'state', payload: 'kept', retain: true })
  await first.close()

  const second = await createBroker({ store, listeners: [{ port: 0 }] })
  t.teardown(() => second.close())
  const retained: string[] = []
  const back = mqtt.connect(`mqtt://127.0.0.1:${second.listeners[0]?.port ?? 0}`, durable)
  const missed = new Promise<string>(got =>
    back.once('message', (_topic, payload) => got(payload.toString())),
  )
  const present = await new Promise<boolean>(got =>
    back.once('connect', packet => got(packet.sessionPresent)),
  )
  t.equal(present, true)
  t.equal(await missed, 'missed')
  back.on('message', (topic, payload) => retained.push(`${topic} ${payload.toString()}`))
  const another = new Promise(got => back.once('message', got))
  await back.subscribeAsync('state', { qos: 0 })
  await another
  t.strictSame(retained, ['state kept'])
  await back.endAsync()
})

test('a broker that is closed takes no more clients', async t => {
  const { broker, port } = await brokerOnPort()
  await broker.close()
  await broker.close()

  const refused = await new Promise<string | undefined>(got => {
    connect(port, '127.0.0.1').once('error', (error: NodeJS.ErrnoException) => got(error.code))
  })

  t.equal(refused, 'ECONNREFUSED')
})

test('a program may keep the messages that it gets: later bytes on any socket do not change them', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const heard: Message[] = []
  const published: Message[] = []
  broker.subscribe('#', message => heard.push(message))
  broker.on('published', message => published.push(message))
  const clients = await Promise.all(
    ['a', 'b'].map(clientId =>
      mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, reconnectPeriod: 0 }),
    ),
  )
  t.teardown(() => Promise.all(clients.map(client => client.endAsync())))

  const payloads = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(200 + index))
  for (const [index, payload] of payloads.entries()) {
    await clients[index % 2]?.publishAsync('t', payload, { qos: 0 })
    // A round trip, so that each comes in a chunk of its own.
    await clients[index % 2]?.publishAsync('u', '', { qos: 1 })
  }

  const kept = (messages: readonly Message[]): readonly string[] =>
    messages.filter(({ topic }) => topic === 't').map(({ payload }) => payload.toString())
  t.strictSame(kept(heard), payloads)
  t.strictSame(kept(published), payloads)
})

test('a CONNECT that is larger than later packets may be comes over WebSocket too', async t => {
  const broker = await createBroker({
    listeners: [{ protocol: 'ws', host: '127.0.0.1', port: 0 }],
    limits: { packetBytesMax: 32 },
  })
  t.teardown(() => broker.close())

  const client = await mqtt.connectAsync(`ws://127.0.0.1:${broker.listeners[0]?.port}/mqtt`, {
    clientId: 'x'.repeat(200),
    reconnectPeriod: 0,
  })

  await client.publishAsync('a', 'x', { qos: 1 })
  await client.endAsync()
})

test('a connection over limits.connectionsMax leaves a line with its address and the key', async t => {
  const warnings: unknown[] = []
  const log = {
    debug: () => {},
    info: () => {},
    warn: (fields: unknown) => void warnings.push(fields),
    error: () => {},
  }
  const { broker, port } = await brokerOnPort({ limits: { connectionsMax: 1 }, log })
  t.teardown(() => broker.close())
  const first = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  t.teardown(() => first.endAsync())

  const second = connect(port, '127.0.0.1')
  await new Promise(closed => second.once('close', closed))

  t.match(warnings, [
    {
      event: 'connection.refused',
      address: '127.0.0.1',
      cause: '1 connections are open (limits.connectionsMax)',
    },
  ])
})

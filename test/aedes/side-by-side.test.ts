// The same scripts against aedes 1.2 and against pondhawk/aedes: the same events and callbacks, in the same order.

import { Aedes as Original } from 'aedes'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type EventEmitter, once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { test } from 'tap'
import { Aedes } from '../../src/aedes/aedes.ts'

type Options = ConstructorParameters<typeof Aedes>[0]

/** Both brokers have these members, and different types for them. */
type Broker = Pick<
  Aedes,
  'handle' | 'publish' | 'subscribe' | 'unsubscribe' | 'close' | 'clients'
> &
  EventEmitter

interface Scene {
  readonly broker: Broker
  readonly port: number
  readonly said: string[]
  connects(clientId: string, options?: IClientOptions): Promise<MqttClient>
}

const EVENTS = [
  'client',
  'clientReady',
  'clientDisconnect',
  'clientError',
  'connectionError',
  'keepaliveTimeout',
  'connackSent',
  'publish',
  'ack',
  'ping',
  'subscribe',
  'unsubscribe',
  'closed',
] as const

function sentenceOf(name: string, args: readonly unknown[]): string {
  const words = args.map(arg => {
    if (arg === null || arg === undefined) return String(arg)
    if (arg instanceof Error) return `error`
    if (Array.isArray(arg)) return arg.map(each => filterOf(each)).join(' ')
    const { conn, id, cmd, topic, payload, returnCode } = arg as Record<string, unknown>
    if (conn !== undefined) return `<${String(id)}>`
    if (topic !== undefined) return `${String(topic)} ${String(payload)}`
    return returnCode === undefined ? String(cmd) : `${String(cmd)} ${String(returnCode)}`
  })
  return [name, ...words].join(' ')
}

function filterOf(each: unknown): string {
  if (typeof each === 'string') return each
  const { topic, qos } = each as { topic: string; qos: number }
  return `${topic} ${qos}`
}

async function played(
  make: (options: Options) => Promise<Broker>,
  options: (said: string[]) => Options,
  script: (scene: Scene) => Promise<void>,
): Promise<readonly string[]> {
  const said: string[] = []
  let isOver = false
  const broker = await make({ id: 'ID', ...options(said) })
  for (const name of EVENTS) {
    broker.on(name, (...args: unknown[]) => {
      // aedes has no packet for a client without a session.
      const sentence = sentenceOf(name, name === 'ack' ? args.slice(1) : args)
      // It is announced when each of the two has time for it.
      if (!sentence.includes('$SYS') && !isOver) said.push(sentence)
    })
  }
  const server = createServer(broker.handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: MqttClient[] = []
  const connects = async (clientId: string, more: IClientOptions = {}): Promise<MqttClient> => {
    const client = mqtt.connect({
      host: '127.0.0.1',
      port,
      clientId,
      reconnectPeriod: 0,
      protocolVersion: 4,
      ...more,
    })
    clients.push(client)
    client.on('error', () => {})
    const what = await Promise.race([
      happens(client, 'connect'),
      happens(client, 'close').then(() => 'closed'),
    ])
    if (what === 'closed') said.push(`${clientId} is not let in`)
    return client
  }
  try {
    await script({ broker, port, said, connects })
    await quiet(said)
  } finally {
    isOver = true
    for (const client of clients) client.end(true)
    await new Promise<void>(resolve => broker.close(resolve))
    server.close()
  }
  return said
}

/** The types of MQTT.js are no event emitter for Node's `once`. */
function happens(client: MqttClient, name: 'connect' | 'close'): Promise<void> {
  return new Promise(resolve => client.once(name, () => resolve()))
}

/** Nothing more happens. */
async function quiet(said: readonly string[]): Promise<void> {
  for (let before = -1; before !== said.length;) {
    before = said.length
    await after(50)
    // Timers come before what has arrived on sockets meanwhile.
    for (let round = 0; round < 5; round++) await new Promise(setImmediate)
  }
}

const original = (options: Options): Promise<Broker> =>
  Original.createBroker(options as object) as unknown as Promise<Broker>
const ours = (options: Options): Promise<Broker> => Aedes.createBroker(options)

function same(
  name: string,
  script: (scene: Scene) => Promise<void>,
  options: (said: string[]) => Options = () => ({}),
): void {
  test(name, async t => {
    const [theirs, own] = await Promise.all([
      played(original, options, script),
      played(ours, options, script),
    ])
    t.ok(theirs.length > 1)
    // What a client gets and what the program hears at that time are two sockets: their order is open.
    for (const isGot of [true, false]) {
      const of = (all: readonly string[]) => all.filter(each => / got |^got /.test(each) === isGot)
      t.strictSame(of(own), of(theirs))
    }
  })
}

same('a client that subscribes, publishes, unsubscribes and ends', async ({ connects, said }) => {
  const client = await connects('a')
  client.on('message', (topic, payload) => said.push(`got ${topic} ${payload.toString()}`))
  for (const qos of [0, 1, 2] as const) {
    await client.subscribeAsync(`q/${qos}`, { qos })
    await quiet(said)
    await client.publishAsync(`q/${qos}`, 'x', { qos })
    await quiet(said)
  }
  await client.unsubscribeAsync(['q/0', 'q/1'])
  await client.endAsync()
})

same('a clean client that ends with subscriptions', async ({ connects }) => {
  const client = await connects('a')
  await client.subscribeAsync(['x', 'y'])
  await client.endAsync()
})

same('a will of a client whose socket breaks', async ({ connects, said }) => {
  const will = { topic: 'gone', payload: Buffer.from('w'), qos: 1 as const, retain: false }
  const client = await connects('a', { will })
  const reader = await connects('reader')
  await reader.subscribeAsync('gone')
  reader.on('message', topic => said.push(`got ${topic}`))
  client.stream.destroy()
})

same('two connections with one client id', async ({ connects }) => {
  await connects('a')
  await connects('a')
})

type Authenticate = NonNullable<NonNullable<Options>['authenticate']>

const refusing = (answer: (done: Parameters<Authenticate>[3]) => void) => (): Options => ({
  authenticate: (_client, _username, _password, done) => answer(done),
})

same(
  'authenticate says no',
  async ({ connects }) => void (await connects('a')),
  refusing(done => done(null, false)),
)

same(
  'authenticate gives an error with a return code, later',
  async ({ connects }) => void (await connects('a')),
  refusing(done => setTimeout(() => done(Object.assign(new Error('no'), { returnCode: 4 })), 5)),
)

same(
  'preConnect gives an error',
  async ({ connects }) => void (await connects('a')),
  () => ({ preConnect: (_client, _packet, done) => done(new Error('not from there')) }),
)

same(
  'preConnect and authenticate see what CONNECT says',
  async ({ connects }) =>
    void (await connects('a', { username: 'ada', password: 'x', keepalive: 7 })),
  said => ({
    preConnect: (client, packet, done) => {
      said.push(`preConnect ${String(client.id)} ${packet.clientId} ${packet.keepalive}`)
      done(null, true)
    },
    authenticate: (client, username, password, done) => {
      said.push(`authenticate ${String(client.id)} ${username} ${password?.toString()}`)
      done(null, true)
    },
  }),
)

same(
  'authorizePublish refuses, changes, and answers later in order',
  async ({ connects, said }) => {
    const reader = await connects('reader')
    reader.on('message', (topic, payload) => said.push(`got ${topic} ${payload.toString()}`))
    await reader.subscribeAsync('#')
    const client = await connects('a')
    client.publish('late', '1')
    await quiet(said)
    client.publish('now', '2')
    await quiet(said)
    client.publish('bad', '3', { qos: 1 }, error =>
      said.push(`bad: ${String(error !== undefined)}`),
    )
    await happens(client, 'close')
  },
  said => ({
    authorizePublish: (client, packet, done) => {
      said.push(`authorizePublish ${String(client?.id)} ${packet.topic}`)
      if (packet.topic === 'bad') done(new Error('wrong topic'))
      else if (packet.topic === 'late') {
        packet.payload = Buffer.from('changed')
        setTimeout(done, 5, null)
      } else done(null)
    },
  }),
)

same('a topic of $SYS closes the connection by default', async ({ connects }) => {
  const client = await connects('a')
  client.publish('$SYS/x', '1')
  await happens(client, 'close')
})

same(
  'authorizeSubscribe lowers, refuses, and closes with an error',
  async ({ connects, said }) => {
    const client = await connects('a')
    const granted = await client.subscribeAsync(['low', 'plain'], { qos: 1 })
    said.push(`granted ${granted.map(({ qos }) => qos).join()}`)
    await client.subscribeAsync('none', { qos: 1 }).catch(() => said.push('refused'))
    await quiet(said)
    client.subscribe('error')
    await happens(client, 'close')
  },
  said => ({
    authorizeSubscribe: (client, subscription, done) => {
      said.push(`authorizeSubscribe ${String(client.id)} ${subscription.topic}`)
      if (subscription.topic === 'none') done(null, null)
      else if (subscription.topic === 'error') done(new Error('no'))
      else done(null, subscription)
    },
  }),
)

same(
  'authorizeForward keeps a message from one client and changes it for another',
  async ({ connects, said }) => {
    for (const name of ['plain', 'none', 'changed']) {
      const client = await connects(name)
      client.on('message', (_, payload) => said.push(`${name} got ${payload.toString()}`))
      await client.subscribeAsync('a')
      await quiet(said)
    }
    const publisher = await connects('publisher')
    await quiet(said)
    publisher.publish('a', 'x')
  },
  () => ({
    authorizeForward: (client, packet) => {
      if (client.id === 'none') return null
      if (client.id === 'changed') packet.payload = Buffer.from('y')
      return packet
    },
  }),
)

same(
  'published is called before the event publish',
  async ({ connects }) => {
    const client = await connects('a')
    await client.publishAsync('x', 'y')
  },
  said => ({
    published: (packet, client, done) => {
      if (!packet.topic.startsWith('$SYS'))
        said.push(`published ${packet.topic} ${String(client?.id)}`)
      done()
    },
  }),
)

same('the broker publishes and subscribes, and the program closes a client', async scene => {
  const { broker, said, connects } = scene
  const deliver = (packet: { topic: string; payload: string | Buffer }, done: () => void): void => {
    said.push(`delivered ${packet.topic} ${packet.payload.toString()}`)
    done()
  }
  await new Promise<void>(resolve => broker.subscribe('in/+', deliver, resolve))
  const client = await connects('a')
  client.on('message', (topic, payload) => said.push(`got ${topic} ${payload.toString()}`))
  await quiet(said)
  await new Promise<void>(resolve =>
    broker.publish(
      { cmd: 'publish', topic: 'in/1', payload: 'x', qos: 0, retain: false, dup: false },
      // Ours is called when the message is stored, after the event \`publish\`; that of aedes before it.
      () => resolve(),
    ),
  )
  broker.clients['a']?.publish({ topic: 'to/you', payload: 'y', qos: 0, retain: false }, () => {})
  await quiet(said)
  await new Promise<void>(resolve => broker.unsubscribe('in/+', deliver, resolve))
  await client.publishAsync('in/2', 'x')
  await quiet(said)
  await new Promise<void>(resolve => {
    broker.clients['a']?.close(() => {
      said.push('closed')
      resolve()
    })
  })
})

same('a broker that closes with a client', async ({ broker, connects, said }) => {
  const client = await connects('a')
  await client.subscribeAsync('x')
  await quiet(said)
  await new Promise<void>(resolve => {
    broker.close(() => {
      said.push('the callback of close')
      resolve()
    })
  })
})

same('a client that is silent for longer than its keep-alive', async ({ port, said }) => {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  // CONNECT of MQTT 3.1.1 with client id `a` and a keep-alive of one second.
  socket.write(Buffer.from('100d00044d5154540402000100016100'.slice(0, 30), 'hex'))
  await once(socket, 'close')
  said.push('closed by the broker')
})

same('a packet before CONNECT, and a second CONNECT', async ({ port, said, connects }) => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  // PINGREQ before CONNECT.
  socket.write(Buffer.from('c000', 'hex'))
  await once(socket, 'close')
  await quiet(said)
  const client = await connects('a')
  await quiet(said)
  client.stream.write(Buffer.from('100d00044d515454040200ff000161', 'hex'))
  await happens(client, 'close')
})

same('a client with a session comes back to what it has missed', async ({ connects, said }) => {
  const first = await connects('a', { clean: false })
  await first.subscribeAsync('jobs', { qos: 1 })
  await first.endAsync()
  await quiet(said)
  const publisher = await connects('publisher')
  await publisher.publishAsync('jobs', 'missed', { qos: 1 })
  await quiet(said)
  const back = mqtt.connect({
    host: '127.0.0.1',
    port: (publisher.options as { port: number }).port,
    clientId: 'a',
    clean: false,
    reconnectPeriod: 0,
  })
  back.on('message', (topic, payload) => said.push(`got ${topic} ${payload.toString()}`))
  await happens(back, 'connect')
  await quiet(said)
  await back.endAsync()
})

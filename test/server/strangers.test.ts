// Where there is no room for another connection, those give way that have not said CONNECT, the oldest first; nobody else.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as secure } from 'node:tls'
import mqtt, { type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { LogFields } from '../../src/observe/log.ts'
import { Server } from '../../src/server/server.ts'
import { UPGRADE } from '../transport/raw-bytes.ts'
import { makeCertificates } from '../transport/world.ts'

const WAIT_MS_MAX = 20_000

class Crowded {
  readonly server: Server
  readonly lines: LogFields[] = []

  constructor(server: Server, lines: LogFields[]) {
    this.server = server
    this.lines = lines
  }

  /** Listeners, in this order: plain, TLS, WebSocket, secure WebSocket. */
  static async started(
    t: Test,
    bounds: { readonly all?: number; readonly listener?: number; readonly rate?: number },
    access: Access = openAccess,
  ): Promise<Crowded> {
    const directory = mkdtempSync(join(tmpdir(), 'strangers-'))
    makeCertificates(directory)
    const tls = { certFile: join(directory, 'server.crt'), keyFile: join(directory, 'server.key') }
    const connectionsMax = bounds.listener ?? 10_000
    const listeners = [
      { port: 0, connectionsMax },
      { port: 0, connectionsMax, tls },
      { protocol: 'ws', port: 0, connectionsMax },
      { protocol: 'ws', port: 0, connectionsMax, tls },
    ]
    const config = parseConfig({
      listeners,
      store: { durability: 'memory' },
      limits: {
        connectionsMax: bounds.all ?? 10_000,
        connectTimeoutSeconds: 600,
        connectionsPerSecondPerAddressMax: bounds.rate ?? 0,
      },
      shutdown: { drainSeconds: 0 },
    })
    const lines: LogFields[] = []
    const keep = (fields: LogFields): void => void lines.push(fields)
    const log = { debug() {}, info() {}, warn: keep, error: keep }
    const server = new Server(config, log, { access })
    await server.start()
    t.teardown(async () => {
      await server.close()
      rmSync(directory, { recursive: true })
    })
    return new Crowded(server, lines)
  }

  get closedStrangers(): number {
    return this.server.status.strangersClosed
  }

  /** Sends the bytes and nothing more. */
  async stranger(
    t: Test,
    listener: number,
    bytes: Buffer | string = '',
    localAddress = '127.0.0.1',
  ): Promise<Socket> {
    const port = this.server.listeners[listener]?.port ?? 0
    const socket = connectTo({ port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    socket.resume()
    t.teardown(() => socket.destroy())
    await new Promise(connected => socket.once('connect', connected))
    socket.write(bytes)
    for (let round = 0; round < 5; round++) await new Promise(next => setImmediate(next))
    return socket
  }

  async client(t: Test, listener: number, clientId: string): Promise<MqttClient> {
    const port = this.server.listeners[listener]?.port ?? 0
    const scheme = ['mqtt', 'mqtts', 'ws', 'wss'][listener]
    const client = await mqtt.connectAsync(`${scheme}://127.0.0.1:${port}`, {
      clientId,
      reconnectPeriod: 0,
      rejectUnauthorized: false,
      connectTimeout: WAIT_MS_MAX,
    })
    t.teardown(() => client.end(true))
    return client
  }
}

const KINDS = ['plain', 'TLS', 'WebSocket', 'secure WebSocket'] as const

for (const [listener, kind] of KINDS.entries()) {
  test(`a client comes in where strangers have taken all the room, ${kind}`, async t => {
    const crowded = await Crowded.started(t, { all: 12 })
    const bob = await crowded.client(t, 0, 'bob')
    const strangers: Socket[] = []
    // One byte of CONNECT, of a request, of a handshake, an upgrade without CONNECT, and nothing at all.
    const sayings = ['\x10', '\x16', 'G', UPGRADE, '', '', '', '', '', '', '']
    for (const [index, bytes] of sayings.entries()) {
      strangers.push(await crowded.stranger(t, index < 4 ? ([0, 1, 2, 2][index] ?? 0) : 0, bytes))
    }

    const closed = Promise.all(
      strangers.slice(0, 3).map(socket => new Promise(end => socket.once('close', end))),
    )
    const clients: MqttClient[] = []
    for (let number = 0; number < 3; number++) {
      clients.push(await crowded.client(t, listener, `client ${number}`))
    }
    await closed

    t.equal(crowded.closedStrangers, 3)
    t.strictSame(
      strangers.map(socket => socket.destroyed),
      strangers.map((_, index) => index < 3),
      'the oldest have gone',
    )
    t.match(crowded.lines[0], { event: 'stranger.closed', cause: /limits\.connectionsMax/ })
    await bob.publishAsync('t', 'x', { qos: 1 })
    for (const client of clients) await client.publishAsync('t', 'x', { qos: 1 })
  })
}

test('a connection that has finished TLS and sends no CONNECT is closed for another one', async t => {
  const crowded = await Crowded.started(t, { all: 1 })
  const port = crowded.server.listeners[1]?.port ?? 0
  const stranger = secure({ port, host: '127.0.0.1', rejectUnauthorized: false })
  stranger.on('error', () => {})
  stranger.resume()
  t.teardown(() => stranger.destroy())
  const closed = new Promise(end => stranger.once('close', end))
  await new Promise(secured => stranger.once('secureConnect', secured))

  const bob = await crowded.client(t, 0, 'bob')
  await closed

  await bob.publishAsync('t', 'x', { qos: 1 })
  t.equal(crowded.closedStrangers, 1)
})

test('a listener that is full closes strangers of its own only', async t => {
  const crowded = await Crowded.started(t, { listener: 2 })
  const other = await crowded.stranger(t, 2)
  const first = await crowded.stranger(t, 0)
  await crowded.stranger(t, 0)
  await crowded.client(t, 0, 'bob')

  t.equal(crowded.closedStrangers, 1)
  t.equal(first.destroyed, true)
  t.equal(other.destroyed, false)
  t.match(crowded.lines, [{ event: 'stranger.closed', cause: /listeners\.0\.connectionsMax/ }])
})

test('an accepted client is never closed for a new connection', async t => {
  const crowded = await Crowded.started(t, { all: 4 })
  const clients: MqttClient[] = []
  for (const [listener] of KINDS.entries()) {
    clients.push(await crowded.client(t, listener, `client ${listener}`))
  }
  const sockets = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map(each => crowded.stranger(t, each)))
  await Promise.all(
    sockets.map(async socket => {
      if (!socket.destroyed) await new Promise(end => socket.once('close', end))
    }),
  )

  t.equal(crowded.closedStrangers, 0)
  t.match(crowded.lines[0], { event: 'connection.refused' })
  for (const client of clients) await client.publishAsync('t', 'x', { qos: 1 })
})

test('a client that waits for the verdict on its CONNECT is no stranger', async t => {
  let letIn = (): void => {}
  const isLetIn = new Promise<void>(resolve => {
    letIn = resolve
  })
  let ask = (): void => {}
  const isAsked = new Promise<void>(resolve => {
    ask = resolve
  })
  const access: Access = {
    ...openAccess,
    authenticate: async credentials => {
      if (credentials.clientId === 'alice') {
        ask()
        await isLetIn
      }
      return openAccess.authenticate(credentials)
    },
  }
  const crowded = await Crowded.started(t, { all: 2 }, access)
  const alice = crowded.client(t, 0, 'alice')
  await isAsked
  const stranger = await crowded.stranger(t, 0)
  await crowded.client(t, 0, 'bob')
  letIn()

  await (await alice).publishAsync('t', 'x', { qos: 1 })
  t.equal(stranger.destroyed, true)
  t.equal(crowded.closedStrangers, 1)
})

test('a flood of connections without CONNECT keeps no client out, and gives a few lines in the log', async t => {
  const crowded = await Crowded.started(t, { all: 50, rate: 20 })
  const bob = await crowded.client(t, 0, 'bob')
  let isOver = false
  const flood = (async () => {
    while (!isOver) {
      const some = Array.from({ length: 40 }, () => crowded.stranger(t, 0, '', '127.0.0.9'))
      await Promise.all(some)
      // The flood and the broker share one processor here.
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  })()
  for (let number = 0; number < 20; number++) await crowded.client(t, 0, `client ${number}`)
  // A fast machine lets the clients in before the flood has filled all places.
  while (crowded.closedStrangers <= 20) await new Promise(resolve => setTimeout(resolve, 5))
  isOver = true
  await flood

  await bob.publishAsync('t', 'x', { qos: 1 })
  t.ok(crowded.lines.length < 30, `${crowded.lines.length} lines`)
})

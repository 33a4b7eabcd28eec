// However a client ends, at whatever byte of its opening and on whatever kind of listener: the broker lives, and keeps nothing of it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectTo, createServer, type Server as TcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { connect as secure } from 'node:tls'
import { type Test, test } from 'tap'
import { parseConfig } from '../../src/config/parse.ts'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { Server } from '../../src/server/server.ts'
import { frame, PROXY_HEADERS, UPGRADE, upgrade } from '../transport/raw-bytes.ts'
import { makeCertificates } from '../transport/world.ts'

/** 1 tries every single byte, with each end at each moment: some 90,000 connections. */
const STRIDE = Number(process.env['ENDS_STRIDE'] ?? 37)
const MOMENTS = [0, 1, 2]
const AT_ONCE = 100

interface Kind {
  readonly protocol: 'mqtt' | 'ws'
  readonly isTls: boolean
  readonly proxy: 0 | 1 | 2
  readonly isUnix: boolean
}

const KINDS: readonly Kind[] = (['mqtt', 'ws'] as const).flatMap(protocol =>
  [false, true].flatMap(isTls =>
    ([0, 1, 2] as const).flatMap(proxy =>
      // A Unix socket has neither TLS nor PROXY protocol: the configuration refuses it.
      (isTls || proxy > 0 ? [false] : [false, true]).map(isUnix => ({
        protocol,
        isTls,
        proxy,
        isUnix,
      })),
    ),
  ),
)

function nameOf({ protocol, isTls, proxy, isUnix }: Kind): string {
  const header = proxy === 0 ? '' : ` behind PROXY ${proxy}`
  return `${protocol}${isTls ? 's' : ''}${header}${isUnix ? ' over a Unix socket' : ''}`
}

const CONNECT = encode(
  {
    type: 'connect',
    version: 5,
    cleanStart: true,
    keepAliveSeconds: 0,
    clientId: '',
    username: null,
    password: null,
    will: {
      topic: 'w',
      payload: Buffer.alloc(10),
      qos: 1,
      retain: true,
      properties: NO_PROPERTIES,
    },
    properties: NO_PROPERTIES,
  },
  5,
)
const SUBSCRIBE = encode(
  {
    type: 'subscribe',
    packetId: 1,
    subscriptions: [
      { filter: '#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ],
    properties: NO_PROPERTIES,
  },
  5,
)
/** It comes back: the broker writes while the client goes. */
const PUBLISH = encode(
  {
    type: 'publish',
    duplicate: false,
    qos: 0,
    retain: false,
    topic: 'a',
    packetId: 0,
    properties: NO_PROPERTIES,
    payload: Buffer.alloc(300_000),
  },
  5,
)

/** What is said within TLS, or without it. */
function talkOf(kind: Kind): readonly Buffer[] {
  return kind.protocol === 'mqtt'
    ? [CONNECT, SUBSCRIBE, PUBLISH]
    : [UPGRADE, frame(CONNECT), frame(SUBSCRIBE), frame(PUBLISH)]
}

/** Lengths at which to stop: around each seam, and in strides between them. */
function stops(parts: readonly Buffer[]): readonly number[] {
  const found = new Set<number>([0, 1])
  let seam = 0
  for (const part of parts) {
    for (let at = seam; at < seam + Math.min(part.length, 600); at += STRIDE) found.add(at)
    seam += part.length
    for (const at of [seam - 1, seam, seam + 1]) found.add(at)
  }
  return [...found].filter(at => at <= seam)
}

class ServerUnderTest {
  readonly server: Server
  readonly places: readonly { readonly kind: Kind; readonly path: string | null }[]
  readonly ca: Buffer
  readonly #directory: string

  constructor(t: Test) {
    this.#directory = mkdtempSync(resolve(tmpdir(), 'ends-'))
    makeCertificates(this.#directory)
    const file = (name: string): string => resolve(this.#directory, name)
    this.ca = readFileSync(file('ca.crt'))
    const tls = { certFile: file('server.crt'), keyFile: file('server.key') }
    this.places = KINDS.map((kind, index) => ({
      kind,
      path: kind.isUnix ? file(`${index}.sock`) : null,
    }))
    const listeners = this.places.map(({ kind, path }) => ({
      protocol: kind.protocol,
      ...(path === null ? { port: 0 } : { path }),
      ...(kind.isTls && { tls }),
      proxyProtocol: kind.proxy > 0,
      // No deadline may hide what an end has left behind.
      handshakeTimeoutMs: 600_000,
    }))
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const config = parseConfig({
      listeners,
      store: { durability: 'memory' },
      limits: { connectTimeoutSeconds: 600 },
    })
    this.server = new Server(config, silent, {})
    t.teardown(async () => {
      await this.server.close()
      rmSync(this.#directory, { recursive: true })
    })
  }

  get left(): readonly string[] {
    const left = this.server.listeners
      .map((listener, index) => ({ listener, kind: this.places[index]?.kind }))
      .filter(({ listener }) => connectionsOf(listener) > 0)
      .map(({ kind, listener }) => `${kind && nameOf(kind)}: ${connectionsOf(listener)}`)
    const { connectionCount } = this.server
    return connectionCount === 0 ? left : [...left, `${connectionCount} lines`]
  }

  async isEmpty(): Promise<boolean> {
    for (let look = 0; look < 500 && this.left.length > 0; look++) {
      await new Promise(later => setTimeout(later, 10))
    }
    return this.left.length === 0
  }

  async connects(index: number): Promise<Socket> {
    const path = this.places[index]?.path ?? null
    const port = this.server.listeners[index]?.port ?? 0
    for (;;) {
      // The broker must end of itself when it has heard the end: this client does not close because of it.
      const socket = connectTo({ allowHalfOpen: true, ...(path === null ? { port } : { path }) })
      socket.on('error', () => {})
      socket.resume()
      const isConnected = await new Promise<boolean>(done => {
        socket.once('connect', () => done(true))
        socket.once('close', () => done(false))
      })
      if (isConnected) return socket
      // The backlog of a Unix socket was full.
      await new Promise(later => setTimeout(later, 10))
    }
  }
}

function connectionsOf(listener: object): number {
  return 'connectionCount' in listener ? Number(listener.connectionCount) : 0
}

type End = 'resets' | 'ends' | 'breaks off'

/** The end comes at once, after a moment, or when something was answered. */
async function ending(socket: Socket, end: End, moment: number): Promise<void> {
  if (moment === 1) await new Promise(later => setImmediate(later))
  if (moment === 2) await new Promise(later => setTimeout(later, 15))
  // A Unix socket knows no reset but that of bytes which nobody read.
  const isUnix = socket.remoteAddress === undefined
  if (end === 'resets' && !isUnix) socket.resetAndDestroy()
  else if (end !== 'ends') socket.destroy()
  else socket.end()
}

/** The first bytes of a TLS client, as it says them. */
async function clientHello(): Promise<Buffer> {
  const server: TcpServer = createServer()
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const heard = new Promise<Buffer>(hello =>
    server.once('connection', socket => {
      socket.on('error', () => {})
      socket.once('data', hello)
    }),
  )
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const client = secure({ port, host: '127.0.0.1' })
  client.on('error', () => {})
  const hello = await heard
  client.destroy()
  server.close()
  return hello
}

async function inBatches(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  for (let at = 0; at < tasks.length; at += AT_ONCE) {
    await Promise.all(tasks.slice(at, at + AT_ONCE).map(run => run()))
    // Node accepts one connection in an iteration of the event loop: what overflows the backlog loses its bytes for seconds.
    for (let count = 0; count < AT_ONCE; count++) await new Promise(next => setImmediate(next))
  }
}

const ENDS = ['resets', 'ends', 'breaks off'] as const

/** All of them where every byte is tried; otherwise one, and the next one for what comes next. */
function momentsOf(turn: number): readonly number[] {
  return STRIDE === 1 ? MOMENTS : [turn % MOMENTS.length]
}

test('a client that ends at any byte of its opening leaves nothing behind, on any kind of listener', async t => {
  const underTest = new ServerUnderTest(t)
  await underTest.server.start()
  const hello = await clientHello()

  for (const [index, { kind }] of underTest.places.entries()) {
    const header = PROXY_HEADERS[kind.proxy]
    // Within TLS only a stranger's side of the handshake can be cut at a byte.
    const parts = [header, ...(kind.isTls ? [hello] : talkOf(kind))]
    const all = Buffer.concat(parts)
    const tasks = stops(parts).flatMap((length, turn) =>
      ENDS.flatMap((end, which) =>
        momentsOf(turn + which).map(moment => async () => {
          const socket = await underTest.connects(index)
          if (length > 0) socket.write(all.subarray(0, length))
          await ending(socket, end, moment)
        }),
      ),
    )
    await inBatches(tasks)

    t.ok(await underTest.isEmpty(), `${nameOf(kind)}: ${underTest.left.join(', ')}`)
  }
})

test('a client that ends at any byte within TLS leaves nothing behind', async t => {
  const underTest = new ServerUnderTest(t)
  await underTest.server.start()

  for (const [index, { kind }] of underTest.places.entries()) {
    if (!kind.isTls) continue
    const parts = talkOf(kind)
    const all = Buffer.concat(parts)
    const lengths = stops(parts).filter((_, at) => STRIDE === 1 || at % 3 === 0)
    const tasks = lengths.flatMap((length, turn) =>
      ENDS.flatMap((end, which) =>
        momentsOf(turn + which).map(moment => async () => {
          const socket = await underTest.connects(index)
          socket.write(PROXY_HEADERS[kind.proxy])
          const secured = secure({ socket, ca: underTest.ca, servername: 'localhost' })
          secured.on('error', () => {})
          secured.resume()
          await new Promise(done => secured.once('secureConnect', done).once('close', done))
          if (length > 0) secured.write(all.subarray(0, length))
          await ending(end === 'ends' ? secured : socket, end, moment)
        }),
      ),
    )
    await inBatches(tasks)

    t.ok(await underTest.isEmpty(), `${nameOf(kind)}: ${underTest.left.join(', ')}`)
  }
})

const REQUESTS: Readonly<Record<string, Buffer>> = {
  'an upgrade without a subprotocol': upgrade(),
  'an upgrade from a foreign page': upgrade(
    'Sec-WebSocket-Protocol: mqtt',
    'Origin: http://evil.example',
  ),
  'an upgrade with a key that is none': Buffer.from(
    UPGRADE.toString().replace('dGhlIHNhbXBsZSBub25jZQ==', 'x'),
  ),
  'an upgrade of another version': Buffer.from(UPGRADE.toString().replace('13', '7')),
  'an upgrade by POST': Buffer.from(UPGRADE.toString().replace('GET', 'POST')),
  'an upgrade to another protocol': Buffer.from(UPGRADE.toString().replace('websocket', 'h2c')),
  'an upgrade with a body': Buffer.concat([
    upgrade('Sec-WebSocket-Protocol: mqtt', 'Content-Length: 5'),
    Buffer.from('hello'),
  ]),
  'an upgrade whose subprotocols are malformed': upgrade('Sec-WebSocket-Protocol: mqtt, ,,'),
  'an upgrade behind a request': Buffer.concat([
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    UPGRADE,
    frame(CONNECT),
  ]),
  'an upgrade behind a refused one': Buffer.concat([upgrade(), UPGRADE, frame(CONNECT)]),
  'a request behind an upgrade': Buffer.concat([
    UPGRADE,
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  ]),
  'many requests in one chunk': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500)),
  'a request for the status': Buffer.from('GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n'),
  'a request that expects 100': Buffer.from(
    'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
  ),
  'a request that expects anything else': Buffer.from(
    'POST / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n',
  ),
  'a request to be a tunnel': Buffer.from('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nbytes'),
  'a body that does not come': Buffer.from(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nx',
  ),
  'a body in bad chunks': Buffer.from(
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ),
  'a request without a host': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  'no HTTP': Buffer.from('hello\r\n\r\n'),
  'headers without end': Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(200_000)}`),
  'an old request': Buffer.from('GET / HTTP/1.0\r\n\r\n'),
}

/** Frames that are wrong, behind an upgrade: the broker closes of itself. */
const FRAMES: Readonly<Record<string, Buffer>> = {
  'an unknown kind': Buffer.from('838000000000', 'hex'),
  'an unknown kind of control': Buffer.from('8b8000000000', 'hex'),
  'a bit for compression': Buffer.from('c28000000000', 'hex'),
  'no mask': Buffer.from('820110', 'hex'),
  'a continuation of nothing': Buffer.from('808000000000', 'hex'),
  'a ping in fragments': Buffer.from('098000000000', 'hex'),
  'a ping that is too long': Buffer.from('89fe00ff00000000', 'hex'),
  'more than allowed': Buffer.from('82ff00000000ffffffff00000000', 'hex'),
  'a length of 64 bits': Buffer.from('82ffffffffffffffffff00000000', 'hex'),
  text: Buffer.from('818000000000', 'hex'),
  'text that is not UTF-8': Buffer.from('818100000000ff', 'hex'),
  'a close': Buffer.from('888000000000', 'hex'),
  'a close with half a code': Buffer.from('88810000000003', 'hex'),
  'a close with a code that nobody may send': Buffer.from('88820000000003ed', 'hex'),
  'a close with a reason that is not UTF-8': Buffer.from('88830000000003e8ff', 'hex'),
}

test('a request or a frame of any kind, and any end after it, leaves nothing behind', async t => {
  const underTest = new ServerUnderTest(t)
  await underTest.server.start()
  const wrongFrames = Object.values(FRAMES).flatMap(bytes => [
    Buffer.concat([UPGRADE, bytes]),
    Buffer.concat([UPGRADE, frame(CONNECT), bytes]),
  ])
  const sayings = [...Object.values(REQUESTS), ...wrongFrames]

  for (const [index, { kind }] of underTest.places.entries()) {
    if (kind.protocol !== 'ws' || kind.isTls) continue
    const tasks = sayings.flatMap(bytes =>
      ENDS.flatMap(end =>
        [0, 2].map(moment => async () => {
          const socket = await underTest.connects(index)
          socket.write(Buffer.concat([PROXY_HEADERS[kind.proxy], bytes]))
          await ending(socket, end, moment)
        }),
      ),
    )
    await inBatches(tasks)

    t.ok(await underTest.isEmpty(), `${nameOf(kind)}: ${underTest.left.join(', ')}`)
  }
})

test('a frame that is wrong closes its connection, though the client says no more', async t => {
  const underTest = new ServerUnderTest(t)
  await underTest.server.start()
  const index = underTest.places.findIndex(
    ({ kind }) => kind.protocol === 'ws' && !kind.isTls && kind.proxy === 0 && !kind.isUnix,
  )

  await inBatches(
    Object.values(FRAMES).map(bytes => async () => {
      const socket = await underTest.connects(index)
      const ended = new Promise(end => socket.once('end', end))
      socket.write(Buffer.concat([UPGRADE, frame(CONNECT), bytes]))
      await ended
      socket.end()
    }),
  )

  t.ok(await underTest.isEmpty(), underTest.left.join(', '))
})

test('a client that closes its side and never reads what waits for it is not waited for', async t => {
  const underTest = new ServerUnderTest(t)
  await underTest.server.start()

  await Promise.all(
    underTest.places.map(async ({ kind }, index) => {
      const socket = await underTest.connects(index)
      socket.write(PROXY_HEADERS[kind.proxy])
      const client = kind.isTls
        ? secure({ socket, ca: underTest.ca, servername: 'localhost' })
        : socket
      client.on('error', () => {})
      const talk = talkOf(kind)
      // Far more than the system holds between the two of us.
      const much = Array.from({ length: 20 }, () => talk.at(-1) ?? Buffer.alloc(0))
      client.pause()
      client.end(Buffer.concat([...talk, ...much]))
    }),
  )
  await new Promise(later => setTimeout(later, 500))

  t.ok(await underTest.isEmpty(), underTest.left.join(', '))
})

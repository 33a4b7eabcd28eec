// A front end that was taken over speaks for the connections it has, in the right form and with wrong content. The core ends it, and
// what it has said of clients counts no longer than they are connected.

import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Test, test } from 'tap'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { CoreLink } from '../../src/link/core-link.ts'
import {
  BYTES,
  CLOSED,
  FLOWS,
  HEADER_BYTES,
  HEARD,
  KEPT,
  NAMED,
  OPENED,
  REFUSED,
  SLOW,
  SPOKE,
  TAKEN,
  writeHeader,
} from '../../src/link/frames.ts'
import type { Order } from '../../src/link/orders.ts'
import type { FrontEndPort } from '../../src/link/remote-preparation.ts'
import { ConnectionCounts } from '../../src/transport/connection-counts.ts'
import type { ListenerOptions } from '../../src/transport/listener-options.ts'
import { until, World } from '../transport/world.ts'
import { preparingBy, socketPair } from './front-end-here.ts'

const NAME = '{"address":"192.0.2.7","port":4711}'
const PROVED = '{"spentMs":1,"protocol":"mqtt","generation":1,"certificate":null,"psk":null}'
const CERTIFICATE =
  '{"commonName":"admin","subjectAltNames":[],"fingerprint":"","validTo":1,"issuedAs":[]}'

function frame(kind: number, connection: number, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(HEADER_BYTES)
  writeHeader(header, 0, { kind, connection, length: bytes.length })
  return Buffer.concat([header, bytes])
}

/** The test is the front end: it gets orders, and writes frames. */
class HostileFrontEnd implements FrontEndPort {
  readonly link: CoreLink
  readonly failures: (string | null)[] = []
  readonly connections: number[] = []
  readonly #far: Socket

  constructor([near, far]: [Socket, Socket]) {
    this.#far = far
    far.on('error', () => {})
    far.resume()
    this.link = new CoreLink(near, {
      line: () => {},
      figures: () => {},
      failed: sentence => this.failures.push(sentence),
    })
  }

  order(order: Order): void {
    if (order.kind === 'socket') this.connections.push(order.connection)
  }

  says(...frames: readonly Buffer[]): void {
    this.#far.write(Buffer.concat(frames))
  }
}

async function world(t: Test, options: Partial<ListenerOptions> = {}) {
  const hostile = new HostileFrontEnd(await socketPair(t))
  const listening = await World.listening(t, { ...options, preparing: preparingBy([hostile]) })
  await listening.connects(t)
  await until(() => hostile.connections.length === 1)
  return { hostile, listening, connection: hostile.connections[0] ?? 0 }
}

test('an address that is named again and again counts once, and not for longer than its connection', async t => {
  const counts = new ConnectionCounts({ ...DEFAULT_LIMITS, connectionsPerAddressMax: 2 }, () => 0)
  const { hostile, listening, connection } = await world(t, { proxyProtocol: true, counts })

  hostile.says(...Array.from({ length: 2 }, () => frame(NAMED, connection, NAME)))

  await until(() => listening.listener.connectionCount === 0)
  t.match(hostile.failures, [/names a client/])
  for (let count = 0; count < 2; count++) t.equal(counts.open('192.0.2.7').kind, 'counted')
})

interface Wrong {
  readonly words: string
  readonly options?: Partial<ListenerOptions>
  /** The kind and the body of the frame. */
  readonly says: readonly [number, string]
  readonly failure: RegExp
}

const WRONG: readonly Wrong[] = [
  {
    words: 'names a client without a PROXY header',
    says: [NAMED, NAME],
    failure: /names a client where no PROXY header/,
  },
  {
    words: 'opens a connection of a proxy unnamed',
    options: { proxyProtocol: true },
    says: [OPENED, PROVED],
    failure: /no PROXY header has named/,
  },
  {
    words: 'names a client with what is no address',
    options: { proxyProtocol: true },
    says: [NAMED, NAME.replace('192.0.2.7', 'localhost')],
    failure: /an address that is none/,
  },
  {
    words: 'names a client with what is no port',
    options: { proxyProtocol: true },
    says: [NAMED, NAME.replace('4711', '1e9')],
    failure: /a port that is none/,
  },
  {
    words: 'brings HTTP to the port of MQTT',
    says: [OPENED, PROVED.replace('mqtt', 'http')],
    failure: /brings HTTP/,
  },
  {
    words: 'has a certificate where none is asked for',
    says: [OPENED, PROVED.replace('"certificate":null', `"certificate":${CERTIFICATE}`)],
    failure: /certificate where none/,
  },
]

for (const { words, options, says, failure } of WRONG) {
  test(`a front end that ${words} is ended, and nothing arrives`, async t => {
    const { hostile, listening, connection } = await world(t, options)

    hostile.says(frame(says[0], connection, says[1]))

    await until(() => hostile.failures.length > 0)
    t.match(hostile.failures, [failure])
    await until(() => listening.listener.connectionCount === 0)
    t.equal(hostile.link.connections, 0)
    t.equal(listening.unclaimed, 0)
  })
}

test('what comes behind pauses is bounded for all connections of a front end together', async t => {
  const hostile = new HostileFrontEnd(await socketPair(t))
  const wires = Array.from({ length: 20 }, () =>
    hostile.link.hand({
      peer: { address: '', port: 0, transport: 'tcp', listener: '', certificate: null },
      messageBytesMax: 0,
      named: () => true,
      refused: () => {},
      opened: () => {},
      ended: () => {},
    }),
  )
  const causes: (string | null)[] = []
  for (const wire of wires) {
    wire.open({ received: () => {}, drained: () => {}, closed: cause => causes.push(cause) })
    wire.pause()
    hostile.says(frame(OPENED, wire.number, PROVED))
  }

  const much = Buffer.alloc(262_144)
  let bytes = 0
  for (let round = 0; round < 40; round++) {
    for (const wire of wires) hostile.says(frame(BYTES, wire.number, much))
    bytes += wires.length * much.length
    await until(() => hostile.link.bytesReceived >= bytes)
  }

  // 200 MiB have come, 10 for each: the clients whose bytes had no room are gone, and the front end is not.
  t.ok(causes.length >= 7, `${causes.length} clients`)
  t.ok(causes.every(cause => cause?.endsWith('while they are paused is full')))
  t.strictSame(hostile.failures, [])
})

test('frames of every kind with wrong numbers, texts and lengths end the front end, and only it', async t => {
  const kinds = [
    OPENED,
    BYTES,
    HEARD,
    SLOW,
    FLOWS,
    CLOSED,
    TAKEN,
    NAMED,
    SPOKE,
    REFUSED,
    KEPT,
    42,
    43,
  ]
  const bodies = [
    '',
    '{}',
    '[]',
    'null',
    PROVED,
    NAME,
    '{"cause":7}',
    '{"cause":"x"}',
    '\u0000'.repeat(9),
  ]
  const any = <T>(of: readonly T[]): T => of[randomInt(of.length)] as T
  for (let round = 0; round < 100; round++) {
    const { hostile, listening, connection } = await world(t, { proxyProtocol: round % 2 === 0 })
    const seen: (readonly [number, number, string])[] = []
    const frames = Array.from({ length: 60 }, () => {
      const kind = any(kinds)
      const number = any([connection, connection, connection, 0, connection + 1, 2 ** 47])
      const body = any(bodies)
      seen.push([kind, number, body])
      return frame(kind, number, body)
    })

    hostile.says(...frames, frame(255, 0))

    await until(() => hostile.failures.length > 0)
    await until(() => listening.listener.connectionCount === 0)
    if (hostile.failures.length !== 1 || hostile.link.connections !== 0) {
      t.fail(JSON.stringify({ failures: hostile.failures, seen }))
      return
    }
    await listening.listener.close()
  }
  t.pass('each of them was ended once')
})

// HTTP upgrades and the frames behind them: a connection becomes a WebSocket only by the book, and hears the bytes of its frames.

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { setImmediate as soon } from 'node:timers/promises'
import { WebSocketStage } from '../../src/transport/websocket-stage.ts'
import type { Wire } from '../../src/transport/wire.ts'
import { mutate } from '../packet/mutate.ts'
import { Random } from '../random.ts'
import type { Outcome, Target } from '../target.ts'
import { withoutParts } from '../target.ts'
import { count } from './file-target.ts'
import { QuietSocket } from './quiet-socket.ts'
import { messagesIn } from './reference-frames.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const MEMORY = Buffer.alloc(65_536)
const TURNS = 6
const CHUNKS_MAX = 50
const PEER = {
  address: '192.0.2.1',
  port: 40_000,
  transport: 'ws',
  listener: 'fuzz',
  certificate: null,
} as const
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export class UpgradeTarget implements Target {
  readonly name = 'upgrade'
  readonly unit = 'connections'
  readonly counts: Record<string, number> = {}
  readonly #stage = new WebSocketStage({ protocol: 'ws', connectionsMax: 10 }, SILENT)
  readonly #random = new Random()
  #bytes: Buffer = Buffer.alloc(0)

  get input(): string {
    return this.#bytes.toString('hex')
  }

  run(seed: number): Promise<Outcome> {
    const random = this.#random
    random.seed(seed)
    const bytes = Buffer.concat([requestAtRandom(random), framesAtRandom(random)])
    bytes.copy(MEMORY)
    const length = random.chance(3) ? bytes.length : mutate(MEMORY, bytes.length, random)
    this.#bytes = Buffer.from(MEMORY.subarray(0, length))
    const cut = random.chance(2) ? this.#bytes.length : 1 + random.below(this.#bytes.length + 1)
    return this.#check(this.#bytes, cut)
  }

  async replay(input: string): Promise<Outcome> {
    const bytes = Buffer.from(input, 'hex')
    return (await this.#check(bytes, bytes.length)) ?? this.#check(bytes, 1)
  }

  *smaller(input: string): Iterable<string> {
    for (const fewer of withoutParts([...Buffer.from(input, 'hex')]))
      yield Buffer.from(fewer).toString('hex')
  }

  /** The bytes arrive in chunks of this size. */
  async #check(bytes: Buffer, chunkBytes: number): Promise<Outcome> {
    const socket = new QuietSocket()
    const heard: Buffer[] = []
    let wires = 0
    // The stage uses of a socket what a stream has, and its options.
    this.#stage.serve(socket as unknown as Socket, PEER, {
      arrived: wire => {
        wires++
        listen(wire, heard)
      },
      signedIn: () => {},
      isLate: () => false,
    })
    const thrown: unknown[] = []
    const note = (error: unknown): number => thrown.push(error)
    process.on('uncaughtException', note)
    try {
      // A socket's bytes are unmasked in place.
      const step = Math.max(chunkBytes, Math.ceil(bytes.length / CHUNKS_MAX))
      for (let at = 0; at < bytes.length; at += step)
        socket.push(Buffer.from(bytes.subarray(at, at + step)))
      for (let turn = 0; turn < TURNS; turn++) await soon()
    } finally {
      socket.destroy()
      await soon()
      process.off('uncaughtException', note)
    }
    if (thrown.length > 0) return `threw ${String(thrown[0])}`
    count(this.counts, wires > 0 ? 'upgraded' : 'refused')
    return wires > 1
      ? 'upgraded twice'
      : faultOf(bytes, Buffer.concat(socket.written), wires === 1, heard)
  }
}

function listen(wire: Wire, heard: Buffer[]): void {
  wire.open({
    received: bytes => heard.push(Buffer.from(bytes as Buffer)),
    drained: () => {},
    closed: () => {},
  })
}

function faultOf(
  bytes: Buffer,
  answer: Buffer,
  isUpgraded: boolean,
  heard: readonly Buffer[],
): string | null {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (!isUpgraded) {
    if (answer.toString('latin1', 0, 12) === 'HTTP/1.1 101') return 'answered 101 and not upgraded'
    return isByTheBook(text, end) ? 'refused what is by the book' : null
  }
  const head = answer.toString('latin1')
  const key = /^sec-websocket-key:[ \t]*([^\r\n]*?)[ \t]*\r$/im.exec(text)?.[1] ?? ''
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return `upgraded with the key ${key}`
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  if (!head.includes(`Sec-WebSocket-Accept: ${accept}\r\n`))
    return 'the answer does not fit the key'
  if (!/^Sec-WebSocket-Protocol: mqtt(?:v3\.1)?\r$/m.test(head)) return 'upgraded without mqtt'
  if (!/^sec-websocket-protocol:.*mqtt/im.test(text)) return 'upgraded to what was not asked for'
  const expected = Buffer.concat(messagesIn(bytes.subarray(end + 4)))
  return Buffer.concat(heard).equals(expected) ? null : 'heard other bytes than those of its frames'
}

const BY_THE_BOOK = `GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n`

function isByTheBook(text: string, end: number): boolean {
  return end !== -1 && text.slice(0, end + 2) === BY_THE_BOOK
}

function requestAtRandom(random: Random): Buffer {
  if (random.chance(2)) return Buffer.from(`${BY_THE_BOOK}\r\n`)
  const of = (good: string, ...bad: readonly string[]): string =>
    random.chance(6) ? random.of(bad) : good
  const lines = [
    `${of('GET', 'POST', 'get', 'OPTIONS')} ${of('/mqtt', '/', '*', '/%00', 'http://x/')} HTTP/${of('1.1', '1.0', '2.0')}`,
    `Host: ${of('localhost', '', 'evil.example')}`,
    of('Upgrade: websocket', 'Upgrade: h2c', 'Upgrade:', 'upgrade: WebSocket'),
    of('Connection: Upgrade', 'Connection: keep-alive', 'Connection: close, Upgrade'),
    `Sec-WebSocket-Key: ${of(KEY, '', 'short', `${KEY}x`)}`,
    `Sec-WebSocket-Version: ${of('13', '8', '12', '', '-1')}`,
    `Sec-WebSocket-Protocol: ${of('mqtt', 'mqttv3.1, mqtt', 'x, mqtt', 'chat', '', 'mqtt,,mqtt')}`,
    ...(random.chance(4)
      ? [`Origin: ${of('http://localhost:8083', 'http://evil.example', 'null', '\x01')}`]
      : []),
    ...(random.chance(8)
      ? ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits']
      : []),
    ...(random.chance(20) ? Array.from({ length: 120 }, (_, index) => `X-${index}: 1`) : []),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function framesAtRandom(random: Random): Buffer {
  return Buffer.concat(Array.from({ length: random.below(5) }, () => frameAtRandom(random)))
}

function frameAtRandom(random: Random): Buffer {
  const opcode = random.chance(4) ? random.of([0, 1, 2, 3, 8, 9, 10, 15]) : 2
  const isFinal = !random.chance(5)
  const length = random.chance(10) ? random.below(400) : random.below(20)
  const payload = Buffer.alloc(length, random.below(256))
  const mask = Buffer.from([1, 2, 3, random.below(256)])
  for (let index = 0; index < length; index++)
    payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0)
  const head = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([(isFinal ? 0x80 : 0) | opcode, ...head]), mask, payload])
}

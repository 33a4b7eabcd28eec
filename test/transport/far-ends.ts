// Raw clients at the other end of real wires.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectSecured } from 'node:tls'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { Far } from './wire-contract.ts'

/** What came, joined when it is asked for. */
export class Heard {
  #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }
}

/** A stream of Node: a socket, plain or secured, or one half of a pair. `raw` is what it is carried by. */
export class StreamFar implements Far {
  isClosed = false
  readonly #heard = new Heard()
  readonly #stream: Duplex
  readonly #raw: Duplex

  constructor(stream: Duplex, raw: Duplex = stream) {
    this.#stream = stream
    this.#raw = raw
    stream.on('data', (chunk: Buffer) => this.#heard.add(Buffer.from(chunk)))
    stream.on('error', () => {})
    raw.on('error', () => {})
    stream.on('end', () => stream.end())
    stream.on('close', () => (this.isClosed = true))
  }

  get bytes(): Buffer {
    return this.#heard.bytes
  }

  says(bytes: Buffer): void {
    this.#stream.write(Buffer.from(bytes))
  }

  stopsReading(): void {
    this.#stream.pause()
  }

  goesOn(): void {
    this.#stream.resume()
  }

  hangsUp(): void {
    this.#stream.end()
  }

  breaks(): void {
    reset(this.#raw)
  }
}

export class WebSocketFar implements Far {
  isClosed = false
  readonly #heard = new Heard()
  readonly #socket: WebSocket
  readonly #raw: Socket

  constructor(socket: WebSocket, raw: Socket) {
    this.#socket = socket
    this.#raw = raw
    socket.on('message', (data: Buffer) => this.#heard.add(Buffer.from(data)))
    socket.on('error', () => {})
    raw.on('error', () => {})
    socket.on('close', () => (this.isClosed = true))
  }

  get bytes(): Buffer {
    return this.#heard.bytes
  }

  says(bytes: Buffer): void {
    this.#socket.send(Buffer.from(bytes))
  }

  stopsReading(): void {
    this.#socket.pause()
  }

  goesOn(): void {
    this.#socket.resume()
  }

  hangsUp(): void {
    this.#socket.close()
  }

  breaks(): void {
    reset(this.#raw)
  }
}

/** What a client puts on a socket that is connected. */
export interface Layers {
  readonly isSecured: boolean
  readonly isWebSocket: boolean
}

export async function farEnd(t: Test, raw: Socket, layers: Layers): Promise<Far> {
  const { isSecured, isWebSocket } = layers
  const socket = isSecured ? connectSecured({ socket: raw, rejectUnauthorized: false }) : raw
  t.teardown(() => raw.destroy())
  if (!isWebSocket) {
    const far = new StreamFar(socket, raw)
    if (isSecured) await new Promise(done => socket.once('secureConnect', done))
    return far
  }
  const client = new WebSocket('ws://localhost/mqtt', 'mqtt', { createConnection: () => socket })
  const far = new WebSocketFar(client, raw)
  await new Promise(open => client.once('open', open))
  return far
}

/** A reset where there is such a thing: over TCP. */
function reset(stream: Duplex): void {
  if ('remotePort' in stream && stream.remotePort !== undefined)
    (stream as Socket).resetAndDestroy()
  else stream.destroy()
}

/** When the half of a pair says that it has written what it was given. */
export type Pace = 'within the call' | 'soon' | 'late'

/** Two streams, each the other's end, in memory. What is written is handed on as it is, not copied. */
export function streamPair(pace: Pace): [Duplex, Duplex] {
  const one = new Half(pace)
  const two = new Half(pace)
  one.other = two
  two.other = one
  return [one, two]
}

class Half extends Duplex {
  other: Half | null = null
  readonly #pace: Pace
  /** Somebody waits until we read on. */
  #whenRead: (() => void) | null = null

  constructor(pace: Pace) {
    super()
    this.#pace = pace
  }

  override _read(): void {
    const waiting = this.#whenRead
    this.#whenRead = null
    waiting?.()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const gives = (): void => this.other?.takes(chunk, done)
    if (this.#pace === 'within the call') gives()
    else if (this.#pace === 'soon') process.nextTick(gives)
    else setTimeout(gives, 2)
  }

  override _final(done: () => void): void {
    this.other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this
    process.nextTick(() => other?.destroy())
    done(error)
  }

  takes(chunk: Buffer, done: () => void): void {
    if (this.push(chunk)) done()
    else this.#whenRead = done
  }
}

// A raw connection to a broker over TCP, TLS or WebSocket. All connections read into the same memory.

import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import type { Address } from '../job.ts'
import { FrameReader, frameHeader } from './websocket-frames.ts'

export interface ChannelReceiver {
  opened(): void
  /** Receives bytes, which are valid only during the call. */
  received(bytes: Buffer, start: number, end: number): void
  closed(cause: string): void
}

/** Larger than one read of the system. */
const readMemory = Buffer.allocUnsafeSlow(262_144)
const HEADERS_END = '\r\n\r\n'

/** The source addresses of connections. One address has about 28,000 ports. */
const SOURCES = 16
let opened = 0

export class Channel {
  readonly #socket: Socket
  readonly #receiver: ChannelReceiver
  readonly #frames: FrameReader | null
  #isUpgraded: boolean
  #cause = 'the broker closed the connection'
  #answer = ''

  constructor(address: Address, receiver: ChannelReceiver) {
    this.#receiver = receiver
    const isWebSocket = address.transport === 'websocket'
    this.#isUpgraded = !isWebSocket
    this.#frames = isWebSocket
      ? new FrameReader((bytes, start, end) => receiver.received(bytes, start, end))
      : null
    this.#socket = open(address, (count, bytes) => this.#received(bytes, count))
    this.#socket.setNoDelay(true)
    const ready = address.transport === 'tls' ? 'secureConnect' : 'connect'
    this.#socket.once(ready, () => this.#connected(address))
    this.#socket.on('error', error => (this.#cause = error.message))
    this.#socket.once('close', () => receiver.closed(this.#cause))
  }

  /** Returns true when the system has taken all bytes, so that the caller may reuse the memory. */
  write(bytes: Buffer): boolean {
    const socket = this.#socket
    if (this.#frames === null) {
      socket.write(bytes)
    } else {
      socket.cork()
      socket.write(frameHeader(bytes.length))
      socket.write(bytes)
      socket.uncork()
    }
    return socket.writableLength === 0
  }

  /** Closes the connection in good order. */
  end(bytes: Buffer): void {
    this.write(bytes)
    this.#socket.end()
  }

  /** Resets the connection, so that its port is free at once. */
  reset(): void {
    this.#socket.removeAllListeners('close')
    if (this.#socket instanceof TLSSocket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  #connected({ host, port }: Address): void {
    if (this.#isUpgraded) {
      this.#receiver.opened()
      return
    }
    const lines = [
      'GET /mqtt HTTP/1.1',
      `Host: ${host}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Key: cG9uZGhhd2sgYmVuY2ggIQ==',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: mqtt',
    ]
    this.#socket.write(lines.join('\r\n') + HEADERS_END)
  }

  #received(bytes: Buffer, count: number): void {
    if (!this.#isUpgraded) this.#upgrade(bytes.latin1Slice(0, count))
    else if (this.#frames !== null) this.#frames.push(bytes, 0, count)
    else this.#receiver.received(bytes, 0, count)
  }

  /** A broker sends MQTT only after CONNECT, so no MQTT bytes follow the HTTP answer. */
  #upgrade(text: string): void {
    this.#answer += text
    if (!this.#answer.endsWith(HEADERS_END)) return
    if (!this.#answer.startsWith('HTTP/1.1 101')) {
      this.#cause = `no WebSocket: ${this.#answer.split('\r\n')[0] ?? ''}`
      this.#socket.destroy()
      return
    }
    this.#isUpgraded = true
    this.#receiver.opened()
  }
}

function open(address: Address, read: (count: number, bytes: Buffer) => void): Socket {
  const { host, port, transport, caFile } = address
  const onread = {
    buffer: readMemory,
    callback: (count: number, bytes: Uint8Array): boolean => {
      read(count, bytes === readMemory ? readMemory : Buffer.from(bytes))
      return true
    },
  }
  opened += 1
  if (transport !== 'tls') {
    const localAddress = `127.0.0.${2 + (opened % SOURCES)}`
    return connectTcp({ host, port, onread, ...(host === '127.0.0.1' ? { localAddress } : {}) })
  }
  const ca = caFile === null ? undefined : authority(caFile)
  const options = { host, port, onread, servername: 'localhost' }
  return connectTls(ca === undefined ? options : { ...options, ca })
}

const authorities = new Map<string, Buffer>()

function authority(file: string): Buffer {
  const known = authorities.get(file) ?? readFileSync(file)
  authorities.set(file, known)
  return known
}

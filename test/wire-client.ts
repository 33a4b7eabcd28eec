// A client that says exactly what a test wants, over TCP or WebSocket, and waits for what it is told. It answers nothing by itself.

import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket } from 'ws'
import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { Framer } from '../src/packet/framer.ts'
import {
  type ConnectPacket,
  NO_PROPERTIES,
  type Packet,
  type ProtocolVersion,
} from '../src/packet/packet.ts'

const PACKET_BYTES_MAX = 268_435_460

export class WireClient {
  readonly #stream: Duplex
  readonly #version: ProtocolVersion
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  readonly #heard: (Packet | null)[] = []
  #wake: () => void = () => {}

  constructor(stream: Duplex, version: ProtocolVersion = 5) {
    this.#stream = stream
    this.#version = version
    stream.on('data', (bytes: Buffer) => this.#receive(bytes))
    stream.on('error', () => {})
    stream.on('close', () => this.#hear(null))
  }

  static async open(
    port: number,
    transport: 'tcp' | 'ws' = 'tcp',
    version: ProtocolVersion = 5,
  ): Promise<WireClient> {
    if (transport === 'tcp') {
      const socket = connect(port, '127.0.0.1')
      await new Promise((opened, failed) => socket.once('connect', opened).once('error', failed))
      return new WireClient(socket, version)
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt')
    await new Promise((opened, failed) => socket.once('open', opened).once('error', failed))
    return new WireClient(createWebSocketStream(socket), version)
  }

  says(packet: Packet): void {
    this.#stream.write(encode(packet, this.#version))
  }

  connects(given: Partial<ConnectPacket>): void {
    this.says({
      type: 'connect',
      version: this.#version,
      cleanStart: true,
      keepAliveSeconds: 60,
      clientId: 'a',
      username: null,
      password: null,
      will: null,
      properties: NO_PROPERTIES,
      ...given,
    })
  }

  /** The next packet; null at the end of the connection. */
  async hears(): Promise<Packet | null> {
    for (;;) {
      const [first] = this.#heard
      if (first === null) return null
      if (first !== undefined) {
        this.#heard.shift()
        return first
      }
      await new Promise<void>(woken => (this.#wake = woken))
    }
  }

  /** The next packets, up to one of this kind. */
  async hearsUntil(type: Packet['type']): Promise<readonly Packet[]> {
    const heard: Packet[] = []
    while (heard.at(-1)?.type !== type) {
      const next = await this.hears()
      if (next === null) throw new Error(`the connection has ended without ${type}`)
      heard.push(next)
    }
    return heard
  }

  breaks(): void {
    this.#stream.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#framer.push(Buffer.from(bytes))
    while (this.#framer.next()) {
      const { bytes: frame, start, end } = this.#framer
      this.#hear(decode(Buffer.from(frame), start, end, this.#version))
    }
    if (this.#framer.hasUnread) this.#framer.keep()
  }

  #hear(packet: Packet | null): void {
    this.#heard.push(packet)
    this.#wake()
  }
}

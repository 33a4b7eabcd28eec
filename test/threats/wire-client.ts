// A client of MQTT 5 that says exactly what a test wants, over TCP or WebSocket, and waits for what it is told.

import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket } from 'ws'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { type ConnectPacket, NO_PROPERTIES, type Packet } from '../../src/packet/packet.ts'

const PACKET_BYTES_MAX = 1_048_576

export class WireClient {
  readonly #stream: Duplex
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  readonly #heard: (Packet | null)[] = []
  #wake: () => void = () => {}

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', (bytes: Buffer) => this.#receive(bytes))
    stream.on('error', () => {})
    stream.on('close', () => this.#hear(null))
  }

  static async open(port: number, transport: 'tcp' | 'ws' = 'tcp'): Promise<WireClient> {
    if (transport === 'tcp') {
      const socket = connect(port, '127.0.0.1')
      await new Promise((opened, failed) => socket.once('connect', opened).once('error', failed))
      return new WireClient(socket)
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt')
    await new Promise((opened, failed) => socket.once('open', opened).once('error', failed))
    return new WireClient(createWebSocketStream(socket))
  }

  says(packet: Packet): void {
    this.#stream.write(encode(packet, 5))
  }

  connects(given: Partial<ConnectPacket>): void {
    this.says({
      type: 'connect',
      version: 5,
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

  breaks(): void {
    this.#stream.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#framer.push(Buffer.from(bytes))
    while (this.#framer.next()) {
      const { bytes: frame, start, end } = this.#framer
      this.#hear(decode(Buffer.from(frame), start, end, 5))
    }
    if (this.#framer.hasUnread) this.#framer.keep()
  }

  #hear(packet: Packet | null): void {
    this.#heard.push(packet)
    this.#wake()
  }
}

// A client of MQTT 3.1.1 that sends packets as it is told, and answers nothing by itself.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { NO_PROPERTIES, type Packet } from '../../src/packet/packet.ts'
import { SUCCESS } from '../../src/packet/reason.ts'

type Acknowledgement = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

export class RawClient {
  readonly #socket: Socket
  readonly #framer = new Framer(268_435_460)
  readonly #packets: Packet[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => {
      this.#framer.push(Buffer.from(chunk))
      while (this.#framer.next()) {
        const { bytes, start, end } = this.#framer
        this.#packets.push(decode(Buffer.from(bytes), start, end, 4))
      }
    })
  }

  /** Continues the session of this client. */
  static async connect(port: number, clientId: string, username: string | null = null) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new RawClient(socket)
    client.#send({
      type: 'connect',
      version: 4,
      cleanStart: false,
      keepAliveSeconds: 0,
      clientId,
      username,
      password: username === null ? null : Buffer.from('x'),
      will: null,
      properties: NO_PROPERTIES,
    })
    return client
  }

  /** Returns the next packets, as many as these. */
  async takes(count: number): Promise<readonly Packet[]> {
    while (this.#packets.length < count) await once(this.#socket, 'data')
    return this.#packets.splice(0, count)
  }

  acknowledges(type: Acknowledgement, packetId: number): void {
    this.#send({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  /** At QoS 1. */
  publishes(topic: string, text: string): void {
    this.#send({
      type: 'publish',
      duplicate: false,
      qos: 1,
      retain: false,
      topic,
      packetId: 1,
      properties: NO_PROPERTIES,
      payload: Buffer.from(text),
    })
  }

  /** Sends PINGREQ: what was to come before its answer has come then. Returns it. */
  async settled(): Promise<readonly Packet[]> {
    this.#send({ type: 'pingreq' })
    while (this.#packets.at(-1)?.type !== 'pingresp') await once(this.#socket, 'data')
    return this.#packets.splice(0).slice(0, -1)
  }

  async ends(): Promise<void> {
    this.#socket.destroy()
    await once(this.#socket, 'close')
  }

  #send(packet: Packet): void {
    this.#socket.write(encode(packet, 4))
  }
}

// A client that sends given packets and counts the answers.

import { connect, type Socket } from 'node:net'
import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { Framer } from '../src/packet/framer.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type SubscriptionRequest,
  type Will,
} from '../src/packet/packet.ts'
import { SUCCESS } from '../src/packet/reason.ts'

const ANSWER_MS = 60_000
const PACKET_BYTES_MAX = 268_435_460

export interface Greeting {
  readonly isLasting?: boolean
  readonly will?: Will
  readonly receiveMaximum?: number
  readonly username?: string
}

export class MemoryClient {
  readonly #socket: Socket
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  readonly #waiting: ((reason: number) => void)[] = []
  #packetId = 0
  isClosed = false
  /** The highest reason code of all answers. */
  worst = 0

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', chunk => this.#received(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isClosed = true
      for (const answer of this.#waiting.splice(0)) answer(-1)
    })
  }

  connects(clientId: string, greeting: Greeting = {}): Promise<number> {
    const { isLasting = false, will = null, receiveMaximum, username = null } = greeting
    const properties: Properties = {
      ...(isLasting && { sessionExpiryInterval: 3_600 }),
      ...(receiveMaximum !== undefined && { receiveMaximum }),
    }
    return this.#asks({
      type: 'connect',
      version: 5,
      cleanStart: false,
      keepAliveSeconds: 0,
      clientId,
      username,
      password: null,
      will,
      properties,
    })
  }

  publishes(
    topic: string,
    payload: Buffer,
    retain: boolean,
    properties: Properties,
  ): Promise<number> {
    const packetId = this.#nextPacketId()
    const qos = 1
    return this.#asks({
      type: 'publish',
      duplicate: false,
      qos,
      retain,
      topic,
      packetId,
      properties,
      payload,
    })
  }

  subscribes(filters: readonly string[]): Promise<number> {
    const subscriptions = filters.map((filter): SubscriptionRequest => ({
      filter,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 2,
    }))
    const packetId = this.#nextPacketId()
    return this.#asks({ type: 'subscribe', packetId, subscriptions, properties: NO_PROPERTIES })
  }

  says(packet: Packet): void {
    this.#socket.write(encode(packet, 5))
  }

  /** Sends a PUBLISH of this size without its last byte. */
  half(bytes: number): void {
    const payload = Buffer.alloc(bytes)
    const packet = { type: 'publish', duplicate: false, qos: 0, retain: false, topic: 't' } as const
    const whole = encode({ ...packet, packetId: 0, properties: NO_PROPERTIES, payload }, 5)
    this.#socket.write(whole.subarray(0, -1))
  }

  ends(): void {
    this.#socket.destroy()
  }

  #asks(packet: Packet): Promise<number> {
    if (this.isClosed) return Promise.resolve(-1)
    this.says(packet)
    return new Promise(resolve => {
      const timer = setTimeout(() => resolve(-2), ANSWER_MS)
      this.#waiting.push(reason => {
        clearTimeout(timer)
        resolve(reason)
      })
    })
  }

  #received(chunk: Buffer): void {
    this.#framer.push(chunk)
    while (this.#framer.next()) {
      const { bytes, start, end } = this.#framer
      const packet = decode(bytes, start, end, 5)
      if (packet.type === 'connack' || packet.type === 'puback') this.#answered(packet.reason)
      else if (packet.type === 'suback') this.#answered(Math.max(...packet.reasons))
    }
  }

  #answered(reason: number): void {
    if (reason >= 0x80) this.worst = Math.max(this.worst, reason)
    this.#waiting.shift()?.(reason >= 0x80 ? reason : SUCCESS)
  }

  #nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1
    return this.#packetId
  }
}

// A publisher that sends more than the broker can take, and a subscriber that is slow. Both speak MQTT 3.1.1, in which a publisher has
// no window and no PUBLISH can be refused.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Framer } from '../src/packet/framer.ts'
import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { NO_PROPERTIES, type Packet } from '../src/packet/packet.ts'

const PACKET_BYTES_MAX = 1_048_576
const PACKET_IDENTIFIERS = 65_535
/** What the generator's own socket may hold: beyond it the publisher is held back by the network. */
const WAITING_BYTES_MAX = 262_144
const PAYLOAD_BYTES = 200

abstract class Client {
  readonly #socket: Socket
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  isClosed = false

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', chunk => this.#received(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => (this.isClosed = true))
  }

  get waitingBytes(): number {
    return this.#socket.writableLength
  }

  async opens(clientId: string, cleanStart: boolean): Promise<void> {
    await once(this.#socket, 'connect')
    const answered = once(this.#socket, 'data')
    this.says({
      type: 'connect',
      version: 4,
      cleanStart,
      keepAliveSeconds: 0,
      clientId,
      username: null,
      password: null,
      will: null,
      properties: NO_PROPERTIES,
    })
    await answered
  }

  ends(): void {
    this.#socket.destroy()
  }

  protected says(packet: Packet): void {
    this.#socket.write(encode(packet, 4))
  }

  protected abstract hears(packet: Packet): void

  #received(chunk: Buffer): void {
    const framer = this.#framer
    framer.push(chunk)
    while (framer.next()) this.hears(decode(framer.bytes, framer.start, framer.end, 4))
    if (framer.hasUnread) framer.keep()
  }
}

export class OverloadPublisher extends Client {
  readonly #topic: string
  readonly #payload = Buffer.alloc(PAYLOAD_BYTES, 'x')
  sent = 0
  /** PUBACK comes in the order of the messages. */
  acknowledged = 0

  constructor(port: number, topic: string) {
    super(port)
    this.#topic = topic
  }

  get unanswered(): number {
    return this.sent - this.acknowledged
  }

  /** Sends up to so many messages, as many as the network takes. */
  publishes(count: number): void {
    for (let done = 0; done < count; done++) {
      if (this.waitingBytes > WAITING_BYTES_MAX || this.unanswered >= PACKET_IDENTIFIERS - 1) return
      this.sent += 1
      this.#payload.writeUInt32BE(this.sent)
      this.says({
        type: 'publish',
        duplicate: false,
        qos: 1,
        retain: false,
        topic: this.#topic,
        packetId: ((this.sent - 1) % PACKET_IDENTIFIERS) + 1,
        properties: NO_PROPERTIES,
        payload: this.#payload,
      })
    }
  }

  protected hears(packet: Packet): void {
    if (packet.type === 'puback') this.acknowledged += 1
  }
}

export class OverloadSubscriber extends Client {
  /** The numbers of the messages that came. */
  readonly received: Set<number> = new Set()
  readonly #unacknowledged: number[] = []
  /** Whether it acknowledges at once. */
  isFast = true

  subscribes(topic: string): void {
    const rest = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    this.says({
      type: 'subscribe',
      packetId: 1,
      subscriptions: [{ filter: topic, qos: 1, ...rest }],
      properties: NO_PROPERTIES,
    })
  }

  /** Acknowledges up to so many messages. */
  acknowledges(count: number): void {
    for (const packetId of this.#unacknowledged.splice(0, count)) {
      this.says({ type: 'puback', packetId, reason: 0, properties: NO_PROPERTIES })
    }
  }

  protected hears(packet: Packet): void {
    if (packet.type !== 'publish') return
    this.received.add(packet.payload.readUInt32BE())
    this.#unacknowledged.push(packet.packetId)
    if (this.isFast) this.acknowledges(Infinity)
  }
}

// A client of MQTT 5 on a socket, which records only what it receives.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type QoS,
  type Will,
} from '../../src/packet/packet.ts'

export const ACKNOWLEDGED = { reason: 0, properties: NO_PROPERTIES } as const

export class SampleClient {
  readonly #socket: Socket
  readonly #framer = new Framer(268_435_460)
  readonly #heard: Packet[] = []
  #wakes: () => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', chunk => {
      this.#framer.push(chunk)
      while (this.#framer.next()) {
        const { bytes, start, end } = this.#framer
        this.#heard.push(decode(bytes, start, end, 5))
      }
      this.#wakes()
    })
    this.#socket.on('error', () => {})
  }

  says(packet: Packet): void {
    this.#socket.write(encode(packet, 5))
  }

  async next(): Promise<Packet> {
    for (;;) {
      const next = this.#heard.shift()
      if (next !== undefined) return next
      await new Promise<void>(resolve => (this.#wakes = resolve))
    }
  }

  /** The next packet of this kind; those before it are passed over. */
  async receives(type: Packet['type']): Promise<Packet> {
    for (;;) {
      const next = await this.next()
      if (next.type === type) return next
    }
  }

  async connects(
    clientId: string,
    properties: Properties,
    will: Will | null = null,
  ): Promise<void> {
    const name = { username: null, password: null, keepAliveSeconds: 0 }
    const rest = { version: 5, cleanStart: false, clientId, will, properties } as const
    this.says({ type: 'connect', ...name, ...rest })
    await this.receives('connack')
  }

  async subscribes(
    filter: string,
    qos: QoS,
    properties: Properties = NO_PROPERTIES,
    retainHandling: 0 | 2 = 2,
  ): Promise<void> {
    const isShared = filter.startsWith('$share/')
    const options = { noLocal: !isShared, retainAsPublished: true, retainHandling } as const
    this.says({
      type: 'subscribe',
      packetId: 1,
      subscriptions: [{ filter, qos, ...options }],
      properties,
    })
    await this.receives('suback')
  }

  async publishes(
    topic: string,
    payload: string,
    qos: QoS,
    rest: Partial<Rest> = {},
  ): Promise<void> {
    const { packetId = qos === 0 ? 0 : 9, retain = false, properties = NO_PROPERTIES } = rest
    this.says({
      type: 'publish',
      duplicate: false,
      qos,
      retain,
      topic,
      packetId,
      properties,
      payload: Buffer.from(payload),
    })
    if (qos === 1) await this.receives('puback')
    if (qos !== 2) return
    await this.receives('pubrec')
    if (rest.isLeftOpen === true) return
    this.says({ type: 'pubrel', packetId, ...ACKNOWLEDGED })
    await this.receives('pubcomp')
  }

  /** Goes away without a word. */
  async vanishes(): Promise<void> {
    this.#socket.destroy()
    await sleep(100)
  }
}

interface Rest {
  readonly packetId: number
  readonly retain: boolean
  readonly properties: Properties
  readonly isLeftOpen: boolean
}

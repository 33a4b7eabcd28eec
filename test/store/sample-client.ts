// A client of MQTT 5 with durable sessions, in the steps of the sample stores.

import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type QoS,
  type Will,
} from '../../src/packet/packet.ts'
import { WireClient } from '../wire-client.ts'

export const ACKNOWLEDGED = { reason: 0, properties: NO_PROPERTIES } as const

export class SampleClient {
  readonly #wire: WireClient

  constructor(port: number) {
    this.#wire = new WireClient(connect(port, '127.0.0.1'))
  }

  says(packet: Packet): void {
    this.#wire.says(packet)
  }

  /** The next packet; null at the end of the connection. */
  hears(): Promise<Packet | null> {
    return this.#wire.hears()
  }

  async next(): Promise<Packet> {
    const next = await this.hears()
    if (next === null) throw new Error('the connection has ended')
    return next
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
    this.#wire.connects({ cleanStart: false, keepAliveSeconds: 0, clientId, will, properties })
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
    this.#wire.breaks()
    await sleep(100)
  }
}

interface Rest {
  readonly packetId: number
  readonly retain: boolean
  readonly properties: Properties
  readonly isLeftOpen: boolean
}

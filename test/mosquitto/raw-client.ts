// A client of MQTT 3.1.1 that continues its session, in the steps of the tests of imports.

import { NO_PROPERTIES, type Packet } from '../../src/packet/packet.ts'
import { SUCCESS } from '../../src/packet/reason.ts'
import { WireClient } from '../wire-client.ts'

type Acknowledgement = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

export class RawClient {
  readonly #wire: WireClient

  private constructor(wire: WireClient) {
    this.#wire = wire
  }

  /** Continues the session of this client. */
  static async connect(port: number, clientId: string, username: string | null = null) {
    const wire = await WireClient.open(port, 'tcp', 4)
    const password = username === null ? null : Buffer.from('x')
    wire.connects({ cleanStart: false, keepAliveSeconds: 0, clientId, username, password })
    return new RawClient(wire)
  }

  /** Returns the next packets, as many as these. */
  async takes(count: number): Promise<readonly Packet[]> {
    const taken: Packet[] = []
    while (taken.length < count) {
      const next = await this.#wire.hears()
      if (next === null) throw new Error(`the connection has ended after ${taken.length} packets`)
      taken.push(next)
    }
    return taken
  }

  acknowledges(type: Acknowledgement, packetId: number): void {
    this.#wire.says({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  /** At QoS 1. */
  publishes(topic: string, text: string): void {
    this.#wire.says({
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
    this.#wire.says({ type: 'pingreq' })
    return (await this.#wire.hearsUntil('pingresp')).slice(0, -1)
  }

  async ends(): Promise<void> {
    this.#wire.breaks()
    await this.#wire.hears()
  }
}

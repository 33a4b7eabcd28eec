// A client of MQTT 5 that comes back after each loss of its connection, and loses it now and then by itself, until the calm begins.

import { NO_PROPERTIES, type Packet, type Properties, type QoS } from '../src/packet/packet.ts'
import { SUCCESS } from '../src/packet/reason.ts'
import { ClientConnection, type Conversing } from './client-connection.ts'
import { connectPacket, describePacket } from './client-packets.ts'
import type { Random } from './random.ts'
import type { ClientWorld } from './sim-client.ts'

const DURABLE_SECONDS = 86_400
const CALM_STEP_MS = 500

export interface ReturningTerms {
  readonly random: Random
  readonly paceMs: number
}

export interface Outgoing {
  readonly topic: string
  readonly payload: string
  readonly qos: 1 | 2
  readonly userProperties?: readonly (readonly [name: string, value: string])[]
}

export abstract class ReturningClient implements Conversing {
  readonly clientId: string
  isCalm = false
  protected readonly world: ClientWorld
  protected readonly terms: ReturningTerms
  protected connection: ClientConnection | null = null
  #lastPacketId = 0

  constructor(clientId: string, world: ClientWorld, terms: ReturningTerms) {
    this.clientId = clientId
    this.world = world
    this.terms = terms
  }

  begins(): void {
    const { random, paceMs } = this.terms
    this.world.events.after(this.isCalm ? CALM_STEP_MS : random.below(paceMs + 1), () => {
      if (this.connection === null) this.#connects()
      else if (this.connection.isAccepted) this.#acts(this.connection)
      this.begins()
    })
  }

  lost(connection: ClientConnection): void {
    if (this.connection !== connection) return
    this.connection = null
    this.forgets()
  }

  receives(connection: ClientConnection, packet: Packet): void {
    this.world.trace(() => `${this.clientId} receives ${describePacket(packet)}`)
    if (packet.type !== 'connack') this.hears(connection, packet)
    else if (packet.reason === SUCCESS) {
      connection.isAccepted = true
      this.arrived(connection, packet.sessionPresent)
    }
  }

  protected nextPacketId(): number {
    this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    return this.#lastPacketId
  }

  /** Of the next connection. */
  protected get receiveMaximum(): number {
    return 65_535
  }

  /** Publishes at QoS 1 or 2, and returns the packet identifier. */
  protected publishes(
    connection: ClientConnection,
    { topic, payload, qos, userProperties }: Outgoing,
  ): number {
    const packetId = this.nextPacketId()
    connection.sends({
      ...{ type: 'publish', duplicate: false, qos, retain: false, packetId, topic },
      payload: Buffer.from(payload),
      properties: userProperties === undefined ? NO_PROPERTIES : { userProperties },
    })
    return packetId
  }

  protected subscribes(
    connection: ClientConnection,
    filter: string,
    qos: QoS,
    properties: Properties = NO_PROPERTIES,
  ): void {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    connection.sends({
      type: 'subscribe',
      packetId: this.nextPacketId(),
      subscriptions: [{ filter, qos, ...options }],
      properties,
    })
  }

  protected abstract readonly isDurable: boolean
  protected abstract arrived(connection: ClientConnection, isPresent: boolean): void
  protected abstract hears(connection: ClientConnection, packet: Packet): void
  protected abstract steps(connection: ClientConnection): void
  /** The connection is lost. */
  protected abstract forgets(): void

  #acts(connection: ClientConnection): void {
    const { random } = this.terms
    if (!this.isCalm && random.chance(40)) connection.wire.breaks(random.of([0, 10, 1_000]))
    else this.steps(connection)
  }

  #connects(): void {
    const terms = {
      version: 5,
      cleanStart: !this.isDurable,
      expirySeconds: this.isDurable ? DURABLE_SECONDS : 0,
      keepAliveSeconds: 0,
      receiveMaximum: this.receiveMaximum,
      topicAliasMaximum: 0,
      will: null,
      willDelaySeconds: 0,
      sentAt: this.world.events.now,
    } as const
    const connection = new ClientConnection(terms, this)
    const wire = this.world.wire(connection)
    if (wire === null) return
    connection.opens(wire)
    this.connection = connection
    connection.sends(connectPacket(this.clientId, terms))
  }
}

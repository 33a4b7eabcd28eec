// A consumer of one named queue. It answers late, refuses, is silent, leaves and comes back, until the calm begins.

import { NO_PROPERTIES, type Packet, type PublishPacket } from '../src/packet/packet.ts'
import { isFailure, SUCCESS } from '../src/packet/reason.ts'
import { ClientConnection, type Conversing } from './client-connection.ts'
import { answer, connectPacket, describePacket } from './client-packets.ts'
import type { HandOut, QueueOracle } from './queue-oracle.ts'
import type { QueuesOfWorld } from './queue-settings.ts'
import type { ClientWorld } from './sim-client.ts'
import { mayRefuse } from './end-reasons.ts'

const REFUSED = 0x83
const DURABLE_SECONDS = 86_400
/** The longest time until the broker has stored what it was sent on a sound wire. */
const STORED_MS = 2_000
const CALM_STEP_MS = 500
/** Enough for all packets but some PUBLISH. */
const SMALL_BYTES = 100

export class QueueWorker implements Conversing {
  readonly clientId: string
  readonly queue: string
  readonly version: 4 | 5
  isCalm = false
  readonly #world: ClientWorld
  readonly #oracle: QueueOracle
  readonly #terms: QueuesOfWorld
  #connection: ClientConnection | null = null
  #lastPacketId = 0
  /** At QoS 0 a message is settled when it is sent. */
  readonly qos: 0 | 1
  /** By packet identifier, on the present connection. */
  readonly #held = new Map<number, HandOut | null>()

  constructor(
    names: { readonly clientId: string; readonly queue: string },
    version: 4 | 5,
    world: ClientWorld,
    oracle: QueueOracle,
    terms: QueuesOfWorld,
  ) {
    this.clientId = names.clientId
    this.queue = names.queue
    this.version = version
    this.#world = world
    this.#oracle = oracle
    this.#terms = terms
    this.qos = !names.queue.endsWith('.dead') && terms.random.chance(terms.qos0) ? 0 : 1
  }

  /** Takes its steps until the end of the world. */
  begins(): void {
    const { random, paceMs } = this.#terms
    this.#world.events.after(this.isCalm ? CALM_STEP_MS : random.below(paceMs + 1), () => {
      this.#acts()
      this.begins()
    })
  }

  /** From now on it stays, consumes and acknowledges everything. */
  calmsDown(): void {
    this.isCalm = true
    const connection = this.#connection
    connection?.wire.thaws()
    if (connection?.terms.maximumPacketSize !== undefined) return this.#leaves(connection)
    if (connection?.isAccepted === true) this.#asks(connection, 'subscribe')
    for (const packetId of [...this.#held.keys()]) this.#answers(packetId, SUCCESS)
  }

  receives(connection: ClientConnection, packet: Packet): void {
    this.#world.trace(() => `${this.clientId} receives ${describePacket(packet)}`)
    switch (packet.type) {
      case 'connack':
        if (packet.reason === SUCCESS) this.#accepted(connection, packet.sessionPresent)
        else if (!mayRefuse(this.#world, packet.reason)) this.#complains('was refused')
        return
      case 'suback':
        if (packet.reasons.some(isFailure)) this.#complains('may not consume')
        return
      case 'publish':
        return this.#handed(connection, packet)
      case 'disconnect':
        if (!this.#world.mayEndWith(packet.reason)) this.#complains('was disconnected')
        return
      case 'unsuback':
        return
      default:
        this.#complains(`received ${packet.type}, which it does not await`)
    }
  }

  lost(connection: ClientConnection): void {
    if (this.#connection !== connection) return
    this.#connection = null
    this.#held.clear()
    this.#world.trace(() => `${this.clientId} has lost its connection`)
  }

  #acts(): void {
    const { random } = this.#terms
    const connection = this.#connection
    if (connection === null) return this.#connects()
    if (this.isCalm || !connection.isAccepted) return
    const dice = random.below(50)
    if (dice === 0) this.#leaves(connection)
    else if (dice === 1) connection.wire.breaks(random.of([0, 10, 1_000, 60_000]))
    else if (dice === 2) this.#freezes(connection)
    else if (dice === 3) this.#asks(connection, 'unsubscribe')
    else if (dice < 7) this.#asks(connection, 'subscribe')
  }

  #connects(): void {
    const { random } = this.#terms
    const isDurable = random.chance(2)
    const terms = {
      version: this.version,
      cleanStart: !isDurable,
      expirySeconds: isDurable ? DURABLE_SECONDS : 0,
      keepAliveSeconds: 0,
      receiveMaximum: this.version === 5 ? random.of([1, 2, 5, 65_535]) : 65_535,
      topicAliasMaximum: 0,
      ...(this.version === 5 &&
        !this.isCalm &&
        random.chance(this.#terms.smallPackets) && { maximumPacketSize: SMALL_BYTES }),
      will: null,
      willDelaySeconds: 0,
      sentAt: this.#world.events.now,
    } as const
    const connection = new ClientConnection(terms, this)
    const wire = this.#world.wire(connection)
    if (wire === null) return
    connection.opens(wire)
    this.#connection = connection
    this.#world.trace(() => `${this.clientId} connects to consume ${this.queue}`)
    connection.sends(connectPacket(this.clientId, terms))
  }

  #accepted(connection: ClientConnection, isPresent: boolean): void {
    connection.isAccepted = true
    if (this.isCalm || !isPresent || this.#terms.random.chance(2)) {
      this.#asks(connection, 'subscribe')
    }
  }

  #asks(connection: ClientConnection, type: 'subscribe' | 'unsubscribe'): void {
    const filter = `$queue/${this.queue}`
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    const packet = { packetId: this.#lastPacketId, properties: NO_PROPERTIES }
    this.#world.trace(() => `${this.clientId} says ${type.toUpperCase()} ${filter}`)
    if (type === 'unsubscribe') connection.sends({ type, ...packet, filters: [filter] })
    else
      connection.sends({ type, ...packet, subscriptions: [{ filter, qos: this.qos, ...options }] })
  }

  #leaves(connection: ClientConnection): void {
    this.#world.trace(() => `${this.clientId} says DISCONNECT`)
    connection.sends({ type: 'disconnect', reason: SUCCESS, properties: NO_PROPERTIES })
    connection.isOver = true
    connection.wire.hangsUp()
    this.lost(connection)
  }

  #freezes({ wire }: ClientConnection): void {
    wire.freezes()
    this.#world.events.after(this.#terms.random.of([10, 1_000, 20_000]), () => wire.thaws())
  }

  #handed(connection: ClientConnection, packet: PublishPacket): void {
    const { random, silences, refusals } = this.#terms
    const topic = connection.topicOf(packet) ?? ''
    const handOut = this.#oracle.received(this, connection, { ...packet, topic })
    const { packetId } = packet
    if (this.qos === 0) return
    this.#held.set(packetId, handOut)
    const reason = this.version === 5 && random.chance(refusals) ? REFUSED : SUCCESS
    const isSilent = random.chance(silences)
    const delayMs = random.of([0, 0, 5, 100, 2_000, 15_000])
    if (this.isCalm) this.#answers(packetId, SUCCESS)
    else if (!isSilent) {
      this.#world.events.after(delayMs, () => {
        const isOpen = this.#connection === connection && this.#held.get(packetId) === handOut
        if (isOpen && this.#held.has(packetId)) this.#answers(packetId, reason)
      })
    }
  }

  #answers(packetId: number, reason: typeof SUCCESS | typeof REFUSED): void {
    const connection = this.#connection
    const handOut = this.#held.get(packetId)
    if (connection === null || handOut === undefined) return
    this.#held.delete(packetId)
    this.#world.trace(() => `${this.clientId} answers #${packetId} with ${reason}`)
    connection.sends({ ...answer('puback', packetId), reason })
    if (handOut === null) return
    this.#oracle.answered(handOut, reason === SUCCESS)
    const { brokerStartedAt, events } = this.#world
    // Between partitions it may take any time.
    const isNear = !this.#world.history.isOfPartitions
    const isReading = !connection.wire.isBrokerClosed && !connection.wire.isBroken
    if (isNear && reason === SUCCESS && isReading) {
      events.after(STORED_MS, () => {
        const isSame = this.#connection === connection && !connection.wire.isBrokerClosed
        const isSound = !connection.isOver && !connection.wire.isBroken
        if (isSame && isSound && this.#world.brokerStartedAt === brokerStartedAt) {
          this.#oracle.isStored(handOut)
        }
      })
    }
  }

  #complains(what: string): void {
    this.#world.history.violation('peace', `${this.clientId} ${what}`)
  }
}

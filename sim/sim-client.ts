// A client that follows the specification: it keeps its session state, sends unanswered packets again when its session is
// present, and records what it sends and receives.

import {
  type AcknowledgementPacket,
  type ConnackPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
  type SubscriptionRequest,
} from '../src/packet/packet.ts'
import { isFailure, SUCCESS } from '../src/packet/reason.ts'
import { ClientConnection, type Conversing, type Terms } from './client-connection.ts'
import {
  answer,
  connectPacket,
  describePacket,
  describeRequest,
  describePublish,
  describeTerms,
  payloadOf,
  requestOf,
  type PublishRequest,
} from './client-packets.ts'
import { ClientSession, type Outgoing } from './client-session.ts'
import type { EventQueue } from './event-queue.ts'
import { ownOptionsIn } from './conflations.ts'
import { idIn, type History, type Publication, type Request } from './history.ts'
import { received } from './live-oracle.ts'
import type { ClientEnd, SimWire } from './sim-wire.ts'
import { mayPublish, maySubscribe } from './rights.ts'
import { mayRefuse } from './end-reasons.ts'

/** The part of the world that a client uses. */
export interface ClientWorld {
  readonly events: EventQueue
  readonly history: History
  /** When the running broker started, in milliseconds; null while none runs. */
  readonly brokerStartedAt: number | null
  /** Whether the broker may end a connection with this reason in this world. */
  mayEndWith(reason: number): boolean
  /** Opens a wire to the broker; null when no broker listens. */
  wire(client: ClientEnd): SimWire | null
  trace(line: () => string): void
}

export class SimClient implements Conversing {
  readonly clientId: string
  readonly version: ProtocolVersion
  readonly #world: ClientWorld
  readonly #session: ClientSession
  connection: ClientConnection | null = null
  #latest: ClientConnection | null = null
  #published = 0
  #lastPacketId = 0

  constructor(clientId: string, version: ProtocolVersion, world: ClientWorld) {
    this.clientId = clientId
    this.version = version
    this.#world = world
    this.#session = new ClientSession(clientId, world)
  }

  get isConnected(): boolean {
    return this.connection?.isAccepted === true
  }

  get session(): ClientSession {
    return this.#session
  }

  /** The filters of SUBSCRIBE packets that were not answered yet. */
  get filters(): readonly string[] {
    const requests = this.#session.record?.requests ?? []
    return requests.filter(each => each.endedAt === null).map(each => each.filter)
  }

  connects(terms: Terms): void {
    const connection = new ClientConnection(terms, this)
    const wire = this.#world.wire(connection)
    if (wire === null) return
    if (this.#latest?.isAccepted === false) wire.follows(this.#latest.wire)
    connection.opens(wire)
    connection.beganAtMs = this.#world.events.now
    this.connection = connection
    this.#latest = connection
    this.#session.attempts(connection)
    this.#world.trace(() => `${this.clientId} says CONNECT ${describeTerms(terms)}`)
    connection.sends(connectPacket(this.clientId, terms))
  }

  /** Makes the will of the next CONNECT. */
  composesWill(request: PublishRequest): Publication {
    return this.#compose('will', request, null)
  }

  publishes(request: PublishRequest): void {
    const { connection } = this
    if (connection === null || !this.isConnected) return
    const { outgoing } = this.#session
    if (request.qos > 0 && outgoing.size >= Math.min(connection.serverReceiveMaximum, 40)) return
    const publication = this.#compose('publish', request, connection.wire)
    this.#world.trace(
      () => `${this.clientId} publishes ${describePublish(publication.id, request)}`,
    )
    const packetId = request.qos === 0 ? 0 : this.#nextPacketId()
    if (packetId !== 0) outgoing.set(packetId, { publication, state: 'published' })
    connection.sends(this.#publishPacket(connection, publication, packetId, request.usesAlias))
  }

  subscribes(asked: readonly SubscriptionRequest[], properties: Properties = NO_PROPERTIES): void {
    const { connection } = this
    const { record } = this.#session
    if (connection === null || record === null || !this.isConnected) return
    const moment = this.#world.events.count
    const [identifier = 0] = properties.subscriptionIdentifiers ?? []
    const terms = { identifier, ...ownOptionsIn(properties) }
    const requests = asked.map(each => requestOf(each, terms, moment))
    for (const request of requests) {
      for (const older of record.requests) {
        if (older.filter === request.filter) older.endedAt ??= moment
      }
      record.requests.push(request)
      if (request.shareName !== null) record.isMember = true
    }
    const packetId = this.#nextPacketId()
    connection.asked.set(packetId, { kind: 'subscribe', requests })
    this.#world.trace(() => {
      const named = identifier === 0 ? '' : ` as ${identifier}`
      return `${this.clientId} subscribes ${asked.map(describeRequest).join(', ')}${named}`
    })
    connection.sends({
      type: 'subscribe',
      packetId,
      subscriptions: asked,
      properties,
    })
  }

  unsubscribes(filter: string): void {
    const { connection } = this
    const { record } = this.#session
    if (connection === null || record === null || !this.isConnected) return
    const moment = this.#world.events.count
    const requests = record.requests.filter(each => each.filter === filter)
    for (const request of requests) request.endedAt ??= moment
    const packetId = this.#nextPacketId()
    connection.asked.set(packetId, { kind: 'unsubscribe', requests })
    this.#world.trace(() => `${this.clientId} unsubscribes ${filter}`)
    connection.sends({
      type: 'unsubscribe',
      packetId,
      filters: [filter],
      properties: NO_PROPERTIES,
    })
  }

  pings(): void {
    this.connection?.sends({ type: 'pingreq' })
  }

  /** Sends DISCONNECT. With a reason other than success the broker must publish the will. */
  leaves(withWill: boolean): void {
    const { connection } = this
    if (connection === null || !this.isConnected) return
    const says = withWill && this.version === 5
    this.#world.trace(() => `${this.clientId} says DISCONNECT${says ? ' with its will' : ''}`)
    connection.hasSentDisconnect = !says
    connection.sends({
      type: 'disconnect',
      reason: says ? 0x04 : SUCCESS,
      properties: NO_PROPERTIES,
    })
    connection.isOver = true
    connection.wire.hangsUp()
    this.lost(connection)
  }

  receives(connection: ClientConnection, packet: Packet): void {
    this.#world.trace(() => `${this.clientId} receives ${describePacket(packet)}`)
    switch (packet.type) {
      case 'connack':
        return this.#accepted(connection, packet)
      case 'publish':
        return this.#receives(connection, packet)
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        return this.#answered(connection, packet)
      case 'pubrel':
        this.#session.incoming.delete(packet.packetId)
        connection.unanswered.delete(packet.packetId)
        connection.sends(answer('pubcomp', packet.packetId))
        return
      case 'suback':
      case 'unsuback':
        return this.#granted(connection, packet)
      case 'disconnect':
        if (!this.#world.mayEndWith(packet.reason)) {
          this.#violation('peace', `received DISCONNECT ${packet.reason.toString(16)}`)
        }
        return
      case 'pingresp':
        return
      default:
        this.#violation('peace', `received ${packet.type}, which a broker does not say`)
    }
  }

  lost(connection: ClientConnection): void {
    if (this.connection !== connection) return
    this.connection = null
    this.#world.trace(() => `${this.clientId} has lost its connection`)
    this.#session.lost(connection)
  }

  #accepted(connection: ClientConnection, packet: ConnackPacket): void {
    if (packet.reason !== SUCCESS) {
      if (!mayRefuse(this.#world, packet.reason)) {
        this.#violation('peace', `was refused with ${packet.reason.toString(16)}`)
      }
      return
    }
    connection.isAccepted = true
    const { wire, beganAtMs } = connection
    connection.acceptedAtMs = wire.hasFrozen ? beganAtMs : this.#world.events.now
    connection.serverReceiveMaximum = packet.properties.receiveMaximum ?? 65_535
    connection.serverAliasMaximum = packet.properties.topicAliasMaximum ?? 0
    this.#session.opened(connection, packet.sessionPresent)
    // In the order in which they were sent first [MQTT-4.4.0-1].
    for (const [packetId, { publication, state }] of this.#session.outgoing) {
      if (state === 'released') connection.sends(answer('pubrel', packetId))
      else {
        publication.attempts += 1
        publication.wire = connection.wire
        const resent = this.#publishPacket(connection, publication, packetId, false)
        connection.sends({ ...resent, duplicate: true })
      }
    }
  }

  #receives(connection: ClientConnection, packet: PublishPacket): void {
    const topic = connection.topicOf(packet)
    const { record, incoming } = this.#session
    if (topic === null || record === null) {
      this.#violation('peace', 'received PUBLISH with an alias that nobody set')
      return
    }
    const { packetId, qos } = packet
    if (qos > 0) this.#countUnanswered(connection, packetId)
    const id = packet.payload.length === 0 ? `empty on ${topic}` : idIn(packet.payload)
    const known = qos === 2 ? incoming.get(packetId) : undefined
    if (known !== undefined && known !== id) {
      this.#violation('I2', `received ${id} under the packet identifier that ${known} holds`)
    }
    if (known === undefined) {
      const { count: moment, now: nowMs } = this.#world.events
      const { version } = this
      const { heardHere: onConnection, acceptedAtMs: connectedAtMs } = connection
      const when = { moment, nowMs, connectedAtMs }
      received(this.#world.history, {
        session: record,
        packet,
        topic,
        version,
        onConnection,
        ...when,
      })
    }
    if (qos === 1) {
      connection.unanswered.delete(packetId)
      connection.sends(answer('puback', packetId))
    } else if (qos === 2) {
      incoming.set(packetId, id)
      connection.sends(answer('pubrec', packetId))
    }
  }

  #countUnanswered(connection: ClientConnection, packetId: number): void {
    const { unanswered, terms } = connection
    if (unanswered.has(packetId)) {
      this.#violation('peace', `received the packet identifier ${packetId} twice on one connection`)
    }
    unanswered.add(packetId)
    if (unanswered.size > terms.receiveMaximum) {
      this.#violation('peace', `received more than its Receive Maximum of ${terms.receiveMaximum}`)
    }
  }

  #answered(connection: ClientConnection, packet: AcknowledgementPacket): void {
    const { outgoing } = this.#session
    const sent = outgoing.get(packet.packetId)
    const expected = sent?.publication.qos === 1 ? 'puback' : 'pubrec'
    if (sent === undefined || (packet.type !== 'pubcomp' && packet.type !== expected)) {
      this.#violation(
        'peace',
        `received ${packet.type} for ${packet.packetId}, which it does not await`,
      )
      return
    }
    if (packet.type === 'pubcomp') {
      outgoing.delete(packet.packetId)
      return
    }
    this.#judged(sent, packet)
    if (packet.type === 'puback' || isFailure(packet.reason)) outgoing.delete(packet.packetId)
    else {
      // PUBREL packets are sent again in the order in which PUBREC arrived.
      outgoing.delete(packet.packetId)
      outgoing.set(packet.packetId, { publication: sent.publication, state: 'released' })
      connection.sends(answer('pubrel', packet.packetId))
    }
  }

  #judged({ publication }: Outgoing, packet: AcknowledgementPacket): void {
    const moment = this.#world.events.count
    if (!isFailure(packet.reason)) {
      publication.acceptedAt ??= moment
      publication.acceptedAtMs ??= this.#world.events.now
      return
    }
    if (!publication.isRefused && !this.#world.mayEndWith(packet.reason)) {
      this.#violation('peace', `${publication.id} was refused with ${packet.reason.toString(16)}`)
    }
    // An earlier attempt may have arrived, and only its answer was lost.
    if (publication.attempts === 1) publication.isRefused = true
  }

  #granted(
    connection: ClientConnection,
    packet: SubackPacket | { type: 'unsuback'; packetId: number },
  ): void {
    const asked = connection.asked.get(packet.packetId)
    connection.asked.delete(packet.packetId)
    const moment = this.#world.events.count
    if (
      asked === undefined ||
      packet.type !== (asked.kind === 'subscribe' ? 'suback' : 'unsuback')
    ) {
      this.#violation('peace', `received ${packet.type} that it does not await`)
      return
    }
    if (packet.type === 'unsuback') {
      for (const request of asked.requests) request.goneAt ??= moment
      return
    }
    for (const [index, request] of asked.requests.entries()) {
      const reason = packet.reasons[index] ?? 0x80
      if (isFailure(reason)) this.#refusedSubscription(request, reason)
      else this.#grantedSubscription(request, moment)
    }
  }

  #refusedSubscription(request: Request, reason: number): void {
    request.isRefused = true
    if (maySubscribe(request.topicFilter)) {
      this.#violation('peace', `was refused ${request.filter} with ${reason.toString(16)}`)
    }
  }

  #grantedSubscription(request: Request, moment: number): void {
    request.grantedAt = moment
    if (!maySubscribe(request.topicFilter)) {
      this.#violation('I6', `was granted ${request.filter} without a right`)
    }
    for (const older of this.#session.record?.requests ?? []) {
      if (older !== request && older.filter === request.filter && older.sentAt < request.sentAt) {
        older.goneAt ??= moment
      }
    }
  }

  #compose(kind: Publication['kind'], request: PublishRequest, wire: SimWire | null): Publication {
    this.#published += 1
    const id = `${this.clientId}${kind === 'will' ? 'w' : '-'}${this.#published}`
    const publication: Publication = {
      id,
      publisher: this.clientId,
      kind,
      topic: request.topic,
      qos: request.qos,
      retain: request.retain,
      delaySeconds: request.delaySeconds ?? null,
      payload: payloadOf(id, request),
      properties: this.version === 5 ? request.properties : NO_PROPERTIES,
      order: this.#published,
      sentAt: this.#world.events.count,
      sentAtMs: this.#world.events.now,
      wire,
      attempts: 1,
      acceptedAt: null,
      acceptedAtMs: null,
      isRefused: !mayPublish(request.topic),
      mayBeLate: false,
      fate: 'may',
    }
    this.#world.history.published(publication)
    return publication
  }

  #publishPacket(
    connection: ClientConnection,
    publication: Publication,
    packetId: number,
    usesAlias: boolean,
  ): PublishPacket {
    const { qos, retain, delaySeconds, payload, properties } = publication
    const delayed = delaySeconds === null ? '' : `$delayed/${delaySeconds}/`
    const topic = delayed + publication.topic
    const packet: PublishPacket = {
      type: 'publish',
      duplicate: false,
      qos,
      retain,
      topic,
      packetId,
      properties,
      payload,
    }
    if (!usesAlias || this.version < 5) return packet
    const { aliases, serverAliasMaximum } = connection
    const known = aliases.get(topic)
    const topicAlias = known ?? aliases.size + 1
    if (topicAlias > serverAliasMaximum) return packet
    aliases.set(topic, topicAlias)
    return {
      ...packet,
      topic: known === undefined ? topic : '',
      properties: { ...properties, topicAlias },
    }
  }

  #nextPacketId(): number {
    do {
      this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    } while (
      this.#session.outgoing.has(this.#lastPacketId) ||
      this.connection?.asked.has(this.#lastPacketId) === true
    )
    return this.#lastPacketId
  }

  #violation(rule: string, sentence: string): void {
    this.#world.history.violation(rule, `${this.clientId} ${sentence}`)
  }
}

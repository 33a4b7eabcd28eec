// An MQTT client that follows the specification and records in the event log what it sends and receives. It keeps its session
// state across connections, sends again with DUP and the same packet identifier, and accepts each QoS 2 message once.

import { connect, type Socket } from 'node:net'
import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { Framer } from '../src/packet/framer.ts'
import {
  type AcknowledgementPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type PublishPacket,
  type QoS,
  type SubackPacket,
} from '../src/packet/packet.ts'
import { isFailure, type ReasonCode, SUCCESS } from '../src/packet/reason.ts'
import type { WillSettings } from './event.ts'
import type { EventLog } from './event-log.ts'
import { type MessageId, payloadOf, readPayload } from './payload.ts'
import { WILL_FILTER } from './check/will-check.ts'

export interface ClientSettings {
  readonly clientId: string
  readonly version: 4 | 5
  /** Whether its session outlives its connections. */
  readonly isDurable: boolean
  /** Its Receive Maximum (MQTT 5). */
  readonly receiveMax?: number
}

/** The callbacks of the owner of a client. */
export interface ClientOwner {
  connected?(sessionPresent: boolean): void
  closed?(): void
  settled?(): void
  subscribed?(filter: string): void
  unsubscribed?(filter: string): void
  receivedRetained?(topic: string, id: MessageId): void
  answeredPing?(): void
  /** PUBACK or PUBREC came for a request. */
  answered?(packetId: number, reason: ReasonCode, sentence: string): void
  /** If it is there, the owner records and acknowledges each PUBLISH itself. */
  handed?(packet: PublishPacket): void
}

export interface OutgoingMessage extends MessageId {
  readonly topic: string
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly isEmpty: boolean
}

/** A PUBLISH that is no message of the event log: its owner records what it means. */
export interface Request {
  readonly topic: string
  readonly qos: 1 | 2
  readonly payload: string
  readonly properties?: Properties
}

interface InFlight extends Request {
  readonly retain: boolean
  /** Null for a request. */
  readonly id: MessageId | null
  isReleased: boolean
}

const PACKET_BYTES_MAX = 268_435_460
const SESSION_SECONDS = 86_400

export class Client {
  readonly facts: ClientSettings
  isConnected = false
  /** How many connections it has had. */
  connections = 0
  readonly #log: EventLog
  readonly #owner: ClientOwner
  readonly #inFlight = new Map<number, InFlight>()
  /** The packet identifiers of QoS 2 messages that wait for PUBREL. */
  readonly #received = new Set<number>()
  /** The filters of SUBSCRIBE and UNSUBSCRIBE packets that were not answered yet. */
  readonly #asked = new Map<number, string>()
  #framer = new Framer(PACKET_BYTES_MAX)
  #socket: Socket | null = null
  #cleanStart = false
  #lastPacketId = 0

  constructor(facts: ClientSettings, log: EventLog, owner: ClientOwner) {
    this.facts = facts
    this.#log = log
    this.#owner = owner
  }

  get isIdle(): boolean {
    return this.#socket === null
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  connect(port: number, cleanStart: boolean, will: WillSettings | null = null): void {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#framer = new Framer(PACKET_BYTES_MAX)
    socket.once('connect', () => this.#sayConnect(cleanStart, will))
    socket.on('data', chunk => {
      if (socket === this.#socket) this.#hear(chunk)
    })
    // Connections break often in this test. The error does not matter, only that the connection has ended.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (socket === this.#socket) this.#over()
    })
  }

  publish(message: OutgoingMessage): void {
    const { publisher, sequence, topic, qos, retain, isEmpty } = message
    this.#log.record({ kind: 'publishing', ...message })
    const payload = isEmpty ? '' : payloadOf(message)
    this.#begin({ topic, qos, retain, payload, id: { publisher, sequence } })
  }

  /** Returns the packet identifier. */
  request(request: Request): number {
    return this.#begin({ ...request, retain: false, id: null })
  }

  subscribe(filter: string, qos: QoS, properties: Properties = NO_PROPERTIES): void {
    const packetId = this.#nextPacketId()
    this.#asked.set(packetId, filter)
    this.#log.record({ kind: 'subscribing', client: this.facts.clientId, filter, qos })
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const subscriptions = [{ filter, qos, ...options }]
    this.#say({ type: 'subscribe', packetId, subscriptions, properties })
  }

  unsubscribe(filter: string): void {
    const packetId = this.#nextPacketId()
    this.#asked.set(packetId, filter)
    this.#log.record({ kind: 'unsubscribing', client: this.facts.clientId, filter })
    this.#say({ type: 'unsubscribe', packetId, filters: [filter], properties: NO_PROPERTIES })
  }

  ping(): void {
    this.#say({ type: 'pingreq' })
  }

  /** Acknowledges or refuses a message of QoS 1. */
  answer(packetId: number, reason: ReasonCode): void {
    this.#say({ type: 'puback', packetId, reason, properties: NO_PROPERTIES })
  }

  /** Sends DISCONNECT; the broker closes the connection. */
  sendDisconnect(endsSession: boolean): void {
    if (!this.isConnected) return
    this.#log.record({ kind: 'disconnecting', client: this.facts.clientId, endsSession })
    const properties = endsSession ? { sessionExpiryInterval: 0 } : NO_PROPERTIES
    this.#say({ type: 'disconnect', reason: SUCCESS, properties })
    this.#socket?.end()
  }

  /** Destroys the socket at the client's end. The broker may act on that before this process hears of it, so it counts from now. */
  cut(): void {
    if (this.#socket === null) return
    this.#socket.destroy()
    this.#over()
  }

  #sayConnect(cleanStart: boolean, will: WillSettings | null): void {
    const { clientId, version, isDurable, receiveMax } = this.facts
    this.#cleanStart = cleanStart
    if (cleanStart) this.#forgetSession()
    this.#log.record({ kind: 'connecting', client: clientId, cleanStart, isDurable, will })
    const properties: Properties =
      version === 4
        ? NO_PROPERTIES
        : {
            ...(isDurable ? { sessionExpiryInterval: SESSION_SECONDS } : {}),
            ...(receiveMax === undefined ? {} : { receiveMaximum: receiveMax }),
          }
    this.#say({
      type: 'connect',
      version,
      cleanStart,
      keepAliveSeconds: 0,
      clientId,
      username: null,
      password: null,
      will: will === null ? null : willPacket(will),
      properties,
    })
  }

  #hear(chunk: Buffer): void {
    this.#framer.push(chunk)
    while (this.#socket !== null && this.#framer.next()) {
      const { bytes, start, end } = this.#framer
      this.#obey(decode(bytes, start, end, this.facts.version))
    }
  }

  #obey(packet: Packet): void {
    switch (packet.type) {
      case 'connack':
        if (isFailure(packet.reason)) this.cut()
        else this.#connected(packet.sessionPresent)
        return
      case 'publish':
        return this.#delivered(packet)
      case 'pubrel':
        this.#received.delete(packet.packetId)
        this.#acknowledge('pubcomp', packet.packetId)
        this.#log.record({ kind: 'released', client: this.facts.clientId })
        return
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        return this.#acknowledged(packet)
      case 'suback':
        return this.#subscribed(packet)
      case 'unsuback':
        return this.#unsubscribed(packet.packetId)
      case 'pingresp':
        return this.#owner.answeredPing?.()
      case 'disconnect':
        return this.cut()
      default:
        throw new Error(`${this.facts.clientId} received ${packet.type}, which no broker may say`)
    }
  }

  #connected(sessionPresent: boolean): void {
    this.isConnected = true
    this.connections += 1
    // The broker has no session any more, so the client discards its own state [MQTT-3.2.2-5].
    if (!sessionPresent && !this.#cleanStart) this.#forgetSession()
    this.#log.record({ kind: 'connected', client: this.facts.clientId, sessionPresent })
    for (const [packetId, entry] of this.#inFlight) {
      if (entry.isReleased) {
        this.#acknowledge('pubrel', packetId)
      } else {
        if (entry.id !== null) this.#log.record({ kind: 'resent', ...entry.id })
        this.#sayPublish(packetId, entry, true)
      }
    }
    this.#owner.connected?.(sessionPresent)
  }

  #delivered(packet: PublishPacket): void {
    const { packetId, qos } = packet
    if (this.#owner.handed !== undefined) return this.#owner.handed(packet)
    const isKnown = qos === 2 && this.#received.has(packetId)
    if (!isKnown) this.#record(packet)
    if (qos === 1) this.#acknowledge('puback', packetId)
    if (qos === 2) {
      this.#received.add(packetId)
      this.#acknowledge('pubrec', packetId)
    }
  }

  #record({ topic, qos, duplicate, retain, payload }: PublishPacket): void {
    // A PUBLISH that clears a retained message has no payload, so it shows no message id.
    if (payload.length === 0) return
    const read = readPayload(payload.toString('latin1'))
    const { publisher, sequence, isIntact } = read ?? {
      publisher: '?',
      sequence: 0,
      isIntact: false,
    }
    const client = this.facts.clientId
    if (retain) this.#owner.receivedRetained?.(topic, { publisher, sequence })
    else
      this.#log.record({
        kind: 'delivered',
        client,
        publisher,
        sequence,
        topic,
        qos,
        duplicate,
        isIntact,
      })
  }

  #acknowledged({ type, packetId, reason, properties }: AcknowledgementPacket): void {
    const entry = this.#inFlight.get(packetId)
    if (entry === undefined) {
      // A PUBREC for a message that this client does not know any more is still answered with PUBREL.
      if (type === 'pubrec' && !isFailure(reason)) this.#acknowledge('pubrel', packetId)
      return
    }
    const { id } = entry
    const isRefused = isFailure(reason) && type !== 'pubcomp'
    if (type !== 'pubcomp' && id !== null)
      this.#log.record({ kind: isRefused ? 'refused' : 'accepted', ...id })
    const isReleased = type === 'pubrec' && !isRefused
    if (isReleased) {
      entry.isReleased = true
      this.#acknowledge('pubrel', packetId)
    } else {
      this.#inFlight.delete(packetId)
    }
    if (type !== 'pubcomp' && id === null)
      this.#owner.answered?.(packetId, reason, properties.reasonString ?? '')
    if (isReleased) return
    if (id !== null) this.#log.record({ kind: 'settled', ...id })
    this.#owner.settled?.()
  }

  #subscribed({ packetId, reasons }: SubackPacket): void {
    const filter = this.#asked.get(packetId)
    this.#asked.delete(packetId)
    if (filter === undefined || reasons.some(isFailure))
      throw new Error(`${this.facts.clientId} was refused ${filter}`)
    this.#log.record({ kind: 'subscribed', client: this.facts.clientId, filter })
    this.#owner.subscribed?.(filter)
  }

  #unsubscribed(packetId: number): void {
    const filter = this.#asked.get(packetId) ?? ''
    this.#asked.delete(packetId)
    this.#log.record({ kind: 'unsubscribed', client: this.facts.clientId, filter })
    this.#owner.unsubscribed?.(filter)
  }

  #over(): void {
    this.#socket = null
    this.isConnected = false
    this.#asked.clear()
    this.#log.record({ kind: 'closed', client: this.facts.clientId })
    this.#owner.closed?.()
  }

  #forgetSession(): void {
    for (const { id } of this.#inFlight.values()) {
      if (id !== null) this.#log.record({ kind: 'abandoned', ...id })
    }
    this.#inFlight.clear()
    this.#received.clear()
  }

  #begin(packet: Omit<InFlight, 'isReleased'>): number {
    const packetId = this.#nextPacketId()
    const entry = { ...packet, isReleased: false }
    this.#inFlight.set(packetId, entry)
    this.#sayPublish(packetId, entry, false)
    return packetId
  }

  #sayPublish(packetId: number, entry: InFlight, duplicate: boolean): void {
    const { topic, qos, retain, properties = NO_PROPERTIES } = entry
    const payload = Buffer.from(entry.payload, 'latin1')
    this.#say({ type: 'publish', duplicate, qos, retain, topic, packetId, properties, payload })
  }

  #acknowledge(type: AcknowledgementPacket['type'], packetId: number): void {
    this.#say({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  #say(packet: Packet): void {
    if (this.#socket?.writable === true) this.#socket.write(encode(packet, this.facts.version))
  }

  #nextPacketId(): number {
    do {
      this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    } while (this.#inFlight.has(this.#lastPacketId) || this.#asked.has(this.#lastPacketId))
    return this.#lastPacketId
  }
}

function willPacket(will: WillSettings) {
  const topic = `${WILL_FILTER.slice(0, -1)}${will.publisher.slice(5)}`
  const payload = Buffer.from(payloadOf(will), 'latin1')
  const properties =
    will.delaySeconds > 0 ? { willDelayInterval: will.delaySeconds } : NO_PROPERTIES
  return { topic, payload, qos: 2, retain: false, properties } as const
}

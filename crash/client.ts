// An MQTT client by the book, which tells the ledger what it does and what it hears. It keeps its session state
// across connections, sends again with DUP and the same packet identifier, and takes QoS 2 once.

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
import { isFailure, SUCCESS } from '../src/packet/reason.ts'
import type { WillFacts } from './event.ts'
import type { Ledger } from './ledger.ts'
import { type MessageId, payloadOf, readPayload } from './payload.ts'
import { WILL_FILTER } from './check/will-check.ts'

export interface ClientFacts {
  readonly clientId: string
  readonly version: 4 | 5
  /** Its session outlives its connections. */
  readonly isDurable: boolean
  /** Unacknowledged messages of QoS 1 and 2 that it takes (MQTT 5). */
  readonly receiveMax?: number
}

/** What the owner of a client does about what happens to it. */
export interface ClientOwner {
  connected?(sessionPresent: boolean): void
  closed?(): void
  settled?(): void
  subscribed?(filter: string): void
  unsubscribed?(filter: string): void
  heardRetained?(topic: string, id: MessageId): void
  answeredPing?(): void
}

export interface OutgoingMessage extends MessageId {
  readonly topic: string
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly isEmpty: boolean
}

interface InFlight {
  readonly message: OutgoingMessage
  isReleased: boolean
}

const PACKET_BYTES_MAX = 268_435_460
const SESSION_SECONDS = 86_400

export class Client {
  readonly facts: ClientFacts
  isConnected = false
  readonly #ledger: Ledger
  readonly #owner: ClientOwner
  readonly #inFlight = new Map<number, InFlight>()
  /** Packet identifiers of QoS 2 messages that wait for PUBREL. */
  readonly #received = new Set<number>()
  /** Filters of SUBSCRIBE and UNSUBSCRIBE that wait for an answer. */
  readonly #asked = new Map<number, string>()
  #framer = new Framer(PACKET_BYTES_MAX)
  #socket: Socket | null = null
  #cleanStart = false
  #lastPacketId = 0

  constructor(facts: ClientFacts, ledger: Ledger, owner: ClientOwner) {
    this.facts = facts
    this.#ledger = ledger
    this.#owner = owner
  }

  get isIdle(): boolean {
    return this.#socket === null
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  connect(port: number, cleanStart: boolean, will: WillFacts | null = null): void {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#framer = new Framer(PACKET_BYTES_MAX)
    socket.once('connect', () => this.#sayConnect(cleanStart, will))
    socket.on('data', chunk => {
      if (socket === this.#socket) this.#hear(chunk)
    })
    // Connections are meant to break here: what matters is that they are over.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (socket === this.#socket) this.#over()
    })
  }

  publish(message: OutgoingMessage): void {
    const packetId = this.#nextPacketId()
    this.#inFlight.set(packetId, { message, isReleased: false })
    this.#ledger.record({ kind: 'publishing', ...message })
    this.#sayPublish(packetId, message, false)
  }

  subscribe(filter: string, qos: QoS): void {
    const packetId = this.#nextPacketId()
    this.#asked.set(packetId, filter)
    this.#ledger.record({ kind: 'subscribing', client: this.facts.clientId, filter, qos })
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const subscriptions = [{ filter, qos, ...options }]
    this.#say({ type: 'subscribe', packetId, subscriptions, properties: NO_PROPERTIES })
  }

  unsubscribe(filter: string): void {
    const packetId = this.#nextPacketId()
    this.#asked.set(packetId, filter)
    this.#ledger.record({ kind: 'unsubscribing', client: this.facts.clientId, filter })
    this.#say({ type: 'unsubscribe', packetId, filters: [filter], properties: NO_PROPERTIES })
  }

  ping(): void {
    this.#say({ type: 'pingreq' })
  }

  /** DISCONNECT; the broker closes. */
  sayGoodbye(endsSession: boolean): void {
    if (!this.isConnected) return
    this.#ledger.record({ kind: 'goodbye', client: this.facts.clientId, endsSession })
    const properties = endsSession ? { sessionExpiryInterval: 0 } : NO_PROPERTIES
    this.#say({ type: 'disconnect', reason: SUCCESS, properties })
    this.#socket?.end()
  }

  /** The client's end of the line is cut. */
  cut(): void {
    this.#socket?.destroy()
  }

  #sayConnect(cleanStart: boolean, will: WillFacts | null): void {
    const { clientId, version, isDurable, receiveMax } = this.facts
    this.#cleanStart = cleanStart
    if (cleanStart) this.#forgetSession()
    this.#ledger.record({ kind: 'connecting', client: clientId, cleanStart, isDurable, will })
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
        this.#ledger.record({ kind: 'released', client: this.facts.clientId })
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
        throw new Error(`${this.facts.clientId} heard ${packet.type}, which no broker may say`)
    }
  }

  #connected(sessionPresent: boolean): void {
    this.isConnected = true
    // The session that this client has a part of is gone at the other side [MQTT-3.2.2-5].
    if (!sessionPresent && !this.#cleanStart) this.#forgetSession()
    this.#ledger.record({ kind: 'connected', client: this.facts.clientId, sessionPresent })
    for (const [packetId, { message, isReleased }] of this.#inFlight) {
      const { publisher, sequence } = message
      if (isReleased) {
        this.#acknowledge('pubrel', packetId)
      } else {
        this.#ledger.record({ kind: 'resent', publisher, sequence })
        this.#sayPublish(packetId, message, true)
      }
    }
    this.#owner.connected?.(sessionPresent)
  }

  #delivered(packet: PublishPacket): void {
    const { packetId, qos } = packet
    const isKnown = qos === 2 && this.#received.has(packetId)
    if (!isKnown) this.#record(packet)
    if (qos === 1) this.#acknowledge('puback', packetId)
    if (qos === 2) {
      this.#received.add(packetId)
      this.#acknowledge('pubrec', packetId)
    }
  }

  #record({ topic, qos, duplicate, retain, payload }: PublishPacket): void {
    // What clears a retained message says nothing of itself.
    if (payload.length === 0) return
    const read = readPayload(payload.toString('latin1'))
    const { publisher, sequence, isIntact } = read ?? {
      publisher: '?',
      sequence: 0,
      isIntact: false,
    }
    const client = this.facts.clientId
    if (retain) this.#owner.heardRetained?.(topic, { publisher, sequence })
    else
      this.#ledger.record({
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

  #acknowledged({ type, packetId, reason }: AcknowledgementPacket): void {
    const entry = this.#inFlight.get(packetId)
    if (entry === undefined) {
      // PUBREC of a message that is not ours any more still wants its PUBREL.
      if (type === 'pubrec' && !isFailure(reason)) this.#acknowledge('pubrel', packetId)
      return
    }
    const { publisher, sequence } = entry.message
    const isRefused = isFailure(reason) && type !== 'pubcomp'
    if (isRefused) this.#ledger.record({ kind: 'refused', publisher, sequence })
    else if (type !== 'pubcomp') this.#ledger.record({ kind: 'accepted', publisher, sequence })
    if (type === 'pubrec' && !isRefused) {
      entry.isReleased = true
      this.#acknowledge('pubrel', packetId)
      return
    }
    this.#inFlight.delete(packetId)
    this.#ledger.record({ kind: 'settled', publisher, sequence })
    this.#owner.settled?.()
  }

  #subscribed({ packetId, reasons }: SubackPacket): void {
    const filter = this.#asked.get(packetId)
    this.#asked.delete(packetId)
    if (filter === undefined || reasons.some(isFailure))
      throw new Error(`${this.facts.clientId} was refused ${filter}`)
    this.#ledger.record({ kind: 'subscribed', client: this.facts.clientId, filter })
    this.#owner.subscribed?.(filter)
  }

  #unsubscribed(packetId: number): void {
    const filter = this.#asked.get(packetId) ?? ''
    this.#asked.delete(packetId)
    this.#ledger.record({ kind: 'unsubscribed', client: this.facts.clientId, filter })
    this.#owner.unsubscribed?.(filter)
  }

  #over(): void {
    this.#socket = null
    this.isConnected = false
    this.#asked.clear()
    this.#ledger.record({ kind: 'closed', client: this.facts.clientId })
    this.#owner.closed?.()
  }

  #forgetSession(): void {
    for (const { message } of this.#inFlight.values()) {
      const { publisher, sequence } = message
      this.#ledger.record({ kind: 'abandoned', publisher, sequence })
    }
    this.#inFlight.clear()
    this.#received.clear()
  }

  #sayPublish(packetId: number, message: OutgoingMessage, duplicate: boolean): void {
    const { topic, qos, retain, isEmpty } = message
    const payload = Buffer.from(isEmpty ? '' : payloadOf(message), 'latin1')
    const rest = { packetId, properties: NO_PROPERTIES, payload }
    this.#say({ type: 'publish', duplicate, qos, retain, topic, ...rest })
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

function willPacket(will: WillFacts) {
  const topic = `${WILL_FILTER.slice(0, -1)}${will.publisher.slice(5)}`
  const payload = Buffer.from(payloadOf(will), 'latin1')
  const properties =
    will.delaySeconds > 0 ? { willDelayInterval: will.delaySeconds } : NO_PROPERTIES
  return { topic, payload, qos: 2, retain: false, properties } as const
}

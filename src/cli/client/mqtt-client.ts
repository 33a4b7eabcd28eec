// A client of MQTT for `pondhawk pub` and `pondhawk sub`, over the broker's own codec.

import type { Duplex } from 'node:stream'
import { drained } from '../../api/drained.ts'
import { decode } from '../../packet/decode.ts'
import { encode } from '../../packet/encode.ts'
import { PACKET_BYTES_MAX } from '../../packet/fixed-header.ts'
import { Framer } from '../../packet/framer.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type SubackPacket,
  type SubscriptionRequest,
} from '../../packet/packet.ts'
import { isFailure, type ReasonCode, SUCCESS } from '../../packet/reason.ts'
import { thrownSentence } from '../../thrown.ts'
import { described } from './packet-words.ts'

/** As mosquitto's clients do. */
const IN_FLIGHT_MAX = 20

export interface ClientHandlers {
  /** Returns false when no further message should be read until `resume`. */
  message(packet: PublishPacket): boolean
  /** Once, when the connection has ended otherwise than by `end`. */
  lost(sentence: string): void
  /** A line for each packet. */
  debug(line: string): void
}

export interface Outgoing {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: Properties
}

/** CONNACK refused the connection. */
export class Refused extends Error {
  readonly packet: ConnackPacket
  constructor(packet: ConnackPacket) {
    super('refused')
    this.packet = packet
  }
}

/** What an acknowledgement says. */
export interface Verdict {
  readonly reason: ReasonCode
  readonly properties: Properties
}

const SENT: Verdict = { reason: SUCCESS, properties: NO_PROPERTIES }

type Answer = Extract<Packet, { readonly packetId: number }>
type Waiting = (packet: Answer | null) => void

// Wide on purpose: the whole state of one connection.
export class MqttClient {
  readonly #stream: Duplex
  readonly #connect: ConnectPacket
  readonly #version: ProtocolVersion
  readonly #handlers: ClientHandlers
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  /** What waits for an answer, by packet identifier. */
  readonly #waiting = new Map<number, Waiting>()
  /** Messages of QoS 2 until their PUBREL. */
  readonly #received = new Map<number, PublishPacket>()
  readonly #aliases = new Map<number, string>()
  #opened: ((packet: ConnackPacket | Error) => void) | null = null
  #packetId = 0
  #inFlightMax = IN_FLIGHT_MAX
  #pings: NodeJS.Timeout | undefined
  #isAlive = true
  #isEnding = false

  constructor(stream: Duplex, connect: ConnectPacket, handlers: ClientHandlers) {
    this.#stream = stream
    this.#connect = connect
    this.#version = connect.version
    this.#handlers = handlers
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('error', error => this.#end(error.message))
    stream.on('close', () => this.#end('the connection was closed'))
  }

  /** Resolves with CONNACK. Rejects with Refused, or an error with a sentence. */
  async connect(): Promise<ConnackPacket> {
    const answer = new Promise<ConnackPacket | Error>(settle => (this.#opened = settle))
    this.#send(this.#connect)
    const timer = setTimeout(() => {
      this.#end(`no CONNACK in ${CONNACK_MS_MAX / 1_000} s`)
      this.#stream.destroy()
    }, CONNACK_MS_MAX)
    const packet = await answer
    clearTimeout(timer)
    if (packet instanceof Error) throw packet
    const { receiveMaximum, serverKeepAlive } = packet.properties
    this.#inFlightMax = Math.min(receiveMaximum ?? IN_FLIGHT_MAX, IN_FLIGHT_MAX)
    const seconds = serverKeepAlive ?? this.#connect.keepAliveSeconds
    if (seconds > 0) this.#pings = setInterval(() => this.#ping(), seconds * 900)
    return packet
  }

  /** Resolves with the answer when the message is acknowledged, as its QoS asks; null if the connection has ended. */
  async publish(message: Outgoing): Promise<Verdict | null> {
    const { qos } = message
    const packetId = qos === 0 ? 0 : this.#nextPacketId()
    const packet: PublishPacket = { type: 'publish', duplicate: false, packetId, ...message }
    if (qos === 0) {
      await this.#sendSlowly(packet)
      return this.#isEnding ? null : SENT
    }
    const answer = await this.#asked(packet)
    if (answer?.type !== 'pubrec' || isFailure(answer.reason)) return verdictOf(answer)
    return verdictOf(
      await this.#asked({ type: 'pubrel', packetId, reason: SUCCESS, properties: NO_PROPERTIES }),
    )
  }

  /** Whether another message of QoS 1 or 2 may be sent before one is acknowledged. */
  get hasWindow(): boolean {
    return this.#waiting.size < this.#inFlightMax
  }

  /** Resolves with the answer, a reason for each filter; null if the connection has ended. */
  async subscribe(
    subscriptions: readonly SubscriptionRequest[],
    properties: Properties,
  ): Promise<SubackPacket | null> {
    const packetId = this.#nextPacketId()
    const answer = await this.#asked({ type: 'subscribe', packetId, subscriptions, properties })
    return answer?.type === 'suback' ? answer : null
  }

  async unsubscribe(filters: readonly string[], properties: Properties): Promise<void> {
    const packetId = this.#nextPacketId()
    await this.#asked({ type: 'unsubscribe', packetId, filters, properties })
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Sends DISCONNECT, and resolves when the stream has ended. */
  async end(properties: Properties = NO_PROPERTIES): Promise<void> {
    if (this.#isEnding) return
    this.#send({ type: 'disconnect', reason: SUCCESS, properties })
    this.#isEnding = true
    clearInterval(this.#pings)
    // A stream that fails now has ended as well.
    const closed = new Promise<void>(settle => this.#stream.once('close', settle))
    this.#stream.end()
    this.#stream.resume()
    const timer = setTimeout(() => this.#stream.destroy(), END_MS_MAX)
    await closed
    clearTimeout(timer)
  }

  #receive(chunk: Buffer): void {
    // What still comes after DISCONNECT is nobody's.
    if (this.#isEnding) return
    const framer = this.#framer
    try {
      framer.push(chunk)
      while (!this.#isEnding && framer.next()) {
        this.#obey(decode(framer.bytes, framer.start, framer.end, this.#version))
      }
    } catch (error) {
      const cause = thrownSentence(error)
      this.#end(`what came is not MQTT: ${cause}`)
      this.#stream.destroy()
    }
  }

  #obey(packet: Packet): void {
    this.#handlers.debug(`received ${described(packet)}`)
    switch (packet.type) {
      case 'connack':
        this.#opened?.(isFailure(packet.reason) ? new Refused(packet) : packet)
        this.#opened = null
        return
      case 'publish':
        this.#take(packet)
        return
      case 'pubrel':
        this.#release(packet.packetId)
        return
      case 'pingresp':
        this.#isAlive = true
        return
      case 'disconnect':
        this.#end(`the broker says ${described(packet)}`)
        return
      default:
        if ('packetId' in packet) this.#settle(packet.packetId, packet)
    }
  }

  #take(packet: PublishPacket): void {
    const { topicAlias } = packet.properties
    if (topicAlias !== undefined && packet.topic !== '') this.#aliases.set(topicAlias, packet.topic)
    const topic = packet.topic === '' ? (this.#aliases.get(topicAlias ?? 0) ?? '') : packet.topic
    // The bytes may be those of the chunk, whose memory is used again.
    const message = { ...packet, topic }
    if (packet.qos === 2) {
      this.#received.set(packet.packetId, { ...message, payload: Buffer.from(packet.payload) })
      this.#acknowledge('pubrec', packet.packetId)
      return
    }
    if (packet.qos === 1) this.#acknowledge('puback', packet.packetId)
    this.#hand(message)
  }

  #release(packetId: number): void {
    const message = this.#received.get(packetId)
    this.#received.delete(packetId)
    this.#acknowledge('pubcomp', packetId)
    if (message !== undefined) this.#hand(message)
  }

  #hand(message: PublishPacket): void {
    if (!this.#handlers.message(message)) this.#stream.pause()
  }

  #acknowledge(type: 'puback' | 'pubrec' | 'pubcomp', packetId: number): void {
    this.#send({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  #asked(packet: Extract<Packet, { readonly packetId: number }>): Promise<Answer | null> {
    if (this.#isEnding) return Promise.resolve(null)
    return new Promise(settle => {
      this.#waiting.set(packet.packetId, settle)
      this.#send(packet)
    })
  }

  #settle(packetId: number, packet: Answer): void {
    const waiting = this.#waiting.get(packetId)
    this.#waiting.delete(packetId)
    waiting?.(packet)
  }

  #send(packet: Packet): boolean {
    if (this.#isEnding) return true
    this.#handlers.debug(`sending ${described(packet)}`)
    return this.#stream.write(encode(packet, this.#version))
  }

  async #sendSlowly(packet: Packet): Promise<void> {
    if (!this.#send(packet)) await drained(this.#stream)
  }

  #ping(): void {
    if (!this.#isAlive) {
      this.#end('the broker does not answer PINGREQ')
      this.#stream.destroy()
      return
    }
    this.#isAlive = false
    this.#send({ type: 'pingreq' })
  }

  #end(sentence: string): void {
    clearInterval(this.#pings)
    for (const settle of this.#waiting.values()) settle(null)
    this.#waiting.clear()
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#opened === null) this.#handlers.lost(sentence)
    else this.#opened(new Error(sentence))
    this.#opened = null
  }

  #nextPacketId(): number {
    do this.#packetId = (this.#packetId % 65_535) + 1
    while (this.#waiting.has(this.#packetId))
    return this.#packetId
  }
}

const END_MS_MAX = 2_000
const CONNACK_MS_MAX = 30_000

function verdictOf(answer: Answer | null): Verdict | null {
  return answer !== null && 'reason' in answer ? answer : null
}

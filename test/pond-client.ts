// A client of the pond: it sends packets or bytes, and records what it receives.

import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { Framer } from '../src/packet/framer.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type SubscriptionRequest,
  type Will,
} from '../src/packet/packet.ts'
import { type ReasonCode, SUCCESS } from '../src/packet/reason.ts'
import type { Pond } from './pond.ts'
import type { PondWire } from './pond-wire.ts'

export interface PondClientOptions {
  readonly version?: ProtocolVersion
  readonly cleanStart?: boolean
  readonly keepAliveSeconds?: number
  readonly username?: string
  readonly password?: string
  readonly will?: Partial<Omit<Will, 'payload'>> & { readonly payload?: string }
  readonly properties?: Properties
  /** Answers PUBLISH and PUBREL by itself. */
  readonly acknowledges?: boolean
  /** Its socket takes nothing within the call of write, as TLS does. */
  readonly takesLate?: boolean
}

export interface PublishOptions {
  readonly qos?: QoS
  readonly retain?: boolean
  readonly duplicate?: boolean
  readonly packetId?: number
  readonly properties?: Properties
}

export class PondClient {
  readonly clientId: string
  readonly wire: PondWire
  /** What answered CONNECT. */
  greeting: Packet | null = null
  readonly #pond: Pond
  readonly #options: PondClientOptions
  readonly #framer = new Framer(268_435_460)
  #lastPacketId = 0
  #saidClosed = false
  #chunk: Buffer[] | null = null

  constructor(pond: Pond, wire: PondWire, clientId: string, options: PondClientOptions) {
    this.#pond = pond
    this.wire = wire
    this.clientId = clientId
    this.#options = options
  }

  get version(): ProtocolVersion {
    return this.#options.version ?? 5
  }

  get isClosed(): boolean {
    return this.wire.isClosed
  }

  connects(): void {
    const { cleanStart, keepAliveSeconds, username, password, will, properties } = this.#options
    this.says({
      type: 'connect',
      version: this.version,
      cleanStart: cleanStart ?? true,
      keepAliveSeconds: keepAliveSeconds ?? 60,
      clientId: this.clientId,
      username: username ?? null,
      password: password === undefined ? null : Buffer.from(password),
      will: will === undefined ? null : completeWill(will),
      properties: properties ?? NO_PROPERTIES,
    })
  }

  /** A packet, as it is. */
  says(packet: Packet): void {
    this.saysBytes(encode(packet, this.version))
  }

  /** What is said in `talk` arrives as one chunk. */
  inOneChunk(talk: () => void): void {
    const chunk: Buffer[] = []
    this.#chunk = chunk
    talk()
    this.#chunk = null
    this.saysBytes(Buffer.concat(chunk))
  }

  /** Bytes, right or wrong; a string is hexadecimal with spaces where they help. */
  saysBytes(bytes: Buffer | string): void {
    const raw = typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes
    if (this.#chunk !== null) {
      this.#chunk.push(raw)
      return
    }
    this.wire.says(raw)
    this.#pond.settles()
  }

  /** Returns the packet identifier, 0 at QoS 0. */
  publishes(topic: string, payload: string | Buffer, options: PublishOptions = {}): number {
    const qos = options.qos ?? 0
    const packetId = qos === 0 ? 0 : (options.packetId ?? this.nextPacketId())
    this.says({
      type: 'publish',
      duplicate: options.duplicate ?? false,
      qos,
      retain: options.retain ?? false,
      topic,
      packetId,
      properties: options.properties ?? NO_PROPERTIES,
      payload: Buffer.from(payload),
    })
    return packetId
  }

  subscribes(
    filter: string,
    qos: QoS = 0,
    options: Partial<SubscriptionRequest> & { readonly properties?: Properties } = {},
  ): void {
    const { properties, ...request } = options
    const subscription = {
      filter,
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
      ...request,
    }
    this.says({
      type: 'subscribe',
      packetId: this.nextPacketId(),
      subscriptions: [subscription],
      properties: properties ?? NO_PROPERTIES,
    })
  }

  unsubscribes(...filters: string[]): void {
    const packetId = this.nextPacketId()
    this.says({ type: 'unsubscribe', packetId, filters, properties: NO_PROPERTIES })
  }

  acknowledges(
    type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp',
    packetId: number,
    reason: ReasonCode = SUCCESS,
  ): void {
    this.says({ type, packetId, reason, properties: NO_PROPERTIES })
  }

  pings(): void {
    this.says({ type: 'pingreq' })
  }

  disconnects(reason: ReasonCode = SUCCESS, properties: Properties = NO_PROPERTIES): void {
    this.says({ type: 'disconnect', reason, properties })
  }

  /** The socket breaks without a word. */
  vanishes(): void {
    this.wire.breaks()
    this.#pond.settles()
  }

  freezes(): void {
    this.wire.freezes()
  }

  thaws(): void {
    this.wire.thaws()
    this.#pond.settles()
  }

  nextPacketId(): number {
    this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    return this.#lastPacketId
  }

  /** The packets that came since the last time, answered where the client does so by itself. */
  receives(): readonly Packet[] {
    this.#pond.settles()
    const packets = this.#decode(this.wire.takes())
    if (this.#options.acknowledges !== true) return packets
    const all: Packet[] = []
    let fresh = packets
    while (fresh.length > 0) {
      all.push(...fresh)
      for (const packet of fresh) this.#answer(packet)
      fresh = this.#decode(this.wire.takes())
    }
    return all
  }

  /** Only the messages among what came. */
  receivesMessages(): readonly PublishPacket[] {
    return this.receives().filter(packet => packet.type === 'publish')
  }

  /** The same as a sentence for each packet, and `closed` when the broker has ended the connection. */
  hears(): readonly string[] {
    const sentences = this.receives().map(sentenceOf)
    if (this.wire.isClosed && !this.#saidClosed) {
      this.#saidClosed = true
      return [...sentences, 'closed']
    }
    return sentences
  }

  #decode(bytes: Buffer): Packet[] {
    const packets: Packet[] = []
    this.#framer.push(bytes)
    while (this.#framer.next()) {
      packets.push(decode(this.#framer.bytes, this.#framer.start, this.#framer.end, this.version))
    }
    return packets
  }

  #answer(packet: Packet): void {
    if (packet.type === 'pubrel') this.acknowledges('pubcomp', packet.packetId)
    if (packet.type !== 'publish' || packet.qos === 0) return
    this.acknowledges(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetId)
  }
}

function completeWill(will: NonNullable<PondClientOptions['will']>): Will {
  return {
    topic: will.topic ?? 'will',
    payload: Buffer.from(will.payload ?? ''),
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    properties: will.properties ?? NO_PROPERTIES,
  }
}

/** `publish pond/depth 3 m q1 #1`, `suback #1 0x1`: short enough to read in a list. */
export function sentenceOf(packet: Packet): string {
  switch (packet.type) {
    case 'connack':
      return `connack ${hex(packet.reason)}${packet.sessionPresent ? ' present' : ''}`
    case 'publish': {
      const id = packet.qos === 0 ? '' : ` #${packet.packetId}`
      const flags = `${packet.duplicate ? ' dup' : ''}${packet.retain ? ' retain' : ''}`
      return `publish ${packet.topic} ${packet.payload.toString()} q${packet.qos}${id}${flags}`
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return `${packet.type} #${packet.packetId} ${hex(packet.reason)}`
    case 'suback':
    case 'unsuback':
      return [packet.type, `#${packet.packetId}`, ...packet.reasons.map(hex)].join(' ')
    case 'disconnect':
    case 'auth':
      return `${packet.type} ${hex(packet.reason)}`
    case 'pingresp':
      return 'pingresp'
    default:
      return packet.type
  }
}

function hex(reason: number): string {
  return `0x${reason.toString(16)}`
}

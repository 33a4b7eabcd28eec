// One connection of a simulated client: bytes from and to its wire, and the state that ends with the connection.

import { decode } from '../src/packet/decode.ts'
import { encode } from '../src/packet/encode.ts'
import { Framer } from '../src/packet/framer.ts'
import type { Packet, ProtocolVersion, PublishPacket } from '../src/packet/packet.ts'
import type { Publication, Request } from './history.ts'
import type { ClientEnd, SimWire } from './sim-wire.ts'

/** The fields of CONNECT. */
export interface Terms {
  readonly version: ProtocolVersion
  readonly cleanStart: boolean
  readonly expirySeconds: number
  readonly keepAliveSeconds: number
  readonly receiveMaximum: number
  readonly topicAliasMaximum: number
  /** Left out for packets of any size. */
  readonly maximumPacketSize?: number
  readonly will: Publication | null
  readonly willDelaySeconds: number
  /** When CONNECT was sent, in milliseconds. */
  readonly sentAt: number
}

export interface Conversing {
  receives(connection: ClientConnection, packet: Packet): void
  lost(connection: ClientConnection): void
}

/** A SUBSCRIBE or UNSUBSCRIBE that was not answered yet. */
export interface Asked {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly requests: readonly Request[]
}

export class ClientConnection implements ClientEnd {
  readonly terms: Terms
  isAccepted = false
  /** When CONNECT was sent, in milliseconds. */
  beganAtMs = 0
  /** When CONNACK arrived, or could have arrived had the client read it; 0 before that. */
  acceptedAtMs = 0
  isOver = false
  /** The client sent DISCONNECT, so the broker must discard the will. */
  hasSentDisconnect = false
  /** An administrator has disconnected it: a DISCONNECT of the client may come too late to discard the will. */
  isEndedByAdministrator = false
  /** The default, until CONNACK sets another value. */
  serverReceiveMaximum = 65_535
  serverAliasMaximum = 0
  readonly asked: Map<number, Asked> = new Map()
  /** PUBLISH packets of QoS 1 and 2 from the broker whose exchange has not ended. */
  readonly unanswered: Set<number> = new Set()
  readonly heardHere: Map<string, number> = new Map()
  /** The topic aliases that this client has set. */
  readonly aliases: Map<string, number> = new Map()
  readonly #aliasedTopics = new Map<number, string>()
  readonly #client: Conversing
  readonly #framer = new Framer(268_435_460)
  #wire: SimWire | null = null
  #joined: Buffer[] | null = null

  constructor(terms: Terms, client: Conversing) {
    this.terms = terms
    this.#client = client
  }

  get wire(): SimWire {
    if (this.#wire === null) throw new Error('the connection has no wire yet')
    return this.#wire
  }

  opens(wire: SimWire): void {
    this.#wire = wire
  }

  sends(packet: Packet): void {
    const bytes = encode(packet, this.terms.version)
    if (this.#joined === null) this.wire.sends(bytes)
    else this.#joined.push(bytes)
  }

  /** Everything that is sent within `talk` leaves in one write. */
  inOneChunk(talk: () => void): void {
    const joined: Buffer[] = []
    this.#joined = joined
    talk()
    this.#joined = null
    if (joined.length > 0) this.wire.sends(Buffer.concat(joined))
  }

  received(chunk: Buffer): void {
    this.#framer.push(chunk)
    while (!this.isOver && this.#framer.next()) {
      const { bytes, start, end } = this.#framer
      this.#client.receives(this, decode(bytes, start, end, this.terms.version))
    }
  }

  closed(): void {
    if (this.isOver) return
    this.isOver = true
    this.#client.lost(this)
  }

  /** Returns the full topic of a PUBLISH, or null for an alias that was never set. */
  topicOf(packet: PublishPacket): string | null {
    const { topicAlias } = packet.properties
    if (topicAlias === undefined) return packet.topic
    if (packet.topic !== '') this.#aliasedTopics.set(topicAlias, packet.topic)
    return this.#aliasedTopics.get(topicAlias) ?? null
  }
}

// One connection of a bridge: its leg to the other broker and its leg to this one, which begin and end together.

import type { Duplex } from 'node:stream'
import { PACKET_BYTES_MAX } from '../packet/fixed-header.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  type Properties,
  type ProtocolVersion,
  type SubackPacket,
  type SubscriptionRequest,
  type Will,
} from '../packet/packet.ts'
import { isFailure, PACKET_TOO_LARGE, type ReasonCode, SUCCESS } from '../packet/reason.ts'
import { PATH_BYTES_MAX, type Paths } from './bridge-path.ts'
import type { BridgeTopics } from './bridge-topics.ts'
import type { IncomingPacket } from './incoming-packets.ts'
import { ANSWER_MS_MAX, BridgeRefused, Leg, LOCAL_TERMS } from './leg.ts'
import { connectHere, type LocalSession, NEVER_SECONDS } from './local-session.ts'
import { Relay, type RelayCounters, type RelayOptions } from './relay.ts'

/**
 * How many messages may be open to a broker that does not say. mosquitto takes 20, counts those of QoS 2 twice that come again on a
 * new connection, and with MQTT 3.1.1 acknowledges one too many without keeping it.
 */
const RECEIVE_MAX = { 3: 10, 4: 10, 5: 1_000 } as const
/** What the other broker must take of a packet, so that messages carry paths. */
const PACKET_BYTES_MIN = 65_536
/** The smallest CONNACK. A smaller Maximum Packet Size leaves no room for a refusal either. */
const REFUSAL_BYTES = 5
/** Retain Handling: the set of retained messages comes with the subscription. */
const NOW = 0 as const

export interface LinkOptions {
  readonly topics: BridgeTopics
  readonly version: ProtocolVersion
  /** Whether a broker of 3.x is told that this is a bridge, so that it keeps RETAIN and does not send messages back. */
  readonly saysBridge: boolean
  readonly clientId: string
  readonly localId: string
  readonly username: string | null
  readonly password: Buffer | null
  readonly keepAliveSeconds: number
  readonly isClean: boolean
  /** Whether a session that the other broker has is not of this bridge. */
  readonly isNew: boolean
  readonly retains: boolean
  readonly will: Will | null
  /** What this broker takes. */
  readonly packetBytesMax: number
  readonly userPropertiesMax: number
  readonly receiveMax: number
  readonly counters: RelayCounters
  /** Opens the leg to this broker. */
  readonly openLocal: () => Duplex
  /** Filters that were subscribed to here before there was a link: the set of retained messages is still to come. */
  readonly freshFilters: ReadonlySet<string>
  /** What the session of the bridge here has: filters, and identifiers of the other broker that wait for PUBREL. */
  readonly session: () => LocalSession | null
  readonly refused: RelayOptions['refused']
  readonly paths: RelayOptions['paths']
  readonly looped: RelayOptions['looped']
  /** A filter was refused. `where` is the broker that refused it. */
  readonly filterRefused: (where: 'there' | 'here', filter: string, reason: ReasonCode) => void
  /** Once, when the link has ended otherwise than by `close`. */
  readonly ended: (sentence: string) => void
}

type Answer = ConnackPacket | SubackPacket

// Wide on purpose: two legs, what is between them, and what waits for the second.
export class Link {
  readonly #options: LinkOptions
  readonly #remote: Leg
  #local: Leg | null = null
  #relay: Relay | null = null
  /** What the other broker sent right behind CONNACK, before the leg to this one was ready; null before CONNACK. */
  #early: IncomingPacket[] | null = null
  #waits: ((packet: Answer | Error) => void) | null = null
  #isOpen = false
  #isOver = false
  #sentence = 'the bridge is closed'

  constructor(stream: Duplex, options: LinkOptions) {
    this.#options = options
    this.#remote = new Leg(stream, options, options.packetBytesMax, {
      packet: packet => this.#fromRemote(packet),
      ended: sentence => this.#end(sentence),
      drained: () => this.#local?.resume(),
    })
  }

  /** Rejects with BridgeRefused, or an error with a sentence. */
  async open(): Promise<void> {
    try {
      await this.#open()
      // It may have ended at the very last.
      if (this.#isOver) throw new Error(this.#sentence)
      this.#isOpen = true
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  async #open(): Promise<void> {
    const { topics, session, version, keepAliveSeconds, freshFilters } = this.#options
    const known = session()
    const connack = await this.#answer(this.#remote, this.#connect())
    // What it sends now waits in the socket.
    this.#remote.pause()
    const { maximumQoS = 2, receiveMaximum, retainAvailable } = connack.properties
    const { maximumPacketSize, serverKeepAlive } = connack.properties
    // A broker that takes so little has no room for them.
    const paths = (maximumPacketSize ?? Infinity) < PACKET_BYTES_MIN ? null : this.#options.paths
    const local = this.#openLocal()
    this.#local = local
    const relay = new Relay({
      ...this.#options,
      local,
      remote: this.#remote,
      paths,
      qosMax: maximumQoS,
      retains: this.#options.retains && retainAvailable !== 0,
    })
    this.#relay = relay
    // All this is sent behind CONNECT: what the session has waiting comes right behind CONNACK.
    const answer = this.#answerHere(
      local,
      this.#connectHere(receiveMaximum ?? RECEIVE_MAX[version], maximumPacketSize, paths),
    )
    if (!connack.sessionPresent) relay.forget(known?.unreleased ?? [])
    const outgoing = topics.outgoing(maximumQoS)
    const wanted = new Set(outgoing.map(({ filter }) => filter))
    const requests = outgoing.map(request => ({
      ...request,
      retainHandling: freshFilters.has(request.filter) ? NOW : request.retainHandling,
    }))
    local.subscribe(requests, known?.filters.filter(filter => !wanted.has(filter)) ?? [])
    for (const packet of this.#early?.splice(0) ?? []) this.#obey(relay.fromRemote(packet))
    await answer
    this.#remote.subscribe(topics.incoming, topics.notIncoming)
    // A broker that asks for none may still be gone.
    const seconds = serverKeepAlive === 0 ? undefined : serverKeepAlive
    this.#remote.keepAlive(seconds ?? keepAliveSeconds)
    this.#remote.resume()
    if (topics.incoming.length > 0) await this.#awaited('suback')
  }

  /** Ends the session of a broker of 3.x, over a connection of its own. */
  async wipe(): Promise<void> {
    try {
      await this.#answer(this.#remote, { ...this.#connect(), cleanStart: true, will: null })
      this.close()
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  /** Publishes a state of the bridge at the other broker, beside the messages of its session. */
  announce(topic: string, payload: string): void {
    this.#remote.send({
      type: 'publish',
      duplicate: false,
      qos: 0,
      retain: this.#options.retains,
      topic,
      packetId: 0,
      properties: NO_PROPERTIES,
      payload: Buffer.from(payload),
    })
  }

  /** Ends both legs in order: the sessions stay. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const leg of [this.#remote, this.#local]) {
      leg?.send({ type: 'disconnect', reason: SUCCESS, properties: NO_PROPERTIES })
      leg?.close()
    }
    this.#waits?.(new Error(this.#sentence))
  }

  #connect(): ConnectPacket {
    const { version, clientId, username, password, keepAliveSeconds, will } = this.#options
    const { isClean, isNew, saysBridge, packetBytesMax, receiveMax } = this.#options
    return {
      type: 'connect',
      version,
      isBridge: version < 5 && saysBridge,
      // Without a session here nobody knows which messages of a session there were taken. In 3.x a clean session ends with its
      // connection: `wipe` has ended the one before.
      cleanStart: isClean || (version === 5 && isNew),
      keepAliveSeconds,
      clientId,
      username,
      password,
      will,
      properties:
        version < 5
          ? NO_PROPERTIES
          : {
              receiveMaximum: receiveMax,
              maximumPacketSize: packetBytesMax,
              ...(!isClean && { sessionExpiryInterval: NEVER_SECONDS }),
            },
    }
  }

  #openLocal(): Leg {
    // What this broker sends has the size that CONNECT says.
    return new Leg(this.#options.openLocal(), LOCAL_TERMS, PACKET_BYTES_MAX, {
      packet: packet => this.#fromLocal(packet),
      ended: sentence => this.#end(`here: ${sentence}`),
      drained: () => this.#remote.resume(),
    })
  }

  /** The window and the sizes of the other broker are those that this one must keep to. */
  #connectHere(
    receiveMaximum: number,
    packetSizeThere: number | undefined,
    paths: Paths | null,
  ): ConnectPacket {
    const { localId, isClean, topics } = this.#options
    const growth = topics.growthBytes + (paths?.arriveThere === true ? PATH_BYTES_MAX : 0)
    const size = (packetSizeThere ?? PACKET_BYTES_MAX) - growth
    const properties: Properties = {
      receiveMaximum,
      maximumPacketSize: Math.max(1, size),
      ...(!isClean && { sessionExpiryInterval: NEVER_SECONDS }),
    }
    return connectHere(localId, properties, isClean)
  }

  async #answer(leg: Leg, packet: ConnectPacket): Promise<ConnackPacket> {
    leg.send(packet)
    const connack = await this.#awaited('connack')
    if (isFailure(connack.reason))
      throw new BridgeRefused(leg === this.#remote ? 'there' : 'here', connack)
    return connack
  }

  /** The Maximum Packet Size of the other broker is that of the session here, whose CONNACK may be larger. */
  async #answerHere(leg: Leg, packet: ConnectPacket): Promise<void> {
    try {
      await this.#answer(leg, packet)
    } catch (error) {
      const { maximumPacketSize: size = PACKET_BYTES_MAX } = packet.properties
      const isTooLarge =
        error instanceof BridgeRefused ? error.reason === PACKET_TOO_LARGE : size < REFUSAL_BYTES
      if (!isTooLarge) throw error
      const sentence = `the other broker takes too small packets: without prefixes, of ${size} bytes`
      throw new Error(`${sentence}, and CONNACK of this broker is larger`, { cause: error })
    }
  }

  #awaited<Type extends Answer['type']>(type: Type): Promise<Extract<Answer, { type: Type }>> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) {
        reject(new Error(this.#sentence))
        return
      }
      const timer = setTimeout(() => {
        this.#waits?.(new Error(`no ${type.toUpperCase()} within ${ANSWER_MS_MAX / 1_000} s`))
      }, ANSWER_MS_MAX).unref()
      this.#waits = answer => {
        if (!(answer instanceof Error) && answer.type !== type) return
        clearTimeout(timer)
        this.#waits = null
        // Its type was just compared.
        if (answer instanceof Error) reject(answer)
        else resolve(answer as Extract<Answer, { type: Type }>)
      }
    })
  }

  #fromRemote(packet: IncomingPacket): void {
    if (packet.type === 'connack') {
      if (this.#early !== null) return
      this.#early = []
      this.#waits?.(packet)
      return
    }
    const early = this.#early
    if (early === null) {
      this.#end(`it sent ${packet.type.toUpperCase()} before CONNACK`)
      return
    }
    if (packet.type === 'suback') {
      this.#subscribedThere(packet)
      return
    }
    const relay = this.#relay
    if (relay === null) {
      // At most one chunk: then its socket is paused.
      early.push(
        packet.type === 'publish' ? { ...packet, payload: Buffer.from(packet.payload) } : packet,
      )
      return
    }
    this.#obey(relay.fromRemote(packet))
    if (this.#local?.isFull === true) this.#remote.pause()
  }

  /** Only one is awaited, and of more codes than filters the rest is nothing. */
  #subscribedThere(packet: SubackPacket): void {
    if (this.#waits === null || this.#isOpen) return
    this.#tellRefused('there', this.#options.topics.incoming, packet)
    this.#waits(packet)
  }

  #fromLocal(packet: IncomingPacket): void {
    if (packet.type === 'connack') this.#waits?.(packet)
    else if (packet.type === 'suback')
      this.#tellRefused('here', this.#options.topics.outgoing(2), packet)
    else this.#obey(this.#relay?.fromLocal(packet) ?? null)
    if (this.#remote.isFull) this.#local?.pause()
  }

  #tellRefused(
    where: 'there' | 'here',
    requests: readonly SubscriptionRequest[],
    { reasons }: SubackPacket,
  ): void {
    for (const [index, { filter }] of requests.entries()) {
      const reason = reasons[index] ?? SUCCESS
      if (isFailure(reason)) this.#options.filterRefused(where, filter, reason)
    }
  }

  #obey(sentence: string | null): void {
    if (sentence !== null) this.#end(sentence)
  }

  #end(sentence: string): void {
    if (this.#isOver) return
    this.#abandon()
    this.#sentence = sentence
    if (this.#isOpen) this.#options.ended(sentence)
    else this.#waits?.(new Error(sentence))
  }

  #abandon(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#remote.destroy()
    // A pair of streams in memory tells the other one of an end, and not of a destruction.
    this.#local?.close()
  }
}

// One end of a bridge: a client of MQTT at a stream, with the keep-alive of a client.

import type { Duplex } from 'node:stream'
import { encode } from '../packet/encode.ts'
import {
  type ConnackPacket,
  NO_PROPERTIES,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
  type ReadingTerms,
  type SubscriptionRequest,
} from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import { thrownSentence } from '../thrown.ts'
import { type IncomingPacket, IncomingPackets } from './incoming-packets.ts'

/** How long a broker may take to answer. */
export const ANSWER_MS_MAX = 30_000
/** For SUBSCRIBE and UNSUBSCRIBE, which come before anything that the other broker sends gets an identifier that high. */
const SUBSCRIBE_ID = 65_535
const UNSUBSCRIBE_ID = 65_534

interface LegHandlers {
  /** Its payload may share memory with what was read, and is valid during the call. */
  packet(packet: IncomingPacket): void
  /** Once. The sentence is for the log. */
  ended(sentence: string): void
  /** The stream has taken what was written. */
  drained(): void
}

/** CONNACK of the other broker, or of this one, was a refusal. */
export class BridgeRefused extends Error {
  readonly where: 'there' | 'here'
  readonly reason: ReasonCode

  constructor(where: 'there' | 'here', { reason, properties }: ConnackPacket) {
    const who = where === 'there' ? 'the other broker' : 'this broker'
    const rest = properties.reasonString === undefined ? '' : ` (${properties.reasonString})`
    super(`${who} refuses CONNECT by 0x${reason.toString(16)}${rest}`)
    this.where = where
    this.reason = reason
  }
}

/** What this broker sends is decoded as it comes. */
export const LOCAL_TERMS: ReadingTerms = { version: 5, userPropertiesMax: Infinity }

export class Leg {
  readonly #stream: Duplex
  readonly #version: ProtocolVersion
  readonly #handlers: LegHandlers
  readonly #packets: IncomingPackets
  #pings: NodeJS.Timeout | undefined
  #isHeard = true
  /** Whether packets that have come wait for the next turn of the event loop. */
  #isLate = false
  /** Packets that were sent since the stream took the last. */
  #unsent = 0
  /** Whether it was paused from outside. */
  #isHeld = false
  #isOver = false

  constructor(stream: Duplex, terms: ReadingTerms, packetBytesMax: number, handlers: LegHandlers) {
    this.#stream = stream
    this.#version = terms.version
    this.#handlers = handlers
    this.#packets = new IncomingPackets(terms, packetBytesMax)
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('drain', () => {
      this.#unsent = 0
      handlers.drained()
    })
    stream.on('error', error => this.#end(error.message))
    // A pair of streams in memory tells of an end, and not yet that it is closed.
    for (const event of ['end', 'close']) {
      stream.on(event, () => this.#end('the connection was closed'))
    }
  }

  /** Whether more should wait until `drained`. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain
  }

  send(packet: Packet): void {
    if (!this.#isOver) this.#write(encode(packet, this.#version))
  }

  /** Sends the message, unless its packet has more bytes. */
  offer(packet: PublishPacket, bytesMax: number): boolean {
    if (this.#isOver) return true
    const bytes = encode(packet, this.#version)
    if (bytes.length > bytesMax) return false
    this.#write(bytes)
    return true
  }

  /** Unsubscribes, and subscribes. Empty lists send nothing. */
  subscribe(subscriptions: readonly SubscriptionRequest[], filters: readonly string[]): void {
    const properties = NO_PROPERTIES
    if (filters.length > 0)
      this.send({ type: 'unsubscribe', packetId: UNSUBSCRIBE_ID, filters, properties })
    if (subscriptions.length > 0)
      this.send({ type: 'subscribe', packetId: SUBSCRIBE_ID, subscriptions, properties })
  }

  /** Sends a PINGREQ each `seconds`, and ends when a whole such time brings nothing although it is read. 0: none. */
  keepAlive(seconds: number): void {
    if (seconds === 0) return
    this.#pings = setInterval(() => {
      if (!this.#isHeard && !this.#stream.isPaused()) {
        this.#end(`nothing was heard for ${seconds} s (keepAliveSeconds)`)
        return
      }
      this.#isHeard = false
      this.send({ type: 'pingreq' })
    }, seconds * 1_000)
  }

  pause(): void {
    this.#isHeld = true
    this.#stream.pause()
  }

  resume(): void {
    this.#isHeld = false
    if (!this.#isLate) this.#stream.resume()
  }

  /** Sends what is written, and ends. `ended` is not called. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#pings)
    this.#stream.end()
    // A far end that does not read would hold the process.
    setTimeout(() => this.#stream.destroy(), CLOSE_MS_MAX).unref()
  }

  /** The same at once. */
  destroy(): void {
    this.#isOver = true
    clearInterval(this.#pings)
    this.#stream.destroy()
  }

  /** What answers a far end cannot wait until it reads. */
  #write(bytes: Buffer): void {
    this.#stream.write(bytes)
    if (!this.isFull) return
    this.#unsent += 1
    if (this.#unsent > UNSENT_MAX) this.#end(`it does not read ${UNSENT_MAX} packets`)
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return
    this.#isHeard = true
    this.#packets.push(chunk)
    if (!this.#isLate) this.#proceed()
  }

  /** Some packets; what is left waits until others had their turn, and the stream with it. */
  #proceed(): void {
    let count = 0
    try {
      while (!this.#isOver) {
        const packet = this.#packets.next()
        if (packet === null) return
        if (packet.type === 'disconnect') {
          const { reasonString } = packet.properties
          const rest = reasonString === undefined ? '' : `: ${reasonString}`
          this.#end(`it was disconnected by 0x${packet.reason.toString(16)}${rest}`)
        } else this.#handlers.packet(packet)
        count += 1
        if (count < PACKETS_AT_ONCE || this.#isLate) continue
        this.#isLate = true
        this.#packets.keep()
        this.#stream.pause()
        setImmediate(() => this.#goOn())
        return
      }
    } catch (error) {
      this.#end(`what came is not MQTT: ${thrownSentence(error)}`)
    }
  }

  #goOn(): void {
    this.#isLate = false
    if (this.#isOver) return
    this.#proceed()
    if (!this.#isLate && !this.#isHeld) this.#stream.resume()
  }

  #end(sentence: string): void {
    if (this.#isOver) return
    this.destroy()
    this.#handlers.ended(sentence)
  }
}

const CLOSE_MS_MAX = 2_000
/** A full socket stops what makes packets for it, but for the answers to one chunk. */
const UNSENT_MAX = 65_536
/** 64 KiB have 16,000 acknowledgements, which would take 0.3 s. */
const PACKETS_AT_ONCE = 256

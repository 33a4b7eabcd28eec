// What must hold for a stream of packets: framer, decoder and encoder against the reference decoder.

import { decodeWithin, protocolVersionOf } from '../../src/packet/decode.ts'
import { FilterList, hasFilters } from '../../src/packet/decode-filters.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'
import type { Packet, PublishPacket, ReadingTerms } from '../../src/packet/packet.ts'
import type { Version } from './grammar.ts'
import {
  MALFORMED,
  PROTOCOL,
  QUOTA,
  ReferenceDecoder,
  sizeOfPacket,
  TOO_LARGE,
  TOPIC_ALIAS,
  TOPIC_NAME,
  VERSION,
} from './reference-decoder.ts'
import { Comparison } from './same-meaning.ts'

const FAULT_OF_REASON: ReadonlyMap<number, number> = new Map([
  [0x81, MALFORMED],
  [0x82, PROTOCOL],
  [0x84, VERSION],
  [0x90, TOPIC_NAME],
  [0x94, TOPIC_ALIAS],
  [0x95, TOO_LARGE],
  [0x97, QUOTA],
])

/** What is checked. Tests plant faults in it. */
export interface PacketCodec {
  readonly decodeWithin: typeof decodeWithin
  readonly encode: typeof encode
  readonly framer: (bytesMax: number) => Framer
}

export const OUR_CODEC: PacketCodec = {
  decodeWithin,
  encode,
  framer: bytesMax => new Framer(bytesMax),
}

export interface StreamTerms {
  version: Version
  packetBytesMax: number
  userPropertiesMax: number
}

/** Returns where the next chunk of a stream ends. */
export type Cut = (at: number, length: number) => number

/** Bytes around the stream, which must not appear in anything that is read from it. */
const CANARY = 'KANARIENVOGEL'
const CANARY_BYTES = 64
/** Up to this length a loop is faster than a call into the engine. */
const BYTE_LOOP_MAX = 128
const SENTENCE_BYTES_MAX = 512
const NO_LIMIT = 268_435_460
const CANARIES = Buffer.alloc(1_048_576, CANARY)

interface KeptPayload {
  readonly payload: Buffer
  readonly copy: Buffer
}

export class PacketChecks {
  /** How often each outcome was seen. */
  readonly counts = { packets: 0, accepted: 0, refused: 0, unframed: 0 }
  readonly #reference = new ReferenceDecoder()
  readonly #comparison = new Comparison(this.#reference)
  readonly #codec: PacketCodec
  #lent = Buffer.alloc(0)
  #kept: KeptPayload[] = []
  #terms: ReadingTerms = { version: 4, userPropertiesMax: 0 }
  #stream: Buffer = Buffer.alloc(0)
  /** Where the next packet begins in the stream. */
  #at = 0
  #length = 0

  constructor(codec: PacketCodec) {
    this.#codec = codec
  }

  /** Returns what is wrong, or null. The stream is the first `length` bytes. */
  check(stream: Buffer, length: number, terms: StreamTerms, cut: Cut): string | null {
    const { version, packetBytesMax, userPropertiesMax } = terms
    this.#stream = stream
    this.#length = length
    this.#at = 0
    this.#terms = { version, userPropertiesMax }
    this.#kept.length = 0
    const framer = this.#codec.framer(packetBytesMax)
    for (let at = 0; at < length;) {
      const end = cut(at, length)
      const fault = this.#pushChunk(framer, at, end)
      if (fault === ENDED) return this.#keptFault()
      if (fault !== null) return fault
      at = end
    }
    const rest = sizeOfPacket(stream, this.#at, length, packetBytesMax)
    if (rest !== 0) return `the framer did not see that the rest of the stream is ${rest}`
    if (framer.unreadBytes !== length - this.#at)
      return 'the framer counts its unread bytes wrongly'
    return this.#keptFault()
  }

  /** Returns a fault, ENDED when the stream was rightly refused, or null. */
  #pushChunk(framer: Framer, start: number, end: number): string | null {
    const chunk = this.#lend(start, end)
    framer.push(chunk)
    for (;;) {
      try {
        if (!framer.next()) break
      } catch (error) {
        return this.#refusedByFramer(framer, error)
      }
      const fault = this.#checkPacket(framer)
      if (fault !== null) return fault
    }
    // The memory of a chunk is reused.
    if (chunk.length > BYTE_LOOP_MAX) CANARIES.copy(chunk)
    else for (let at = 0; at < chunk.length; at++) chunk[at] = 0xee
    return null
  }

  /** Copies a part of the stream to memory with canaries around it. */
  #lend(start: number, end: number): Buffer {
    const size = end - start + 2 * CANARY_BYTES
    if (this.#lent.length < size) this.#lent = Buffer.alloc(2 * size, CANARY)
    const lent = this.#lent.subarray(CANARY_BYTES, CANARY_BYTES + end - start)
    if (end - start <= BYTE_LOOP_MAX)
      for (let at = start; at < end; at++) lent[at - start] = this.#stream[at] ?? 0
    else this.#stream.copy(lent, 0, start, end)
    return lent
  }

  #refusedByFramer(framer: Framer, error: unknown): string | null {
    this.counts.unframed++
    if (!(error instanceof MalformedPacket)) return `the framer threw ${String(error)}`
    const size = sizeOfPacket(this.#stream, this.#at, this.#length, framer.limit.bytesMax)
    const fault = FAULT_OF_REASON.get(error.reason) ?? 0
    return size === -fault ? ENDED : `the framer refused with ${error.reason}, expected ${size}`
  }

  #checkPacket(framer: Framer): string | null {
    const { bytes, start, end } = framer
    const size = sizeOfPacket(this.#stream, this.#at, this.#length, framer.limit.bytesMax)
    if (size !== end - start) return `the framer found ${end - start} bytes, expected ${size}`
    const at = this.#at
    this.#at += size
    this.counts.packets++
    const { version, userPropertiesMax } = this.#terms
    this.#reference.decode(this.#stream, at, at + size, version, userPropertiesMax)
    let packet: Packet
    try {
      packet = this.#codec.decodeWithin(bytes, start, end, this.#terms)
    } catch (error) {
      this.counts.refused++
      return this.#refusalFault(error) ?? this.#filtersFault(bytes, start, end, null)
    }
    this.counts.accepted++
    if (this.#reference.faults !== 0)
      return `accepted ${packet.type}, which has the faults ${this.#reference.faults}`
    const difference = this.#comparison.differenceOf(packet, this.#stream)
    if (difference !== null) return `${packet.type}: ${difference}`
    if (packet.type === 'publish') this.#keep(packet)
    return (
      this.#filtersFault(bytes, start, end, packet) ??
      this.#roundTripFault(packet, bytes, start, end)
    )
  }

  #refusalFault(error: unknown): string | null {
    const { faults } = this.#reference
    if (!(error instanceof MalformedPacket)) return `threw ${String(error)}`
    const fault = FAULT_OF_REASON.get(error.reason) ?? 0
    if ((fault & faults) === 0)
      return `refused with ${error.reason} (${error.message}), and the faults are ${faults}`
    if (error.message.length > SENTENCE_BYTES_MAX) return 'its sentence is too long'
    return error.message.includes(CANARY.slice(0, 5)) ? 'its sentence has bytes of others' : null
  }

  /** A list that is read filter by filter says the same as the packet that is read at once. */
  #filtersFault(bytes: Buffer, start: number, end: number, packet: Packet | null): string | null {
    if (!hasFilters(bytes, start)) return null
    try {
      const list = new FilterList(bytes.subarray(start, end), this.#terms)
      let count = 0
      for (; !list.isAtEnd; count++) {
        const filter = list.type === 'subscribe' ? list.nextRequest().filter : list.nextFilter()
        if (packet === null) continue
        const same =
          packet.type === 'subscribe'
            ? packet.subscriptions[count]?.filter
            : packet.type === 'unsubscribe'
              ? packet.filters[count]
              : null
        if (same !== filter) return `filter ${count} of the list differs`
      }
      // A list without filters is refused where it is used.
      return packet === null && count > 0 ? 'the list of filters was accepted' : null
    } catch (error) {
      if (!(error instanceof MalformedPacket)) return `the list of filters threw ${String(error)}`
      if (packet !== null) return 'the list of filters was refused'
      const fault = FAULT_OF_REASON.get(error.reason) ?? 0
      return (fault & this.#reference.faults) === 0
        ? `the list of filters was refused with ${error.reason}`
        : null
    }
  }

  /** What is encoded from the packet has its meaning, for the reference decoder and for ours. */
  #roundTripFault(packet: Packet, bytes: Buffer, start: number, end: number): string | null {
    if (packet.type === 'connect' && protocolVersionOf(bytes, start, end) !== levelOf(packet))
      return 'protocolVersionOf is not the version of the packet'
    const { version, userPropertiesMax } = this.#terms
    const encoded = this.#codec.encode(packet, version)
    if (isSame(encoded, bytes, start, end)) return null
    const { length } = encoded
    if (sizeOfPacket(encoded, 0, length, NO_LIMIT) !== length) return 'encoded with a wrong length'
    this.#reference.decode(encoded, 0, length, version, userPropertiesMax)
    if (this.#reference.faults !== 0) return `encoded with the faults ${this.#reference.faults}`
    const ours = this.#comparison.differenceOf(
      this.#codec.decodeWithin(encoded, 0, length, this.#terms),
      encoded,
    )
    if (ours !== null) return `decoded from what was encoded: ${ours}`
    return this.#encodedFault(packet, encoded)
  }

  #encodedFault(packet: Packet, encoded: Buffer): string | null {
    // The reference decoder reads QoS 0 with DUP in 3.1 and flags that 3.1 ignores: they are in no packet of ours.
    const difference = this.#comparison.differenceOf(packet, encoded)
    return difference === null ? null : `encoded: ${difference}`
  }

  #keep(packet: PublishPacket): void {
    const { qos, retain, payload } = packet
    if ((qos === 0 && !retain) || payload.length === 0) return
    this.#kept.push({ payload, copy: Buffer.from(payload) })
  }

  /** The payload of a message that is kept does not change with the memory that it was read from. */
  #keptFault(): string | null {
    for (const { payload, copy } of this.#kept)
      if (!payload.equals(copy)) return 'a payload changed with the memory of its chunk'
    return null
  }
}

/** The stream was refused, as it must be. */
const ENDED = 'ended'

function levelOf(packet: Extract<Packet, { type: 'connect' }>): number {
  return packet.isBridge === true ? packet.version | 0x80 : packet.version
}

function isSame(encoded: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (encoded.length !== end - start) return false
  for (let index = 0; index < encoded.length; index++)
    if (encoded[index] !== bytes[start + index]) return false
  return true
}

// Chunks → whole packets. A packet that lies whole in a chunk is left there; of one that does not, only its own bytes
// are copied, into memory that grows with what has arrived and never with what a length claims. Large packets are
// copied as well: their payloads are not copied again, but handed to sockets as they are, when the chunk is gone.

import type { LentBytes } from './lent-bytes.ts'
import { MalformedPacket } from './malformed.ts'
import { MALFORMED_PACKET, PACKET_TOO_LARGE } from './reason.ts'
import { LARGE_BYTES_MIN } from './sizes.ts'

const EMPTY = Buffer.alloc(0)
const CARRY_BYTES_MIN = 512
const LENGTH_BYTES_MAX = 4

/** Larger packets are refused as soon as their length is known. */
interface PacketLimit {
  readonly bytesMax: number
  /** What it is called where it is configured. */
  readonly name: string
}

export class Framer {
  limit: PacketLimit
  /** After `next` has returned true the packet lies at `bytes` from `start` up to `end`. */
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  /** How far `bytes` is filled. */
  #filled = 0
  /** Whether `bytes` is our own memory or the chunk of the caller. */
  #isOwn = false
  /** What comes behind our own memory: the caller's chunk, from `#drawn` on. */
  #chunk: Buffer | null = null
  #drawn = 0
  /** Bytes of the packet at `start` as far as it is known; 0 while its length is not. */
  #size = 0
  #isExhausted = true

  constructor(packetBytesMax: number, limitName = 'limits.packetBytesMax') {
    this.limit = { bytesMax: packetBytesMax, name: limitName }
  }

  /** There may be another whole packet among what has arrived. */
  get hasUnread(): boolean {
    return !this.#isExhausted
  }

  /** Bytes that have arrived and were not read yet. */
  get unreadBytes(): number {
    return this.#filled - this.end + (this.#chunk === null ? 0 : this.#chunk.length - this.#drawn)
  }

  /** The chunk belongs to the framer until `next` has returned false, or `keep` was called. */
  push(lent: LentBytes): void {
    const chunk = lent as Buffer
    // Only when it comes before the last one was read to its end: a stream within this process may answer at once.
    if (this.#chunk !== null || (!this.#isOwn && this.end < this.#filled)) this.keep()
    this.#chunk = chunk
    this.#drawn = 0
    this.start = this.end
    this.#isExhausted = false
    if (this.end === this.#filled) this.#enterChunk(chunk)
  }

  /** Finds the next whole packet. False when there is none; what remains was copied then. */
  next(): boolean {
    this.start = this.end
    for (;;) {
      const end = this.#endOfPacket()
      if (end !== 0) {
        this.end = end
        if (end - this.start >= LARGE_BYTES_MIN && !this.#isOwn) this.#ownPacket()
        return true
      }
      if (this.#chunk === null) {
        this.#isExhausted = true
        this.keep()
        return false
      }
      if (this.start === this.#filled) this.#enterChunk(this.#chunk)
      else this.#draw(this.#chunk)
    }
  }

  /** Copies what was not read yet, so that the caller may use the chunk again. */
  keep(): void {
    const rest = this.unreadBytes
    if (rest === 0) this.#release()
    else if (!this.#isOwn || this.#chunk !== null) this.#own(rest)
  }

  /** Where the packet at `start` ends; 0 while it is not whole. */
  #endOfPacket(): number {
    const { bytes, start } = this
    const filled = this.#filled
    this.#size = 0
    if (filled - start < 1) return 0
    // Packet type 0 is reserved: nothing after it can be trusted.
    if ((bytes[start] ?? 0) < 0x10) throw new MalformedPacket(MALFORMED_PACKET, 'packet type 0')
    let length = 0
    for (let count = 0; count < LENGTH_BYTES_MAX; count++) {
      const at = start + 1 + count
      if (at >= filled) return 0
      const byte = bytes[at] ?? 0
      length += (byte & 0x7f) << (7 * count)
      if (byte < 0x80) {
        // A needless byte is the decoder's matter: 3.1 allows it.
        const end = at + 1 + length
        this.#size = end - start
        if (this.#size > this.limit.bytesMax) throw tooLarge(this.#size, this.limit)
        return end <= filled ? end : 0
      }
    }
    throw new MalformedPacket(MALFORMED_PACKET, 'remaining length has more than four bytes')
  }

  /** Nothing of our own is left: packets are read where the caller has them. */
  #enterChunk(chunk: Buffer): void {
    this.bytes = chunk
    this.start = this.#drawn
    this.end = this.#drawn
    this.#filled = chunk.length
    this.#isOwn = false
    this.#chunk = null
  }

  /** Brings what the packet at `start` lacks into our own memory, and no byte more. */
  #draw(chunk: Buffer): void {
    const rest = this.#filled - this.start
    // While its length is not known, byte by byte: there are five at most.
    const lacks = this.#size === 0 ? 1 : this.#size - rest
    const drawn = Math.min(lacks, chunk.length - this.#drawn)
    if (this.#filled + drawn > this.bytes.length) this.#move(rest, rest + drawn)
    this.bytes.set(chunk.subarray(this.#drawn, this.#drawn + drawn), this.#filled)
    this.#filled += drawn
    this.#drawn += drawn
    if (this.#drawn === chunk.length) this.#chunk = null
  }

  /** To larger memory, with the packet at its start. What was handed out from the old one stays as it is. */
  #move(rest: number, needed: number): void {
    // The whole packet at once when half of it is here: otherwise as much again as has arrived.
    const wanted = Math.min(this.#size, 2 * needed)
    const larger = Buffer.allocUnsafeSlow(Math.max(CARRY_BYTES_MIN, needed, wanted))
    larger.set(this.bytes.subarray(this.start, this.start + rest))
    this.bytes = larger
    this.#isOwn = true
    this.#filled = rest
    this.start = 0
    this.end = 0
  }

  /** Takes all that is unread into our own memory. */
  #own(unread: number): void {
    const behind = this.#chunk?.subarray(this.#drawn)
    const rest = this.#filled - this.end
    this.start = this.end
    this.#move(rest, unread)
    if (behind !== undefined) this.bytes.set(behind, rest)
    this.#filled = unread
    this.#chunk = null
  }

  /** Takes the packet out of the caller's chunk. */
  #ownPacket(): void {
    const chunk = this.bytes
    const { start, end } = this
    this.#chunk = end === this.#filled ? null : chunk
    this.#drawn = end
    this.#isOwn = true
    this.bytes = Buffer.allocUnsafeSlow(end - start)
    this.bytes.set(chunk.subarray(start, end))
    this.start = 0
    this.end = end - start
    this.#filled = this.end
  }

  #release(): void {
    this.bytes = EMPTY
    this.#isOwn = false
    this.#filled = 0
    this.start = 0
    this.end = 0
  }
}

function tooLarge(size: number, { bytesMax, name }: PacketLimit): MalformedPacket {
  const sentence = `a packet of ${size} bytes, more than ${name} (${bytesMax})`
  return new MalformedPacket(PACKET_TOO_LARGE, sentence)
}

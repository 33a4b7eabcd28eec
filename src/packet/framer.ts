// Chunks → whole packets. A packet that lies whole in a chunk is left there; only the rest of a chunk is copied,
// into memory that grows with what has arrived and never with what a length claims.

import { MalformedPacket } from './malformed.ts'
import { MALFORMED_PACKET, PACKET_TOO_LARGE } from './reason.ts'

const EMPTY = Buffer.alloc(0)
const CARRY_BYTES_MIN = 512
const LENGTH_BYTES_MAX = 4

export class Framer {
  /** Larger packets are refused as soon as their length is known. */
  packetBytesMax: number
  /** After `next` has returned true the packet lies at `bytes` from `start` up to `end`. */
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  /** How far `bytes` is filled. */
  #filled = 0
  /** Whether `bytes` is our own memory or the chunk of the caller. */
  #isOwn = false
  #isExhausted = true

  constructor(packetBytesMax: number) {
    this.packetBytesMax = packetBytesMax
  }

  /** There may be another whole packet among what has arrived. */
  get hasUnread(): boolean {
    return !this.#isExhausted
  }

  /** Bytes that have arrived and were not read yet. */
  get unreadBytes(): number {
    return this.#filled - this.end
  }

  /** The chunk belongs to the framer until `next` has returned false, or `keep` was called. */
  push(chunk: Buffer): void {
    if (this.end === this.#filled) {
      this.bytes = chunk
      this.#filled = chunk.length
      this.#isOwn = false
      this.end = 0
    } else {
      this.#append(chunk)
    }
    this.start = this.end
    this.#isExhausted = false
  }

  /** Finds the next whole packet. False when there is none; what remains was copied then. */
  next(): boolean {
    this.start = this.end
    const end = this.#endOfPacket()
    if (end === 0) {
      this.#isExhausted = true
      this.keep()
      return false
    }
    this.end = end
    return true
  }

  /** Copies what was not read yet, so that the caller may use the chunk again. */
  keep(): void {
    if (this.#isOwn) {
      if (this.end === this.#filled) this.#release()
      return
    }
    const rest = this.#filled - this.end
    if (rest === 0) {
      this.#release()
      return
    }
    const own = Buffer.allocUnsafeSlow(Math.max(CARRY_BYTES_MIN, rest))
    own.set(this.bytes.subarray(this.end, this.#filled))
    this.bytes = own
    this.#isOwn = true
    this.#filled = rest
    this.start = 0
    this.end = 0
  }

  /** Where the packet at `start` ends; 0 while it is not whole. */
  #endOfPacket(): number {
    const { bytes, start } = this
    const filled = this.#filled
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
        if (byte === 0 && count > 0)
          throw new MalformedPacket(MALFORMED_PACKET, 'remaining length has a needless byte')
        return this.#wholeEnd(at + 1 + length)
      }
    }
    throw new MalformedPacket(MALFORMED_PACKET, 'remaining length has more than four bytes')
  }

  #wholeEnd(end: number): number {
    const size = end - this.start
    if (size > this.packetBytesMax) {
      throw new MalformedPacket(
        PACKET_TOO_LARGE,
        `a packet of ${size} bytes, more than ${this.packetBytesMax}`,
      )
    }
    return end <= this.#filled ? end : 0
  }

  #append(chunk: Buffer): void {
    const rest = this.#filled - this.end
    const needed = rest + chunk.length
    if (!this.#isOwn || this.#filled + chunk.length > this.bytes.length) {
      const capacity = Math.max(CARRY_BYTES_MIN, needed, Math.min(rest * 2, this.packetBytesMax))
      const larger = Buffer.allocUnsafeSlow(capacity)
      larger.set(this.bytes.subarray(this.end, this.#filled))
      this.bytes = larger
      this.#isOwn = true
      this.#filled = rest
      this.end = 0
    }
    this.bytes.set(chunk, this.#filled)
    this.#filled += chunk.length
  }

  #release(): void {
    this.bytes = EMPTY
    this.#isOwn = false
    this.#filled = 0
    this.start = 0
    this.end = 0
  }
}

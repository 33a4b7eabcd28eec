// Chunks → whole packets. A packet that is complete in one chunk is read in place. An incomplete packet is copied into the
// framer's buffer, which grows with the bytes that have arrived, never with the length that a header claims. Large packets are
// copied as well: sockets are given their payloads without another copy, after the chunk is no longer valid.

import type { LentBytes } from './lent-bytes.ts'
import { MalformedPacket } from './malformed.ts'
import type { PacketLoan, PacketMemory } from './packet-memory.ts'
import { MALFORMED_PACKET, PACKET_TOO_LARGE } from './reason.ts'
import { LARGE_BYTES_MIN } from './sizes.ts'

const EMPTY = Buffer.alloc(0)
const CARRY_BYTES_MIN = 512
const LENGTH_BYTES_MAX = 4

/** The largest packet. A larger one is refused as soon as its length is known. */
export interface PacketLimit {
  readonly bytesMax: number
  /** The name of the limit in the configuration. */
  readonly name: string
}

// Wide on purpose: its fields are positions in two pieces of memory, its own and the caller's, and whose each is.
export class Framer {
  limit: PacketLimit
  /** After `next` has returned true, the packet is in `bytes` from `start` up to `end`. */
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  /** The end of the filled part of `bytes`. */
  #filled = 0
  /** Whether `bytes` is the framer's buffer (true) or the caller's chunk. */
  #isOwn = false
  /** The caller's chunk, while packets are read from the framer's buffer. Its bytes from `#drawn` on are not copied yet. */
  #chunk: Buffer | null = null
  #drawn = 0
  /** The size of the packet at `start`; 0 while its length is not known. */
  #size = 0
  #isExhausted = true
  readonly #memory: PacketMemory | null
  /** The memory of the framer's buffer if it is lent: then it has one packet and nothing else. */
  #loan: PacketLoan | null = null

  /** A number is that of bytes. Without `memory` each large packet gets memory of its own. */
  constructor(limit: PacketLimit | number, memory: PacketMemory | null = null) {
    this.#memory = memory
    this.limit =
      typeof limit === 'number' ? { bytesMax: limit, name: 'limits.packetBytesMax' } : limit
  }

  /** Whether another whole packet may have arrived. */
  get hasUnread(): boolean {
    return !this.#isExhausted
  }

  /** The number of bytes that have arrived and were not read yet. */
  get unreadBytes(): number {
    return this.#filled - this.end + (this.#chunk === null ? 0 : this.#chunk.length - this.#drawn)
  }

  /** Adds a chunk. The caller must not change it before `next` has returned false or `keep` was called. */
  push(lent: LentBytes): void {
    const chunk = lent as Buffer
    // The last chunk was not read to its end. This happens when a stream within this process answers at once.
    if (this.#chunk !== null || (!this.#isOwn && this.end < this.#filled)) this.keep()
    this.#chunk = chunk
    this.#drawn = 0
    this.start = this.end
    this.#isExhausted = false
    if (this.end === this.#filled) this.#enterChunk(chunk)
  }

  /** Finds the next whole packet. Returns false when there is none; the remaining bytes were copied then. */
  next(): boolean {
    this.start = this.end
    if (this.#loan !== null && this.end === this.#filled) this.#leaveLoan(this.#loan)
    for (;;) {
      const end = this.#endOfPacket()
      if (end !== 0) {
        this.end = end
        if (end - this.start >= LARGE_BYTES_MIN && !this.#isOwn) this.#ownPacket()
        return true
      }
      if (this.#chunk === null) {
        this.#isExhausted = true
        this.keepPart()
        return false
      }
      if (this.start === this.#filled) this.#enterChunk(this.#chunk)
      else this.#draw(this.#chunk)
    }
  }

  /** Puts the packet that `next` found back, to be found again. */
  putBack(): void {
    this.end = this.start
    this.#isExhausted = false
  }

  /**
   * After `putBack`: removes the wanted packets among those that have arrived, and returns copies of them. The search begins after
   * `searched` bytes; what is returned as `searched` need not be searched again.
   */
  takeBehind(
    isWanted: (firstByte: number) => boolean,
    searched: number,
  ): { readonly taken: readonly Buffer[]; readonly searched: number } {
    this.keep()
    const taken: Buffer[] = []
    const { bytes } = this
    const first = this.end
    let to = first + searched
    this.start = to
    for (let end = this.#endOfPacket(); end !== 0; end = this.#endOfPacket()) {
      const size = end - this.start
      if (isWanted(bytes[this.start] ?? 0)) taken.push(Buffer.from(bytes.subarray(this.start, end)))
      else {
        if (to < this.start) bytes.copyWithin(to, this.start, end)
        to += size
      }
      this.start = end
    }
    bytes.copyWithin(to, this.start, this.#filled)
    this.#filled -= this.start - to
    this.start = first
    return { taken, searched: to - first }
  }

  /** Returns a copy of the bytes that were not read yet, and has none then. */
  takeUnread(): Buffer {
    this.keep()
    const unread = Buffer.from(this.bytes.subarray(this.end, this.#filled))
    this.#release()
    this.#isExhausted = true
    return unread
  }

  /** Copies the bytes that were not read yet, so that the caller may reuse the chunk. */
  keep(): void {
    this.#size = 0
    this.keepPart()
  }

  /** The same when all of it is the incomplete packet at `start`, or `#size` is 0. */
  protected keepPart(): void {
    const rest = this.unreadBytes
    if (rest === 0) this.#release()
    else if (!this.#isOwn || this.#chunk !== null) this.#own(rest)
  }

  /** Returns the end of the packet at `start`, or 0 while it is incomplete. */
  #endOfPacket(): number {
    const { bytes, start } = this
    const filled = this.#filled
    this.#size = 0
    if (filled - start < 1) return 0
    // Packet type 0 is reserved. The bytes after it cannot be split into packets.
    if ((bytes[start] ?? 0) < 0x10) throw new MalformedPacket(MALFORMED_PACKET, 'packet type 0')
    let length = 0
    for (let count = 0; count < LENGTH_BYTES_MAX; count++) {
      const at = start + 1 + count
      if (at >= filled) return 0
      const byte = bytes[at] ?? 0
      length += (byte & 0x7f) << (7 * count)
      if (byte < 0x80) {
        // The decoder checks for needless bytes, because 3.1 allows them.
        const end = at + 1 + length
        this.#size = end - start
        if (this.#size > this.limit.bytesMax) throw tooLarge(this.#size, this.limit)
        return end <= filled ? end : 0
      }
    }
    throw new MalformedPacket(MALFORMED_PACKET, 'remaining length has more than four bytes')
  }

  /** Returns to reading packets in the caller's chunk, because the framer's buffer is empty. */
  #enterChunk(chunk: Buffer): void {
    // A stream within this process may push while the packet is still handled, so the loan is not given back.
    this.#loan = null
    this.bytes = chunk
    this.start = this.#drawn
    this.end = this.#drawn
    this.#filled = chunk.length
    this.#isOwn = false
    this.#chunk = null
  }

  /** Copies exactly the missing bytes of the packet at `start` into the framer's buffer. */
  #draw(chunk: Buffer): void {
    const rest = this.#filled - this.start
    // While the length is not known, bytes are copied one by one; a fixed header has at most five.
    const lacks = this.#size === 0 ? 1 : this.#size - rest
    const drawn = Math.min(lacks, chunk.length - this.#drawn)
    if (this.#filled + drawn > this.bytes.length) this.#move(rest, rest + drawn)
    this.bytes.set(chunk.subarray(this.#drawn, this.#drawn + drawn), this.#filled)
    this.#filled += drawn
    this.#drawn += drawn
    if (this.#drawn === chunk.length) this.#chunk = null
  }

  /** Moves to a larger buffer, with the packet at its start. Packets that were handed out stay in the old buffer. */
  #move(rest: number, needed: number): void {
    // The buffer gets the size of the packet when half of the packet has arrived; before that it doubles.
    const wanted = Math.min(this.#size, 2 * needed)
    const loan = wanted === this.#size ? this.#borrow() : null
    const larger = loan?.memory ?? Buffer.allocUnsafeSlow(Math.max(CARRY_BYTES_MIN, needed, wanted))
    larger.set(this.bytes.subarray(this.start, this.start + rest))
    this.#loan = loan
    this.bytes = larger
    this.#isOwn = true
    this.#filled = rest
    this.start = 0
    this.end = 0
  }

  /** Copies all unread bytes into the framer's buffer. */
  #own(unread: number): void {
    const behind = this.#chunk?.subarray(this.#drawn)
    const rest = this.#filled - this.end
    this.start = this.end
    this.#move(rest, unread)
    if (behind !== undefined) this.bytes.set(behind, rest)
    this.#filled = unread
    this.#chunk = null
  }

  /** Copies the packet out of the caller's chunk. */
  #ownPacket(): void {
    const chunk = this.bytes
    const { start, end } = this
    this.#chunk = end === this.#filled ? null : chunk
    this.#drawn = end
    this.#isOwn = true
    this.#loan = this.#borrow()
    this.bytes = this.#loan?.memory ?? Buffer.allocUnsafeSlow(end - start)
    this.bytes.set(chunk.subarray(start, end))
    this.start = 0
    this.end = end - start
    this.#filled = this.end
  }

  /** Returns lent memory for the packet at `start`, which is incomplete or just found; null if it gets its own. */
  #borrow(): PacketLoan | null {
    if (this.#memory === null || this.#size < LARGE_BYTES_MIN) return null
    return this.#memory.take(this.bytes[this.start] ?? 0, this.#size)
  }

  /** The packet in lent memory was read. */
  #leaveLoan(loan: PacketLoan): void {
    this.#loan = null
    this.#release()
    loan.release()
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

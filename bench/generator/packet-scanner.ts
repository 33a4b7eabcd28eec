// Bytes from a broker → whole packets, as ranges of bytes. It allocates no object for a packet.

export interface PacketSink {
  /** Receives a whole packet: its first byte, and the range behind the remaining length. The bytes are valid only during the call. */
  packet(first: number, bytes: Buffer, start: number, end: number): void
}

const NOTHING = Buffer.alloc(0)
const LENGTH_BYTES_MAX = 4

export class PacketScanner {
  readonly #sink: PacketSink
  /** The beginning of a packet that has not arrived completely. */
  #carry: Buffer = NOTHING
  #carried = 0

  constructor(sink: PacketSink) {
    this.#sink = sink
  }

  /** Scans `bytes` from `start` to `end`. The caller may reuse the memory when it returns. */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (this.#carried > 0 && at < end) at = this.#complete(bytes, at, end)
    if (at < end) this.#keep(bytes, this.#scan(bytes, at, end), end)
  }

  /** Hands over every whole packet. Returns where the first incomplete packet begins. */
  #scan(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at + 2 <= end) {
      let length = bytes[at + 1] ?? 0
      let body = at + 2
      if (length > 0x7f) {
        const size = packetSize(bytes, at, end)
        if (size === 0) return at
        body = bodyStart(bytes, at)
        length = size - (body - at)
      }
      if (body + length > end) return at
      this.#sink.packet(bytes[at] ?? 0, bytes, body, body + length)
      at = body + length
    }
    return at
  }

  /** Adds to the incomplete packet. Returns how far the bytes were used. */
  #complete(bytes: Buffer, start: number, end: number): number {
    const size = packetSize(this.#carry, 0, this.#carried)
    // While the size of the packet is unknown, bytes are added one by one.
    const wanted = size === 0 ? this.#carried + 1 : size
    const taken = Math.min(wanted - this.#carried, end - start)
    this.#append(bytes, start, start + taken, wanted)
    if (size > 0 && this.#carried === size) {
      this.#carried = 0
      this.#scan(this.#carry, 0, size)
    } else if (size === 0 && this.#carried === packetSize(this.#carry, 0, this.#carried)) {
      const whole = this.#carried
      this.#carried = 0
      this.#scan(this.#carry, 0, whole)
    }
    return start + taken
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    if (start < end) this.#append(bytes, start, end, packetSize(bytes, start, end))
  }

  #append(bytes: Buffer, start: number, end: number, wanted: number): void {
    const needed = Math.max(this.#carried + end - start, wanted)
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 64))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried)
    this.#carried += end - start
  }
}

/** Returns the size of the packet at `start`, or 0 if its length has not arrived. */
function packetSize(bytes: Buffer, start: number, end: number): number {
  let length = 0
  for (let count = 0; count < LENGTH_BYTES_MAX; count++) {
    const at = start + 1 + count
    if (at >= end) return 0
    const byte = bytes[at] ?? 0
    length += (byte & 0x7f) << (7 * count)
    if (byte < 0x80) return 2 + count + length
  }
  throw new Error('the broker sent a remaining length of more than four bytes')
}

function bodyStart(bytes: Buffer, start: number): number {
  let at = start + 1
  while ((bytes[at] ?? 0) > 0x7f) at += 1
  return at + 1
}

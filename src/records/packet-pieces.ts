// Divides a stream of bytes into packets for a trace, of which only the first bytes are kept: no packet can make a trace large.

/** The most bytes of a packet that are kept. */
const PIECE_BYTES_MAX = 4_096
const LENGTH_BYTES_MAX = 4

export class PacketPieces {
  readonly #found: (head: Buffer, packetBytes: number) => void
  readonly #head = Buffer.alloc(PIECE_BYTES_MAX)
  #kept = 0
  /** The size of the present packet; 0 while it is not known. */
  #size = 0
  #read = 0

  /** `found` gets the first bytes of each packet, valid only during the call, and its size. */
  constructor(found: (head: Buffer, packetBytes: number) => void) {
    this.#found = found
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) at += this.#take(chunk, at)
  }

  /** Takes bytes of the present packet. Returns how many. */
  #take(chunk: Uint8Array, at: number): number {
    const wanted = this.#size === 0 ? 1 : this.#size - this.#read
    const taken = Math.min(wanted, chunk.length - at)
    const kept = Math.min(taken, PIECE_BYTES_MAX - this.#kept)
    this.#head.set(chunk.subarray(at, at + kept), this.#kept)
    this.#kept += kept
    this.#read += taken
    if (this.#size === 0) this.#size = sizeIn(this.#head, this.#kept)
    if (this.#size > 0 && this.#read === this.#size) {
      this.#found(this.#head.subarray(0, this.#kept), this.#size)
      this.#kept = 0
      this.#size = 0
      this.#read = 0
    }
    return taken
  }
}

/** Returns the size of a packet from its first bytes; 0 while the length is incomplete. */
function sizeIn(head: Buffer, kept: number): number {
  let length = 0
  for (let count = 0; count < LENGTH_BYTES_MAX; count++) {
    const at = 1 + count
    if (at >= kept) return 0
    const byte = head[at] ?? 0
    length += (byte & 0x7f) * 128 ** count
    if (byte < 0x80) return at + 1 + length
  }
  // The broker ends the connection.
  return LENGTH_BYTES_MAX + 1
}

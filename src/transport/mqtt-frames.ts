// Whole MQTT packets → WebSocket frames, one per packet (RFC 6455, section 5.2). The specification allows several packets in a
// frame [MQTT-6.0.0-2], but some widely used clients (Paho C) read only the first. mosquitto also sends one per frame.

import { LARGE_BYTES_MIN } from '../packet/sizes.ts'

/** The first byte of a frame that is a whole binary message. */
const FINAL_BINARY = 0x82
const HEADER_BYTES_MAX = 10
const CHUNK_BYTES = 16_384

/** Returns the bytes to write. They are copied, except for large pieces. */
export function framesOf(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  let left = 0
  for (const piece of pieces) left += piece.length
  const frames = new Frames(left)
  let lacks = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (lacks === 0) {
        // A write normally ends with a packet. If it does not, the bytes are sent as well.
        lacks = Math.min(packetBytes(piece, at), left)
        frames.header(lacks)
      }
      const part = piece.subarray(at, at + lacks)
      frames.add(part)
      at += part.length
      lacks -= part.length
      left -= part.length
    }
  }
  return frames.end()
}

/** A fixed header is always whole within its piece. */
function packetBytes(bytes: Uint8Array, start: number): number {
  let length = 0
  let at = start + 1
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = bytes[at] ?? 0
    at += 1
    length += (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  return at - start + length
}

class Frames {
  readonly #pieces: Uint8Array[] = []
  #chunk: Buffer
  #start = 0
  #end = 0

  constructor(bytes: number) {
    this.#chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, 2 * bytes + HEADER_BYTES_MAX))
  }

  header(length: number): void {
    const chunk = this.#reserve(HEADER_BYTES_MAX)
    chunk[this.#end] = FINAL_BINARY
    if (length < 126) {
      chunk[this.#end + 1] = length
      this.#end += 2
    } else if (length < 65_536) {
      chunk[this.#end + 1] = 126
      chunk.writeUInt16BE(length, this.#end + 2)
      this.#end += 4
    } else {
      chunk[this.#end + 1] = 127
      chunk.writeUInt32BE(0, this.#end + 2)
      chunk.writeUInt32BE(length, this.#end + 6)
      this.#end += 10
    }
  }

  add(part: Uint8Array): void {
    if (part.length >= LARGE_BYTES_MIN) {
      this.#seal()
      this.#pieces.push(part)
      return
    }
    this.#reserve(part.length).set(part, this.#end)
    this.#end += part.length
  }

  end(): readonly Uint8Array[] {
    this.#seal()
    return this.#pieces
  }

  #reserve(bytes: number): Buffer {
    if (this.#end + bytes > this.#chunk.length) {
      this.#seal()
      this.#chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, bytes))
      this.#start = 0
      this.#end = 0
    }
    return this.#chunk
  }

  #seal(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#chunk.subarray(this.#start, this.#end))
    this.#start = this.#end
  }
}

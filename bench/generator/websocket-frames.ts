// WebSocket frames around MQTT bytes, at the client's side.

/** Receives a frame's payload, or a part of it. The bytes are valid only during the call. */
export type PayloadReceiver = (bytes: Buffer, start: number, end: number) => void

const BINARY_FINAL = 0x82
const IS_MASKED = 0x80
const MASK_BYTES = 4
const HEADER_BYTES_MAX = 10

/** The header of a client's frame. Its mask is zero, so that the payload needs no change. */
export function frameHeader(payloadBytes: number): Buffer {
  if (payloadBytes < 126) return Buffer.from([BINARY_FINAL, IS_MASKED | payloadBytes, 0, 0, 0, 0])
  if (payloadBytes < 65_536) {
    const header = Buffer.alloc(4 + MASK_BYTES)
    header[0] = BINARY_FINAL
    header[1] = IS_MASKED | 126
    header.writeUInt16BE(payloadBytes, 2)
    return header
  }
  const header = Buffer.alloc(10 + MASK_BYTES)
  header[0] = BINARY_FINAL
  header[1] = IS_MASKED | 127
  header.writeBigUInt64BE(BigInt(payloadBytes), 2)
  return header
}

export class FrameReader {
  readonly #receive: PayloadReceiver
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX)
  #headerFilled = 0
  #payloadLeft = 0

  constructor(receive: PayloadReceiver) {
    this.#receive = receive
  }

  push(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#payloadLeft === 0) {
        this.#header[this.#headerFilled] = bytes[at] ?? 0
        this.#headerFilled += 1
        at += 1
        this.#readHeader()
      } else {
        const taken = Math.min(this.#payloadLeft, end - at)
        this.#payloadLeft -= taken
        this.#receive(bytes, at, at + taken)
        at += taken
      }
    }
  }

  /** A header has two, four or ten bytes, because servers do not mask. */
  #readHeader(): void {
    const header = this.#header
    const short = (header[1] ?? 0) & 0x7f
    const size = short === 127 ? 10 : short === 126 ? 4 : 2
    if (this.#headerFilled < 2 || this.#headerFilled < size) return
    const opcode = (header[0] ?? 0) & 0x0f
    if (opcode > 2) throw new Error(`the broker sent a frame with opcode ${opcode}`)
    this.#headerFilled = 0
    if (size === 2) this.#payloadLeft = short
    else if (size === 4) this.#payloadLeft = header.readUInt16BE(2)
    else this.#payloadLeft = Number(header.readBigUInt64BE(2))
  }
}

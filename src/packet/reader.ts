// Reads the fields of one packet. It never reads beyond the end of the packet.

import { MalformedPacket } from './malformed.ts'
import { MALFORMED_PACKET, PROTOCOL_ERROR } from './reason.ts'
import { textOf } from './text.ts'

const EMPTY = Buffer.alloc(0)

/** A packet of 16 MiB has 16 million reason codes, which take seconds. */
const LISTED_MAX = 65_536

export class Reader {
  readonly bytes: Buffer
  readonly end: number
  /** The most user properties of one set. Tens of thousands would fit into a packet and take far more memory than its bytes. */
  readonly userPropertiesMax: number
  position: number

  constructor(bytes: Buffer, start: number, end: number, userPropertiesMax: number) {
    this.bytes = bytes
    this.position = start
    this.end = end
    this.userPropertiesMax = userPropertiesMax
  }

  get isAtEnd(): boolean {
    return this.position === this.end
  }

  uint8(what: string): number {
    return this.bytes[this.#take(1, what)] ?? 0
  }

  uint16(what: string): number {
    const at = this.#take(2, what)
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0)
  }

  uint32(what: string): number {
    return this.bytes.readUInt32BE(this.#take(4, what))
  }

  /** A Variable Byte Integer of at most four bytes, without needless bytes [MQTT-1.5.5-1]. */
  varint(what: string): number {
    let value = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.uint8(what)
      value += (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0)
          throw new MalformedPacket(MALFORMED_PACKET, `${what} has a needless byte`)
        return value
      }
    }
    throw new MalformedPacket(MALFORMED_PACKET, `${what} has more than four bytes`)
  }

  string(what: string): string {
    const length = this.uint16(what)
    const start = this.#take(length, what)
    return textOf(this.bytes, start, start + length, what)
  }

  /** The result shares memory with the packet. */
  binary(what: string): Buffer {
    const length = this.uint16(what)
    const start = this.#take(length, what)
    return length === 0 ? EMPTY : this.bytes.subarray(start, start + length)
  }

  packetId(): number {
    const packetId = this.uint16('packet identifier')
    // [MQTT-2.2.1-3]
    if (packetId === 0) throw new MalformedPacket(MALFORMED_PACKET, 'packet identifier 0')
    return packetId
  }

  /** `count` is the length of a list that has no bound of its own, and gets another entry. */
  assertListed(count: number, what: string): void {
    if (count < LISTED_MAX || this.userPropertiesMax === Infinity) return
    throw new MalformedPacket(PROTOCOL_ERROR, `more than ${LISTED_MAX} ${what}`)
  }

  assertEnd(what: string): void {
    if (this.position === this.end) return
    const surplus = this.end - this.position
    throw new MalformedPacket(MALFORMED_PACKET, `${what} has ${surplus} bytes too many`)
  }

  #take(length: number, what: string): number {
    const at = this.position
    if (at + length > this.end) {
      throw new MalformedPacket(MALFORMED_PACKET, `${what} goes beyond the end of its packet`)
    }
    this.position = at + length
    return at
  }
}

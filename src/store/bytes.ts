// Reads bytes of a Writer. They were written by this program and have a valid checksum, so they are not validated.

import { SMALL_BYTES_MAX } from '../packet/sizes.ts'
import { TextCache } from '../packet/text-cache.ts'

const TWO_TO_32 = 0x1_0000_0000
const DOUBLE = new DataView(new ArrayBuffer(8))

const names = new TextCache(4_096, 64, (bytes, start, end) => bytes.utf8Slice(start, end))

export class ByteReader {
  bytes: Buffer
  position: number

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  uint8(): number {
    return this.bytes[this.position++] ?? 0
  }

  uint16(): number {
    const at = this.position
    this.position = at + 2
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0)
  }

  uint32(): number {
    const { bytes, position: at } = this
    this.position = at + 4
    return (
      (bytes[at] ?? 0) * 0x100_0000 +
      (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    )
  }

  /** Reads a whole number of up to 53 bits. */
  uint53(): number {
    return this.uint32() * TWO_TO_32 + this.uint32()
  }

  double(): number {
    DOUBLE.setUint32(0, this.uint32())
    DOUBLE.setUint32(4, this.uint32())
    return DOUBLE.getFloat64(0)
  }

  string(): string {
    const length = this.uint16()
    const start = this.position
    this.position = start + length
    return this.bytes.utf8Slice(start, start + length)
  }

  /** Reads a string that often repeats. The same object is returned each time. */
  name(): string {
    const length = this.uint16()
    const start = this.position
    this.position = start + length
    return names.textOf(this.bytes, start, this.position)
  }

  /** Returns a copy, so that the memory can be reused. */
  binary(): Buffer {
    return this.raw(this.uint32())
  }

  raw(length: number): Buffer {
    const start = this.position
    this.position = start + length
    const copy =
      length <= SMALL_BYTES_MAX ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
    copy.set(this.bytes.subarray(start, start + length))
    return copy
  }
}

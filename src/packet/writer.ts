// Appends the fields of packets to a buffer that grows as needed.

const FIRST_BYTES = 256
/** The largest string or binary data: its length has two bytes (sections 1.5.4 and 1.5.6). */
export const FIELD_BYTES_MAX = 65_535
/** Up to this length a loop is faster than a call into the engine. */
const LOOP_LENGTH_MAX = 40

/** Where the bytes of a number are made: Node's own function goes byte by byte through another array, which took a microsecond. */
const DOUBLE = new DataView(new ArrayBuffer(8))

export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0

  reset(): void {
    this.length = 0
  }

  /** What was written, to memory that has room for it. */
  copyTo(target: Buffer, at: number): void {
    const { bytes, length } = this
    if (length > LOOP_LENGTH_MAX) bytes.copy(target, at, 0, length)
    else for (let index = 0; index < length; index++) target[at + index] = bytes[index] ?? 0
  }

  uint8(value: number): void {
    const at = this.#grow(1)
    this.bytes[at] = value
  }

  uint16(value: number): void {
    const at = this.#grow(2)
    this.bytes[at] = value >> 8
    this.bytes[at + 1] = value & 0xff
  }

  uint32(value: number): void {
    const at = this.#grow(4)
    this.bytes[at] = value >>> 24
    this.bytes[at + 1] = value >>> 16
    this.bytes[at + 2] = value >>> 8
    this.bytes[at + 3] = value
  }

  /** Overwrites a number that `uint32` has written. */
  patchUint32(at: number, value: number): void {
    this.bytes.writeUInt32BE(value, at)
  }

  /** Writes a whole number of up to 53 bits in 8 bytes. */
  uint53(value: number): void {
    const at = this.#grow(8)
    const { bytes } = this
    const high = value < 0x1_0000_0000 ? 0 : Math.floor(value / 0x1_0000_0000)
    bytes[at] = high >>> 24
    bytes[at + 1] = high >>> 16
    bytes[at + 2] = high >>> 8
    bytes[at + 3] = high
    bytes[at + 4] = value >>> 24
    bytes[at + 5] = value >>> 16
    bytes[at + 6] = value >>> 8
    bytes[at + 7] = value
  }

  double(value: number): void {
    DOUBLE.setFloat64(0, value)
    this.uint32(DOUBLE.getUint32(0))
    this.uint32(DOUBLE.getUint32(4))
  }

  varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.uint8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.uint8(rest)
  }

  /** Throws a RangeError for more than 65,535 bytes, which no string of MQTT can have. */
  string(text: string): void {
    if (text.length <= LOOP_LENGTH_MAX && this.#ascii(text)) return
    const length = Buffer.byteLength(text)
    if (length > FIELD_BYTES_MAX)
      throw new RangeError(`a string of ${length} bytes is too long for MQTT`)
    this.uint16(length)
    const at = this.#grow(length)
    this.bytes.utf8Write(text, at, length)
  }

  /** Writes the text if it is ASCII. Otherwise returns false and writes nothing. */
  #ascii(text: string): boolean {
    const { length } = text
    const start = this.length
    const at = this.#grow(2 + length)
    const { bytes } = this
    bytes[at] = 0
    bytes[at + 1] = length
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) {
        this.length = start
        return false
      }
      bytes[at + 2 + index] = code
    }
    return true
  }

  binary(data: Uint8Array): void {
    if (data.length > FIELD_BYTES_MAX) {
      throw new RangeError(`binary data of ${data.length} bytes is too long for MQTT`)
    }
    this.uint16(data.length)
    this.raw(data)
  }

  raw(data: Uint8Array): void {
    const at = this.#grow(data.length)
    this.bytes.set(data, at)
  }

  /** Makes room and returns where it begins. `bytes` may be another buffer afterwards, so callers must read the field again. */
  #grow(length: number): number {
    const at = this.length
    const needed = at + length
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, at))
      this.bytes = larger
    }
    this.length = needed
    return at
  }
}

/** Returns the size of a Variable Byte Integer. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  // A larger value does not fit into a packet: such a packet counts as too large and is never sent.
  return value < 0x1000_0000 ? 4 : 5
}

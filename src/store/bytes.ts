// Reads what a Writer wrote, for bytes that we wrote ourselves and whose checksum was right: no doubt is cast on them.

const TWO_TO_32 = 0x1_0000_0000

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

  /** A whole number of up to 53 bits. */
  uint53(): number {
    return this.uint32() * TWO_TO_32 + this.uint32()
  }

  double(): number {
    const value = this.bytes.readDoubleBE(this.position)
    this.position += 8
    return value
  }

  string(): string {
    const length = this.uint16()
    const start = this.position
    this.position = start + length
    return this.bytes.utf8Slice(start, start + length)
  }

  /** A string that comes again and again: the same one is returned each time, without being made anew. */
  name(): string {
    const length = this.uint16()
    const start = this.position
    this.position = start + length
    return nameIn(this.bytes, start, this.position)
  }

  /** A copy, so that the memory that was read may serve again. */
  binary(): Buffer {
    return this.raw(this.uint32())
  }

  raw(length: number): Buffer {
    const start = this.position
    this.position = start + length
    return Buffer.from(this.bytes.subarray(start, start + length))
  }
}

interface NameSlot {
  readonly bytes: Buffer
  readonly name: string
}

const NAME_SLOTS = 4_096
/** Longer ones are rare, and to compare them costs what it saves. */
const NAME_BYTES_MAX = 64

const nameSlots: (NameSlot | undefined)[] = Array.from({ length: NAME_SLOTS }, () => undefined)

function nameIn(bytes: Buffer, start: number, end: number): string {
  if (end - start > NAME_BYTES_MAX) return bytes.utf8Slice(start, end)
  let hash = end - start
  for (let index = start; index < end; index++) {
    hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0
  }
  const place = (hash ^ (hash >>> 15)) & (NAME_SLOTS - 1)
  const slot = nameSlots[place]
  if (slot !== undefined && isSame(slot.bytes, bytes, start, end)) return slot.name
  const name = bytes.utf8Slice(start, end)
  nameSlots[place] = { bytes: Buffer.from(bytes.subarray(start, end)), name }
  return name
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  for (let index = start; index < end; index++) {
    if (known[index - start] !== bytes[index]) return false
  }
  return true
}

// Reads the bytes of a frame, and no byte behind them.

import { ByteReader } from '../store/bytes.ts'

/** The frame is damaged, or of another version: nothing of it is applied. */
export class UnreadableFrame extends Error {}

export class FrameReader extends ByteReader {
  get isAtEnd(): boolean {
    return this.position === this.bytes.length
  }

  override uint8(): number {
    this.#expect(1)
    return super.uint8()
  }

  override uint16(): number {
    this.#expect(2)
    return super.uint16()
  }

  override uint32(): number {
    this.#expect(4)
    return super.uint32()
  }

  override uint53(): number {
    const value = super.uint53()
    if (Number.isSafeInteger(value)) return value
    throw new UnreadableFrame('a number has more than 53 bits')
  }

  override string(): string {
    return this.#text()
  }

  override name(): string {
    return this.#text()
  }

  override raw(length: number): Buffer {
    this.#expect(length)
    return super.raw(length)
  }

  #text(): string {
    const length = this.uint16()
    this.#expect(length)
    const start = this.position
    this.position += length
    return this.bytes.utf8Slice(start, this.position)
  }

  #expect(bytes: number): void {
    const left = this.bytes.length - this.position
    if (bytes <= left) return
    throw new UnreadableFrame(`${bytes} bytes are to follow, and ${left} are left`)
  }
}

// The places of all stored messages, and the number of references to each: 20 bytes per message, without objects.

import { MessageRows, type Position } from './message-rows.ts'

export type { Position } from './message-rows.ts'

/** Returns the extent of a position. An extent is a part of the log that is freed as a whole, such as a file. */
export type ExtentOf = (position: Position) => number

/** The part of an extent that is still needed. */
interface ExtentUse {
  messages: number
  /** The bytes of topics, payloads and properties together. */
  bytes: number
}

export class MessageTable extends MessageRows {
  readonly #uses: ExtentUses
  #free = 0
  #count = 0

  constructor(extentOf: ExtentOf) {
    super()
    this.#uses = new ExtentUses(extentOf)
  }

  get count(): number {
    return this.#count
  }

  useOf(extent: number): Readonly<ExtentUse> | undefined {
    return this.#uses.of(extent)
  }

  /** The slots in use. */
  *slots(): Iterable<number> {
    for (let slot = 0; slot < this.end; slot++) if (this.isUsed(slot)) yield slot
  }

  add(position: Position, record: number, size: number): number {
    const slot = this.#take()
    this.fill(slot, position, record, size)
    return slot
  }

  /** Fills a slot that is free. */
  override fill(slot: number, position: Position, record: number, size: number): void {
    super.fill(slot, position, record, size)
    this.#count += 1
    this.#uses.add(position, 1, size)
  }

  /** The message lies somewhere else now. */
  override move(slot: number, position: Position, record: number): void {
    const size = this.sizeOf(slot)
    this.#uses.add(this.positionOf(slot), -1, -size)
    super.move(slot, position, record)
    this.#uses.add(position, 1, size)
  }

  /** Frees the slot of a message without references. */
  release(slot: number): void {
    this.#uses.add(this.positionOf(slot), -1, -this.sizeOf(slot))
    this.#setFree(slot)
    this.#count -= 1
  }

  /** Makes rows up to this slot, for a table that is filled slot by slot. `sealFree` must follow. */
  reserve(slot: number): void {
    while (this.end <= slot) this.grow()
  }

  /** Finds the free rows after a table was filled slot by slot. */
  sealFree(): void {
    this.#free = 0
    this.#linkFree(0)
  }

  #take(): number {
    if (this.#free === 0) {
      const first = this.end
      this.grow()
      this.#linkFree(first)
    }
    const slot = this.#free - 1
    this.#free = this.recordOf(slot)
    return slot
  }

  #linkFree(first: number): void {
    for (let slot = this.end - 1; slot >= first; slot--) if (!this.isUsed(slot)) this.#setFree(slot)
  }

  #setFree(slot: number): void {
    this.free(slot, this.#free)
    this.#free = slot + 1
  }
}

class ExtentUses {
  readonly #extentOf: ExtentOf
  readonly #uses = new Map<number, ExtentUse>()
  #lastExtent = -1
  #lastUse: ExtentUse = { messages: 0, bytes: 0 }

  constructor(extentOf: ExtentOf) {
    this.#extentOf = extentOf
  }

  of(extent: number): ExtentUse | undefined {
    const use = this.#uses.get(extent)
    return use === undefined || use.messages === 0 ? undefined : use
  }

  add(position: Position, messages: number, bytes: number): void {
    const extent = this.#extentOf(position)
    const use = extent === this.#lastExtent ? this.#lastUse : this.#useIn(extent)
    use.messages += messages
    use.bytes += bytes
  }

  /** The newest extent has a field, because most changes are in it. It is kept when nothing of it is needed. */
  #useIn(extent: number): ExtentUse {
    if (this.#lastUse.messages === 0) this.#uses.delete(this.#lastExtent)
    const use = this.#uses.get(extent) ?? { messages: 0, bytes: 0 }
    this.#uses.set(extent, use)
    this.#lastExtent = extent
    this.#lastUse = use
    return use
  }
}

// The places of all stored messages, and the number of references to each: 20 bytes per message, without objects.

const SLOTS_A_CHUNK = 4_096
const SLOT_BITS = 12
const TWO_TO_32 = 0x1_0000_0000

// The columns of a row; a position has two. A free row has position 0, and the next free row in RECORD.
const POSITION_HIGH = 0
const POSITION_LOW = 1
const RECORD = 2
const SIZE = 3
const REFERENCES = 4
const COLUMNS = 5

/** The position of a frame in the log: above 0, and larger for each later frame. Only the log interprets it further. */
export type Position = number

/** Returns the extent of a position. An extent is a part of the log that is freed as a whole, such as a file. */
export type ExtentOf = (position: Position) => number

/** The part of an extent that is still needed. */
interface ExtentUse {
  messages: number
  /** The bytes of topics, payloads and properties together. */
  bytes: number
}

export class MessageTable {
  readonly #extentOf: ExtentOf
  readonly #chunks: Uint32Array[] = []
  readonly #uses = new Map<number, ExtentUse>()
  #lastExtent = -1
  #lastUse: ExtentUse = { messages: 0, bytes: 0 }
  #free = 0
  #count = 0

  constructor(extentOf: ExtentOf) {
    this.#extentOf = extentOf
  }

  get count(): number {
    return this.#count
  }

  /** One more than the highest slot ever used: the end of an iteration over all slots. */
  get end(): number {
    return this.#chunks.length * SLOTS_A_CHUNK
  }

  useOf(extent: number): ExtentUse | undefined {
    const use = this.#uses.get(extent)
    return use === undefined || use.messages === 0 ? undefined : use
  }

  /** The slots in use. */
  *slots(): Iterable<number> {
    for (let slot = 0; slot < this.end; slot++) if (this.isUsed(slot)) yield slot
  }

  add(position: Position, record: number, size: number): number {
    const slot = this.#take()
    this.set(slot, position, record, size)
    return slot
  }

  /** Fills a free slot. */
  set(slot: number, position: Position, record: number, size: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    setPosition(chunk, row, position)
    chunk[row + RECORD] = record
    chunk[row + SIZE] = size
    chunk[row + REFERENCES] = 0
    this.#count += 1
    this.#use(position, 1, size)
  }

  /** Changes the place of a message. */
  move(slot: number, position: Position, record: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    const size = chunk[row + SIZE] ?? 0
    this.#use(positionIn(chunk, row), -1, -size)
    setPosition(chunk, row, position)
    chunk[row + RECORD] = record
    this.#use(position, 1, size)
  }

  /** Changes the number of references to a message and returns the new number. */
  refer(slot: number, by: 1 | -1): number {
    const at = this.#row(slot) + REFERENCES
    const chunk = this.#chunkOf(slot)
    const references = (chunk[at] ?? 0) + by
    chunk[at] = references
    return references
  }

  references(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + REFERENCES] ?? 0
  }

  isUsed(slot: number): boolean {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    return chunk[row + POSITION_HIGH] !== 0 || chunk[row + POSITION_LOW] !== 0
  }

  /** Returns the position of the frame; 0 for a free slot. */
  positionOf(slot: number): Position {
    return positionIn(this.#chunkOf(slot), this.#row(slot))
  }

  /** Returns the offset of the record in the payload of its frame. */
  recordOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + RECORD] ?? 0
  }

  sizeOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + SIZE] ?? 0
  }

  /** Frees the slot of a message without references. */
  release(slot: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    this.#use(positionIn(chunk, row), -1, -(chunk[row + SIZE] ?? 0))
    setPosition(chunk, row, 0)
    chunk[row + RECORD] = this.#free
    this.#free = slot + 1
    this.#count -= 1
  }

  /** Makes rows up to this slot, for a table that is filled slot by slot. `sealFree` must follow. */
  reserve(slot: number): void {
    while (this.end <= slot) this.#chunks.push(new Uint32Array(SLOTS_A_CHUNK * COLUMNS))
  }

  /** Finds the free rows after a table was filled slot by slot. */
  sealFree(): void {
    this.#free = 0
    for (let slot = this.end - 1; slot >= 0; slot--) {
      const row = this.#row(slot)
      const chunk = this.#chunkOf(slot)
      if (positionIn(chunk, row) !== 0) continue
      chunk[row + RECORD] = this.#free
      this.#free = slot + 1
    }
  }

  #take(): number {
    if (this.#free === 0) {
      this.reserve(this.end)
      this.#linkLastChunk()
    }
    const slot = this.#free - 1
    this.#free = this.#chunkOf(slot)[this.#row(slot) + RECORD] ?? 0
    return slot
  }

  #linkLastChunk(): void {
    const first = this.end - SLOTS_A_CHUNK
    for (let slot = this.end - 1; slot >= first; slot--) {
      this.#chunkOf(slot)[this.#row(slot) + RECORD] = this.#free
      this.#free = slot + 1
    }
  }

  #chunkOf(slot: number): Uint32Array {
    const chunk = this.#chunks[slot >>> SLOT_BITS]
    if (chunk === undefined) throw new RangeError(`there is no slot ${slot}`)
    return chunk
  }

  #row(slot: number): number {
    return (slot & (SLOTS_A_CHUNK - 1)) * COLUMNS
  }

  #use(position: Position, messages: number, bytes: number): void {
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

function positionIn(chunk: Uint32Array, row: number): Position {
  return (chunk[row + POSITION_HIGH] ?? 0) * TWO_TO_32 + (chunk[row + POSITION_LOW] ?? 0)
}

function setPosition(chunk: Uint32Array, row: number, position: Position): void {
  chunk[row + POSITION_HIGH] = position / TWO_TO_32
  chunk[row + POSITION_LOW] = position
}

// Where every stored message lies, and how many refer to it: 20 bytes a message, without an object for each.

const SLOTS_A_CHUNK = 4_096
const SLOT_BITS = 12
const TWO_TO_32 = 0x1_0000_0000

// The columns of a row: a position has two. A free row has the position 0 and tells the next free one in RECORD.
const POSITION_HIGH = 0
const POSITION_LOW = 1
const RECORD = 2
const SIZE = 3
const REFERENCES = 4
const COLUMNS = 5

/** Where a frame lies in the log: above 0, and growing with each frame. Only the log can read more out of it. */
export type Position = number

/** What a log lets go of as one, such as a file of it: the extent that a position lies in. */
export type ExtentOf = (position: Position) => number

/** What is still needed of an extent. */
interface ExtentUse {
  messages: number
  /** Topics, payloads and properties together. */
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

  /** One more than the highest slot ever used: where a walk over all slots ends. */
  get end(): number {
    return this.#chunks.length * SLOTS_A_CHUNK
  }

  useOf(extent: number): ExtentUse | undefined {
    const use = this.#uses.get(extent)
    return use === undefined || use.messages === 0 ? undefined : use
  }

  /** Slots in use. */
  *slots(): Iterable<number> {
    for (let slot = 0; slot < this.end; slot++) if (this.isUsed(slot)) yield slot
  }

  add(position: Position, record: number, size: number): number {
    const slot = this.#take()
    this.set(slot, position, record, size)
    return slot
  }

  /** Fills a slot that is free. */
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

  /** The message lies somewhere else now. */
  move(slot: number, position: Position, record: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    const size = chunk[row + SIZE] ?? 0
    this.#use(positionIn(chunk, row), -1, -size)
    setPosition(chunk, row, position)
    chunk[row + RECORD] = record
    this.#use(position, 1, size)
  }

  /** Returns how many refer to the message after this. */
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

  /** 0 where the slot is free. */
  positionOf(slot: number): Position {
    return positionIn(this.#chunkOf(slot), this.#row(slot))
  }

  /** Where the record begins within the payload of its frame. */
  recordOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + RECORD] ?? 0
  }

  sizeOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + SIZE] ?? 0
  }

  /** Nobody refers to the message any more. */
  release(slot: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    this.#use(positionIn(chunk, row), -1, -(chunk[row + SIZE] ?? 0))
    setPosition(chunk, row, 0)
    chunk[row + RECORD] = this.#free
    this.#free = slot + 1
    this.#count -= 1
  }

  /** Makes rows up to this slot, for a table that is filled slot by slot; `sealFree` follows. */
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

  /** Most come and go in the newest extent: it is not looked up each time, and stays when nothing of it is needed. */
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

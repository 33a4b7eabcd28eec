// Where every stored message lies, and how many refer to it: 20 bytes a message, without an object for each.

const SLOTS_A_CHUNK = 4_096
const SLOT_BITS = 12

// The columns of a row. A free row has no references and tells the next free one in FRAME.
const SEGMENT = 0
const FRAME = 1
const RECORD = 2
const SIZE = 3
const REFERENCES = 4
const COLUMNS = 5

/** What still refers to a segment. */
export interface SegmentUse {
  messages: number
  /** Topics, payloads and properties together. */
  bytes: number
}

export class MessageTable {
  readonly #chunks: Uint32Array[] = []
  readonly #uses = new Map<number, SegmentUse>()
  #free = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** One more than the highest slot ever used: where a walk over all slots ends. */
  get end(): number {
    return this.#chunks.length * SLOTS_A_CHUNK
  }

  useOf(segment: number): SegmentUse | undefined {
    return this.#uses.get(segment)
  }

  /** Segments that a message lies in. */
  segments(): Iterable<number> {
    return this.#uses.keys()
  }

  /** Slots in use. */
  *slots(): Iterable<number> {
    for (let slot = 0; slot < this.end; slot++) if (this.segmentOf(slot) !== 0) yield slot
  }

  add(segment: number, frame: number, record: number, size: number): number {
    const slot = this.#take()
    this.set(slot, segment, frame, record, size)
    return slot
  }

  /** Fills a slot that is free. */
  set(slot: number, segment: number, frame: number, record: number, size: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    chunk[row + SEGMENT] = segment
    chunk[row + FRAME] = frame
    chunk[row + RECORD] = record
    chunk[row + SIZE] = size
    chunk[row + REFERENCES] = 0
    this.#count += 1
    this.#use(segment, 1, size)
  }

  /** The message lies somewhere else now. */
  move(slot: number, segment: number, frame: number, record: number): void {
    const row = this.#row(slot)
    const chunk = this.#chunkOf(slot)
    const size = chunk[row + SIZE] ?? 0
    this.#use(chunk[row + SEGMENT] ?? 0, -1, -size)
    chunk[row + SEGMENT] = segment
    chunk[row + FRAME] = frame
    chunk[row + RECORD] = record
    this.#use(segment, 1, size)
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

  segmentOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + SEGMENT] ?? 0
  }

  frameOf(slot: number): number {
    return this.#chunkOf(slot)[this.#row(slot) + FRAME] ?? 0
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
    this.#use(chunk[row + SEGMENT] ?? 0, -1, -(chunk[row + SIZE] ?? 0))
    chunk[row + SEGMENT] = 0
    chunk[row + FRAME] = this.#free
    this.#free = slot + 1
    this.#count -= 1
  }

  /** Makes rows up to this slot, for a table that is filled slot by slot; `sealFree` follows. */
  reserve(slot: number): void {
    while (this.end <= slot) this.#chunks.push(new Uint32Array(SLOTS_A_CHUNK * COLUMNS))
  }

  /** Finds the free rows after a table was filled slot by slot. Segments are numbered from 1. */
  sealFree(): void {
    this.#free = 0
    for (let slot = this.end - 1; slot >= 0; slot--) {
      const row = this.#row(slot)
      const chunk = this.#chunkOf(slot)
      if (chunk[row + SEGMENT] !== 0) continue
      chunk[row + FRAME] = this.#free
      this.#free = slot + 1
    }
  }

  #take(): number {
    if (this.#free === 0) {
      this.reserve(this.end)
      this.#linkLastChunk()
    }
    const slot = this.#free - 1
    this.#free = this.#chunkOf(slot)[this.#row(slot) + FRAME] ?? 0
    return slot
  }

  #linkLastChunk(): void {
    const first = this.end - SLOTS_A_CHUNK
    for (let slot = this.end - 1; slot >= first; slot--) {
      this.#chunkOf(slot)[this.#row(slot) + FRAME] = this.#free
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

  #use(segment: number, messages: number, bytes: number): void {
    const use = this.#uses.get(segment)
    if (use === undefined) {
      this.#uses.set(segment, { messages, bytes })
      return
    }
    use.messages += messages
    use.bytes += bytes
    if (use.messages === 0) this.#uses.delete(segment)
  }
}

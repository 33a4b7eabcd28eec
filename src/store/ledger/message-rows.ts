// The rows of a message table: where each message lies, in chunks of typed memory.

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

export class MessageRows {
  readonly #chunks: Uint32Array[]
  /** Chunks that an image has as well: they are copied before a row changes. The references are not its affair. */
  readonly #shared = new Set<number>()

  constructor(chunks: Uint32Array[] = []) {
    this.#chunks = chunks
  }

  /** One more than the highest slot ever used: where a walk over all slots ends. */
  get end(): number {
    return this.#chunks.length * SLOTS_A_CHUNK
  }

  /** The rows as they are now, but for the references; `forgetImage` is called when it is not needed any more. */
  image(): MessageRows {
    for (const index of this.#chunks.keys()) this.#shared.add(index)
    return new MessageRows([...this.#chunks])
  }

  forgetImage(): void {
    this.#shared.clear()
  }

  isUsed(slot: number): boolean {
    const row = rowOf(slot)
    const chunk = this.#chunkOf(slot)
    return chunk[row + POSITION_HIGH] !== 0 || chunk[row + POSITION_LOW] !== 0
  }

  /** 0 where the slot is free. */
  positionOf(slot: number): Position {
    return positionIn(this.#chunkOf(slot), rowOf(slot))
  }

  /** Where the record begins within the payload of its frame; of a free slot, what `free` was told. */
  recordOf(slot: number): number {
    return this.#chunkOf(slot)[rowOf(slot) + RECORD] ?? 0
  }

  sizeOf(slot: number): number {
    return this.#chunkOf(slot)[rowOf(slot) + SIZE] ?? 0
  }

  references(slot: number): number {
    return this.#chunkOf(slot)[rowOf(slot) + REFERENCES] ?? 0
  }

  fill(slot: number, position: Position, record: number, size: number): void {
    const row = rowOf(slot)
    const chunk = this.#chunkToChange(slot)
    setPosition(chunk, row, position)
    chunk[row + RECORD] = record
    chunk[row + SIZE] = size
    chunk[row + REFERENCES] = 0
  }

  move(slot: number, position: Position, record: number): void {
    const row = rowOf(slot)
    const chunk = this.#chunkToChange(slot)
    setPosition(chunk, row, position)
    chunk[row + RECORD] = record
  }

  free(slot: number, nextFree: number): void {
    const row = rowOf(slot)
    const chunk = this.#chunkToChange(slot)
    setPosition(chunk, row, 0)
    chunk[row + RECORD] = nextFree
  }

  /** Returns how many refer to the message after this. */
  refer(slot: number, by: 1 | -1): number {
    const at = rowOf(slot) + REFERENCES
    const chunk = this.#chunkOf(slot)
    const references = (chunk[at] ?? 0) + by
    chunk[at] = references
    return references
  }

  /** Makes the next rows, all of them free. */
  grow(): void {
    this.#chunks.push(new Uint32Array(SLOTS_A_CHUNK * COLUMNS))
  }

  #chunkOf(slot: number): Uint32Array {
    const chunk = this.#chunks[slot >>> SLOT_BITS]
    if (chunk === undefined) throw new RangeError(`there is no slot ${slot}`)
    return chunk
  }

  #chunkToChange(slot: number): Uint32Array {
    const chunk = this.#chunkOf(slot)
    if (this.#shared.size === 0 || !this.#shared.delete(slot >>> SLOT_BITS)) return chunk
    const copy = chunk.slice()
    this.#chunks[slot >>> SLOT_BITS] = copy
    return copy
  }
}

function rowOf(slot: number): number {
  return (slot & (SLOTS_A_CHUNK - 1)) * COLUMNS
}

function positionIn(chunk: Uint32Array, row: number): Position {
  return (chunk[row + POSITION_HIGH] ?? 0) * TWO_TO_32 + (chunk[row + POSITION_LOW] ?? 0)
}

function setPosition(chunk: Uint32Array, row: number, position: Position): void {
  chunk[row + POSITION_HIGH] = position / TWO_TO_32
  chunk[row + POSITION_LOW] = position
}

// The queued deliveries of one owner by ascending number, 16 bytes each. They are added at the end and mostly removed at the
// front. Removing one from the middle leaves an empty entry.

/** An entry has two numbers: the delivery, and the slot of its message with the options. */
const STRIDE = 2
const ENTRIES_A_CHUNK = 1_024
const HOLE = -1
const OPTIONS = 256

interface Chunk {
  entries: number[] | Float64Array
  /** The first entry in use. */
  start: number
  live: number
  /** A copy of the queue has it as well: it is not changed in place. */
  isShared: boolean
}

export interface QueuedEntry {
  readonly delivery: number
  readonly slot: number
  readonly options: number
}

export class DeliveryQueue {
  readonly #chunks: Chunk[]
  #count = 0

  constructor(chunks: Chunk[] = []) {
    this.#chunks = chunks
  }

  get count(): number {
    return this.#count
  }

  /** The queue as it is now: what changes later is copied first, a chunk at a time. */
  copy(): DeliveryQueue {
    for (const chunk of this.#chunks) chunk.isShared = true
    const copy = new DeliveryQueue([...this.#chunks])
    copy.#count = this.#count
    return copy
  }

  has(delivery: number): boolean {
    const chunk = this.#chunks[this.#chunkWith(delivery)]
    const at = chunk === undefined ? -1 : placeIn(chunk, delivery)
    return chunk !== undefined && at >= 0 && entryAt(chunk, at) !== null
  }

  add(delivery: number, slot: number, options: number): void {
    const last = this.#chunks.at(-1)
    if (last !== undefined && delivery <= lastIn(last)) {
      this.#insert(delivery, slot, options)
      return
    }
    const chunk =
      last === undefined || isWhole(last)
        ? this.#newChunk()
        : this.#toChange(last, this.#chunks.length - 1)
    growing(chunk).push(delivery, slot * OPTIONS + options)
    chunk.live += 1
    this.#count += 1
  }

  /** Removes the delivery. Returns null when it is not there. */
  remove(delivery: number): QueuedEntry | null {
    const index = this.#chunkWith(delivery)
    const found = this.#chunks[index]
    if (found === undefined) return null
    const at = placeIn(found, delivery)
    const entry = at < 0 ? null : entryAt(found, at)
    if (entry === null) return null
    const chunk = this.#toChange(found, index)
    chunk.entries[at + 1] = HOLE
    chunk.live -= 1
    this.#count -= 1
    // The last chunk is kept, because queues are often empty and filled again.
    if (chunk.live > 0) skipHoles(chunk)
    else if (this.#chunks.length > 1) this.#chunks.splice(index, 1)
    else clear(chunk)
    return entry
  }

  /** Sets an option of a delivery that stays queued. */
  mark(delivery: number, option: number): void {
    const index = this.#chunkWith(delivery)
    const found = this.#chunks[index]
    if (found === undefined) return
    const at = placeIn(found, delivery)
    const entry = at < 0 ? null : entryAt(found, at)
    if (entry === null) return
    this.#toChange(found, index).entries[at + 1] = entry.slot * OPTIONS + (entry.options | option)
  }

  /** The deliveries with numbers above `delivery`, in order. */
  *after(delivery: number): Iterable<QueuedEntry> {
    for (let index = this.#chunkWith(delivery); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]
      if (chunk === undefined) return
      for (let at = chunk.start; at < chunk.entries.length; at += STRIDE) {
        const entry = (chunk.entries[at] ?? 0) > delivery ? entryAt(chunk, at) : null
        if (entry !== null) yield entry
      }
    }
  }

  /** Visits every delivery in order, without an object for each. */
  forEach(visit: (delivery: number, slot: number, options: number) => void): void {
    for (const { entries, start } of this.#chunks) {
      for (let at = start; at < entries.length; at += STRIDE) {
        const packed = entries[at + 1] ?? HOLE
        if (packed === HOLE) continue
        visit(entries[at] ?? 0, Math.floor(packed / OPTIONS), packed % OPTIONS)
      }
    }
  }

  #newChunk(): Chunk {
    // The previous chunk is full and will not grow any more, so its spare memory is freed.
    const last = this.#chunks.at(-1)
    if (last !== undefined) last.entries = new Float64Array(last.entries)
    const chunk = { entries: [], start: 0, live: 0, isShared: false }
    this.#chunks.push(chunk)
    return chunk
  }

  /** Inserts a delivery that came back to a group, at the place of its number. */
  #insert(delivery: number, slot: number, options: number): void {
    const index = this.#chunkWith(delivery)
    const found = this.#chunks[index]
    if (found === undefined) return
    const chunk = this.#toChange(found, index)
    let at = chunk.start
    while (at < chunk.entries.length && (chunk.entries[at] ?? 0) < delivery) at += STRIDE
    const packed = slot * OPTIONS + options
    // It may return to the empty entry that it left.
    if (chunk.entries[at] === delivery) chunk.entries[at + 1] = packed
    else growing(chunk).splice(at, 0, delivery, packed)
    chunk.live += 1
    this.#count += 1
  }

  #toChange(chunk: Chunk, index: number): Chunk {
    if (!chunk.isShared) return chunk
    const copy = { ...chunk, entries: chunk.entries.slice(), isShared: false }
    this.#chunks[index] = copy
    return copy
  }

  /** The first chunk whose last number is not below this one. */
  #chunkWith(delivery: number): number {
    const [first] = this.#chunks
    // Most deliveries are removed at the front.
    if (first !== undefined && lastIn(first) >= delivery) return 0
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const chunk = this.#chunks[middle]
      if (chunk === undefined || lastIn(chunk) < delivery) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The number of the last delivery; 0 for an empty chunk. */
function lastIn({ entries }: Chunk): number {
  return entries[entries.length - STRIDE] ?? 0
}

function growing(chunk: Chunk): number[] {
  if (Array.isArray(chunk.entries)) return chunk.entries
  const entries = Array.from(chunk.entries)
  chunk.entries = entries
  return entries
}

function isWhole(chunk: Chunk): boolean {
  return chunk.entries.length >= ENTRIES_A_CHUNK * STRIDE
}

function entryAt(chunk: Chunk, at: number): QueuedEntry | null {
  const packed = chunk.entries[at + 1] ?? HOLE
  if (packed === HOLE) return null
  const slot = Math.floor(packed / OPTIONS)
  return { delivery: chunk.entries[at] ?? 0, slot, options: packed % OPTIONS }
}

/** Returns the index of the delivery, or -1. */
function placeIn({ entries, start }: Chunk, delivery: number): number {
  // Most deliveries are removed at the front.
  if (entries[start] === delivery) return start
  let low = start / STRIDE
  let high = entries.length / STRIDE
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle * STRIDE] ?? 0) < delivery) low = middle + 1
    else high = middle
  }
  return entries[low * STRIDE] === delivery ? low * STRIDE : -1
}

function clear(chunk: Chunk): void {
  // The array is reused, unless it cannot grow.
  if (Array.isArray(chunk.entries)) chunk.entries.length = 0
  else chunk.entries = []
  chunk.start = 0
}

function skipHoles(chunk: Chunk): void {
  while (chunk.start < chunk.entries.length && chunk.entries[chunk.start + 1] === HOLE) {
    chunk.start += STRIDE
  }
}

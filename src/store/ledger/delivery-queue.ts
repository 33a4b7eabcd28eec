// The deliveries that wait for one owner, by ascending number: 16 bytes each. They come at the end and mostly
// leave at the front; one that leaves from the middle leaves a hole.

/** Two numbers an entry: the delivery's, and its message's slot with its options. */
const STRIDE = 2
const ENTRIES_A_CHUNK = 1_024
const HOLE = -1
const OPTIONS = 256

interface Chunk {
  entries: number[] | Float64Array
  /** The first entry that is still there. */
  start: number
  live: number
}

export interface QueuedEntry {
  readonly delivery: number
  readonly slot: number
  readonly options: number
}

export class DeliveryQueue {
  #chunks: Chunk[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(delivery: number, slot: number, options: number): void {
    const last = this.#chunks.at(-1)
    if (last !== undefined && delivery <= (last.entries.at(-STRIDE) ?? 0)) {
      this.#insert(delivery, slot, options)
      return
    }
    const chunk = last === undefined || isWhole(last) ? this.#newChunk() : last
    growing(chunk).push(delivery, slot * OPTIONS + options)
    chunk.live += 1
    this.#count += 1
  }

  /** Takes the delivery out. Null when it is not there. */
  remove(delivery: number): QueuedEntry | null {
    const index = this.#chunkWith(delivery)
    const chunk = this.#chunks[index]
    if (chunk === undefined) return null
    const at = placeIn(chunk, delivery)
    const entry = at < 0 ? null : entryAt(chunk, at)
    if (entry === null) return null
    chunk.entries[at + 1] = HOLE
    chunk.live -= 1
    this.#count -= 1
    // The last chunk of all is kept: lines that are empty again and again are the usual case.
    if (chunk.live > 0) skipHoles(chunk)
    else if (this.#chunks.length > 1) this.#chunks.splice(index, 1)
    else clear(chunk)
    return entry
  }

  /** Sets an option of a delivery that goes on waiting. */
  mark(delivery: number, option: number): void {
    const chunk = this.#chunks[this.#chunkWith(delivery)]
    if (chunk === undefined) return
    const at = placeIn(chunk, delivery)
    const entry = at < 0 ? null : entryAt(chunk, at)
    if (entry !== null) chunk.entries[at + 1] = entry.slot * OPTIONS + (entry.options | option)
  }

  /** Those with numbers above `delivery`, in order. */
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

  #newChunk(): Chunk {
    // The one before is whole: it need not be able to grow any more.
    const last = this.#chunks.at(-1)
    if (last !== undefined) last.entries = Float64Array.from(last.entries)
    const chunk = { entries: [], start: 0, live: 0 }
    this.#chunks.push(chunk)
    return chunk
  }

  /** One that came back to a group: it stands where its number says. */
  #insert(delivery: number, slot: number, options: number): void {
    const chunk = this.#chunks[this.#chunkWith(delivery)]
    if (chunk === undefined) return
    let at = chunk.start
    while (at < chunk.entries.length && (chunk.entries[at] ?? 0) < delivery) at += STRIDE
    const packed = slot * OPTIONS + options
    // It may come back to the hole that it left.
    if (chunk.entries[at] === delivery) chunk.entries[at + 1] = packed
    else growing(chunk).splice(at, 0, delivery, packed)
    chunk.live += 1
    this.#count += 1
  }

  /** The first chunk whose last number is not below this one. */
  #chunkWith(delivery: number): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle]?.entries.at(-STRIDE) ?? 0) < delivery) low = middle + 1
      else high = middle
    }
    return low
  }
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

/** Where the delivery stands, or -1. */
function placeIn({ entries, start }: Chunk, delivery: number): number {
  // Most leave at the front.
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
  // The array serves again, unless it cannot grow.
  if (Array.isArray(chunk.entries)) chunk.entries.length = 0
  else chunk.entries = []
  chunk.start = 0
}

function skipHoles(chunk: Chunk): void {
  while (chunk.start < chunk.entries.length && chunk.entries[chunk.start + 1] === HOLE) {
    chunk.start += STRIDE
  }
}

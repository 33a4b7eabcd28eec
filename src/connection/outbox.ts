// Encoded bytes that wait to be written to one socket. They are in batches: each batch waits for its commit and for all
// earlier batches, so the order on the socket is kept and no other socket waits.

import type { CommitId } from '../store/journal.ts'
import type { EncodedPublish } from '../packet/encode-publish.ts'
import { loanOf, type PacketLoan, PacketMemory } from '../packet/packet-memory.ts'
import { LARGE_BYTES_MIN, WORDS_BYTES_MAX } from '../packet/sizes.ts'

interface Batch {
  /** The commit that must be done before the batch may be sent; 0 for none. */
  commitId: CommitId
  readonly pieces: Uint8Array[]
  bytes: number
  /** The number of PUBACK, PUBCOMP and refusing PUBREC packets: until they are sent the client's Receive Maximum counts them. */
  acknowledgements: number
}

/** Memory for packets, and a view by which words are written to it. */
interface Chunk {
  readonly bytes: Buffer
  readonly view: DataView
}

interface Pending {
  readonly chunks: Chunk[] | null
  readonly loans: PacketLoan[] | null
  readonly pendingBytes: number
}

const NOTHING: readonly Uint8Array[] = []

/** Without a reason. */
const ACKNOWLEDGEMENT_BYTES = 4

const SMALL_CHUNK_BYTES = 1_024
/** What outgrows a small chunk is moved into one of these: one piece, and one plain write. */
const MEDIUM_CHUNK_BYTES = 4_096
const LARGE_CHUNK_BYTES = 32_768
/** What an outbox may hold of memory to be given back, beside twice what is pending. */
const HELD_BYTES_FREE = 65_536
/** Of each size, in bytes: as many small ones as a message to 4,000 subscribers takes. */
const KEPT_BYTES_MAX = 4_194_304

// Wide on purpose: its fields are the batches, and positions in the memory that they share.
export class Outbox {
  // What each packet reads and writes lies together. An empty outbox has none of these objects, because most sockets are idle.
  #current: Batch | null = null
  #chunk: Buffer | null = null
  /** Of the same memory. */
  #view: DataView | null = null
  #start = 0
  #end = 0
  /** The bytes that were not taken yet. Only the outbox itself changes it. */
  bytes = 0
  /** The acknowledgements that the client's Receive Maximum counts. Only the outbox itself changes it. */
  acknowledgements = 0
  readonly #pool: ChunkPool
  /** The memory of earlier takes, of which bytes are pending. */
  #pendingChunks: Chunk[] | null = null
  #pendingLoans: PacketLoan[] | null = null
  /** The size of that memory. */
  #heldBytes = 0
  /** The batches before `#current`. */
  #batches: Batch[] | null = null
  #chunks: Chunk[] | null = null
  /** The memory of payloads that was lent to their packets. */
  #loans: PacketLoan[] | null = null

  constructor(pool: ChunkPool) {
    this.#pool = pool
  }

  get isEmpty(): boolean {
    return this.bytes === 0
  }

  append(bytes: Uint8Array, commitId: CommitId): void {
    const batch = this.#batchFor(commitId)
    if (bytes.length >= LARGE_BYTES_MIN) {
      this.#refer(batch, bytes)
      return
    }
    const chunk = this.#reserve(batch, bytes.length)
    chunk.set(bytes, this.#end)
    this.#advance(batch, bytes.length)
  }

  /** Appends a PUBLISH whose bytes are shared by all receivers, with this receiver's packet identifier. */
  appendPublish(encoded: EncodedPublish, packetId: number, commitId: CommitId): void {
    const batch = this.#batchFor(commitId)
    const { headBytes, payload, packetIdOffset } = encoded
    const chunk = this.#reserve(batch, headBytes)
    const start = this.#end
    const isLong = encoded.isShared || headBytes > WORDS_BYTES_MAX
    if (isLong || this.#view === null) chunk.set(encoded.head, start)
    else encoded.writeHead(this.#view, start)
    if (packetIdOffset >= 0) {
      chunk[start + packetIdOffset] = packetId >> 8
      chunk[start + packetIdOffset + 1] = packetId & 0xff
    }
    this.#advance(batch, headBytes)
    if (payload === null) return
    this.#refer(batch, payload)
    const loan = loanOf(payload)
    if (loan === null) return
    loan.hold()
    this.#loans ??= []
    this.#loans.push(loan)
  }

  /** Appends a PUBACK, PUBREC, PUBREL or PUBCOMP without a reason. */
  appendAcknowledgement(firstByte: number, packetId: number, commitId: CommitId): void {
    const current = this.#current
    if (current !== null && current.commitId < commitId) mayWaitAlong(current, commitId)
    const batch = this.#batchFor(commitId)
    const chunk = this.#reserve(batch, ACKNOWLEDGEMENT_BYTES)
    chunk[this.#end] = firstByte
    chunk[this.#end + 1] = 2
    chunk[this.#end + 2] = packetId >> 8
    chunk[this.#end + 3] = packetId & 0xff
    this.#advance(batch, ACKNOWLEDGEMENT_BYTES)
  }

  /** Marks the last appended packet as the end of an exchange that the client's Receive Maximum counts. */
  countAcknowledgement(): void {
    if (this.#current === null) return
    this.#current.acknowledgements += 1
    this.acknowledgements += 1
  }

  /** Removes and returns, in order, the bytes that may be sent after the commit `committed`. */
  take(committed: number): readonly Uint8Array[] {
    const current = this.#current
    if (current === null) return NOTHING
    if (this.#batches === null) {
      // A waiting batch is not sealed, so that later bytes can be added to the same piece.
      if (current.commitId > committed) return NOTHING
      this.#seal(current)
      this.#current = null
      return this.#release(current)
    }
    const pieces: Uint8Array[] = []
    for (const batch of this.#batches) {
      if (batch.commitId > committed) break
      for (const piece of this.#release(batch)) pieces.push(piece)
    }
    const rest = this.#batches.filter(({ commitId }) => commitId > committed)
    this.#batches = rest.length === 0 ? null : rest
    if (current.commitId > committed) return pieces
    this.#seal(current)
    this.#current = null
    for (const piece of this.#release(current)) pieces.push(piece)
    return pieces
  }

  /**
   * Called after a take that emptied the outbox. `wasTaken`: every byte was copied, so that the memory can be reused. Otherwise so
   * many bytes are pending, and it can be when `allTaken` is called; 0: it never can.
   */
  recycle(wasTaken: boolean, pendingBytes: number): void {
    const chunks = this.#chunks
    const loans = this.#loans
    this.#chunks = null
    this.#loans = null
    // Otherwise a batch is still in these chunks, and the garbage collector frees them later.
    if (this.bytes > 0) return
    this.#chunk = null
    this.#view = null
    if (wasTaken) this.#giveBack(chunks, loans)
    else if (pendingBytes > 0) this.#holdPending({ chunks, loans, pendingBytes })
  }

  #holdPending({ chunks, loans, pendingBytes }: Pending): void {
    for (const { bytes } of chunks ?? []) this.#heldBytes += bytes.length
    for (const { memory } of loans ?? []) this.#heldBytes += memory.length
    if (this.#heldBytes > 2 * pendingBytes + HELD_BYTES_FREE) {
      // The client is always behind, so that there is no moment to give it back: most of it is taken, and left to the collector.
      this.#forgetPending()
      return
    }
    this.#pendingChunks = joined(this.#pendingChunks, chunks)
    this.#pendingLoans = joined(this.#pendingLoans, loans)
  }

  #forgetPending(): void {
    this.#pendingChunks = null
    this.#pendingLoans = null
    this.#heldBytes = 0
  }

  /** Nothing that was taken is pending any more. */
  allTaken(): void {
    if (this.#heldBytes === 0) return
    this.#giveBack(this.#pendingChunks, this.#pendingLoans)
    this.#forgetPending()
  }

  #giveBack(chunks: readonly Chunk[] | null, loans: readonly PacketLoan[] | null): void {
    if (chunks !== null) for (const chunk of chunks) this.#pool.give(chunk)
    if (loans !== null) for (const loan of loans) loan.release()
  }

  /** Discards everything, because the socket is closed. */
  clear(): void {
    this.#batches = null
    this.#current = null
    this.#chunks = null
    this.#loans = null
    this.#forgetPending()
    this.#chunk = null
    this.#view = null
    this.bytes = 0
    this.acknowledgements = 0
  }

  /** Returns the batch for bytes that wait for this commit: the last batch, or a new one behind it. */
  #batchFor(commitId: CommitId): Batch {
    const current = this.#current
    if (current !== null && commitId <= current.commitId) return current
    if (current !== null) {
      this.#seal(current)
      this.#batches ??= []
      this.#batches.push(current)
    }
    const batch: Batch = { commitId, pieces: [], bytes: 0, acknowledgements: 0 }
    this.#current = batch
    return batch
  }

  #reserve(batch: Batch, bytes: number): Buffer {
    const full = this.#chunk
    if (full !== null && this.#end + bytes <= full.length) return full
    if (full !== null && this.#mayMove(full, bytes)) return this.#moveFrom(full)
    if (full !== null) this.#seal(batch)
    this.#chunks ??= []
    const chunk = this.#pool.take(bytes, this.#chunks.length > 0)
    this.#chunks.push(chunk)
    this.#start = 0
    this.#end = 0
    return this.#enter(chunk)
  }

  #enter({ bytes, view }: Chunk): Buffer {
    this.#chunk = bytes
    this.#view = view
    return bytes
  }

  /** The first chunk is full, and nothing refers to it. */
  #mayMove(full: Buffer, bytes: number): boolean {
    const isAlone = this.#start === 0 && full.length === SMALL_CHUNK_BYTES
    return isAlone && this.#end + bytes <= MEDIUM_CHUNK_BYTES && this.#chunks?.length === 1
  }

  #moveFrom(full: Buffer): Buffer {
    const larger = this.#pool.take(MEDIUM_CHUNK_BYTES, false)
    larger.bytes.set(full)
    this.#giveBack(this.#chunks, null)
    this.#chunks = [larger]
    return this.#enter(larger)
  }

  #advance(batch: Batch, bytes: number): void {
    this.#end += bytes
    this.bytes += bytes
    batch.bytes += bytes
  }

  #refer(batch: Batch, bytes: Uint8Array): void {
    this.#seal(batch)
    batch.pieces.push(bytes)
    batch.bytes += bytes.length
    this.bytes += bytes.length
  }

  /** Adds the bytes written since the last seal to the batch as a piece. */
  #seal(batch: Batch): void {
    if (this.#chunk === null || this.#end === this.#start) return
    batch.pieces.push(this.#chunk.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  #release(batch: Batch): readonly Uint8Array[] {
    this.bytes -= batch.bytes
    this.acknowledgements -= batch.acknowledgements
    return batch.pieces
  }
}

function joined<Item>(before: Item[] | null, more: Item[] | null): Item[] | null {
  if (before === null || more === null) return before ?? more
  for (const each of more) before.push(each)
  return before
}

/**
 * Acknowledgements of this turn that need not wait, and nothing else: they wait with the one that comes behind them, so that there is one
 * write. So it is with the messages of a transaction and its commit.
 */
function mayWaitAlong(batch: Batch, commitId: CommitId): void {
  const { acknowledgements, bytes } = batch
  const isNothingElse = bytes === acknowledgements * ACKNOWLEDGEMENT_BYTES
  // What waits already would wait for ever if it took on each new commit.
  if (batch.commitId === 0 && isNothingElse) batch.commitId = commitId
}

/** The memory of all outboxes of a broker. An idle connection holds none of it. */
export class ChunkPool {
  readonly #kept: readonly Kept[] = [SMALL_CHUNK_BYTES, MEDIUM_CHUNK_BYTES, LARGE_CHUNK_BYTES].map(
    bytes => ({ bytes, chunks: [] }),
  )
  /** The memory of large packets that these outboxes send. */
  readonly packets = new PacketMemory()
  /** Chunks made because none was kept: what tests count. */
  made = 0

  /** Returns a chunk of at least `bytes`; `isMore` when the outbox has filled a chunk already. */
  take(bytes: number, isMore: boolean): Chunk {
    const wanted = isMore ? Math.max(bytes, LARGE_CHUNK_BYTES) : bytes
    for (const kept of this.#kept) {
      if (kept.bytes >= wanted) return kept.chunks.pop() ?? this.#make(kept.bytes)
    }
    return this.#make(wanted)
  }

  give(chunk: Chunk): void {
    for (const { bytes, chunks } of this.#kept) {
      if (bytes !== chunk.bytes.length) continue
      if (chunks.length * bytes < KEPT_BYTES_MAX) chunks.push(chunk)
      return
    }
  }

  #make(size: number): Chunk {
    this.made += 1
    const bytes = Buffer.allocUnsafeSlow(size)
    return { bytes, view: new DataView(bytes.buffer) }
  }
}

interface Kept {
  readonly bytes: number
  readonly chunks: Chunk[]
}

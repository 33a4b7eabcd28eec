// Encoded bytes on their way to one socket. They lie in stretches: each waits for its own commit, and for
// all that was said before it, so the order on the socket is kept and no other socket waits.

import type { EncodedPublish } from '../packet/encode-publish.ts'
import type { ChunkPool } from './chunk-pool.ts'

/** From this size on a payload is handed to the socket as it is; below, a copy costs less than a system call's vector. */
export const REFERENCE_BYTES_MIN = 16_384

/** Up to here a loop costs less than a view of the bytes and a call into the engine. */
const LOOP_BYTES_MAX = 64

interface Stretch {
  /** The commit that must be reached before it may leave; 0 for none. */
  promise: number
  readonly pieces: Uint8Array[]
  bytes: number
  /** PUBACK, PUBCOMP and refusing PUBREC: while they are here the client's Receive Maximum counts them. */
  acknowledgements: number
}

export class Outbox {
  readonly #pool: ChunkPool
  #stretches: Stretch[] = []
  #current: Stretch = newStretch(0)
  #chunk: Buffer | null = null
  #start = 0
  #end = 0
  #chunks: Buffer[] = []
  #bytes = 0
  #acknowledgements = 0

  constructor(pool: ChunkPool) {
    this.#pool = pool
  }

  /** Bytes that have not left yet. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  get acknowledgements(): number {
    return this.#acknowledgements
  }

  append(bytes: Uint8Array, promise: number): void {
    this.#awaitCommit(promise)
    if (bytes.length >= REFERENCE_BYTES_MIN) {
      this.#refer(bytes)
      return
    }
    const chunk = this.#room(bytes.length)
    chunk.set(bytes, this.#end)
    this.#advance(bytes.length)
  }

  /** A PUBLISH whose bytes are shared by all its receivers, with this receiver's packet identifier. */
  appendPublish(encoded: EncodedPublish, packetId: number, promise: number): void {
    this.#awaitCommit(promise)
    const { memory, headBytes, payload, packetIdOffset } = encoded
    const chunk = this.#room(headBytes)
    if (headBytes > LOOP_BYTES_MAX) chunk.set(encoded.head, this.#end)
    else for (let at = 0; at < headBytes; at++) chunk[this.#end + at] = memory[at] ?? 0
    if (packetIdOffset >= 0) {
      chunk[this.#end + packetIdOffset] = packetId >> 8
      chunk[this.#end + packetIdOffset + 1] = packetId & 0xff
    }
    this.#advance(headBytes)
    if (payload !== null) this.#refer(payload)
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP without a reason: four bytes. */
  appendAcknowledgement(firstByte: number, packetId: number, promise: number): void {
    this.#awaitCommit(promise)
    const chunk = this.#room(4)
    chunk[this.#end] = firstByte
    chunk[this.#end + 1] = 2
    chunk[this.#end + 2] = packetId >> 8
    chunk[this.#end + 3] = packetId & 0xff
    this.#advance(4)
  }

  /** What was appended last ends an exchange that the client's Receive Maximum counts. */
  countAcknowledgement(): void {
    this.#current.acknowledgements += 1
    this.#acknowledgements += 1
  }

  /** Takes out what may leave now that `committed` is reached, in order. */
  take(committed: number): readonly Uint8Array[] {
    this.#seal()
    const pieces: Uint8Array[] = []
    while (this.#stretches.length > 0) {
      const stretch = this.#stretches[0]
      if (stretch === undefined || stretch.promise > committed) return pieces
      this.#release(stretch, pieces)
      this.#stretches.shift()
    }
    if (this.#current.promise > committed) return pieces
    this.#release(this.#current, pieces)
    this.#current = newStretch(0)
    return pieces
  }

  /**
   * After a take that emptied the outbox. `wasTaken`: the system has copied every byte,
   * so that the memory may serve again.
   */
  recycle(wasTaken: boolean): void {
    if (this.#bytes > 0) {
      // Some stretch still lies in these chunks: they are left to the garbage collector.
      this.#chunks = []
      return
    }
    if (wasTaken) for (const chunk of this.#chunks) this.#pool.give(chunk)
    this.#chunks = []
    this.#chunk = null
  }

  /** Forgets everything: the socket is gone. */
  clear(): void {
    this.#stretches = []
    this.#current = newStretch(0)
    this.#chunks = []
    this.#chunk = null
    this.#bytes = 0
    this.#acknowledgements = 0
  }

  #awaitCommit(promise: number): void {
    if (promise <= this.#current.promise) return
    this.#seal()
    if (this.#current.bytes === 0) {
      this.#current.promise = promise
      return
    }
    this.#stretches.push(this.#current)
    this.#current = newStretch(promise)
  }

  #room(bytes: number): Buffer {
    if (this.#chunk !== null && this.#end + bytes <= this.#chunk.length) return this.#chunk
    this.#seal()
    this.#chunk = this.#pool.take(bytes, this.#chunks.length > 0)
    this.#chunks.push(this.#chunk)
    this.#start = 0
    this.#end = 0
    return this.#chunk
  }

  #advance(bytes: number): void {
    this.#end += bytes
    this.#bytes += bytes
    this.#current.bytes += bytes
  }

  #refer(bytes: Uint8Array): void {
    this.#seal()
    this.#current.pieces.push(bytes)
    this.#current.bytes += bytes.length
    this.#bytes += bytes.length
  }

  /** What was written into the chunk since the last seal becomes a piece of the current stretch. */
  #seal(): void {
    if (this.#chunk === null || this.#end === this.#start) return
    this.#current.pieces.push(this.#chunk.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  #release(stretch: Stretch, pieces: Uint8Array[]): void {
    for (const piece of stretch.pieces) pieces.push(piece)
    this.#bytes -= stretch.bytes
    this.#acknowledgements -= stretch.acknowledgements
  }
}

function newStretch(promise: number): Stretch {
  return { promise, pieces: [], bytes: 0, acknowledgements: 0 }
}

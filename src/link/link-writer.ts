// One direction of a link: frames are collected, and written in one call.

import type { Duplex } from 'node:stream'
import { DrainWatch } from '../transport/drain-watch.ts'
import { BODY_BYTES_MAX, HEADER_BYTES, writeHeader } from './frames.ts'

const CHUNK_BYTES = 262_144
/** What is kept for the next frames. */
const CHUNKS_KEPT_MAX = 16

interface WriterEvents {
  /** Calls back when there are no more frames to wait for. */
  schedule(flush: () => void): void
  /** Is called right before bytes are written, to add the last frames. */
  flushing(): void
  /** The system has taken all bytes, after some had been pending. */
  drained(): void
}

// Wide on purpose: its fields are positions in memory, and whose each piece of it is.
export class LinkWriter {
  readonly #socket: Duplex
  readonly #events: WriterEvents
  readonly #watch: DrainWatch
  readonly #kept: Buffer[] = []
  /** Full ones that were not given to the socket. */
  #sealed: Buffer[] = []
  /** Those that the socket has and the system may not have taken, in their order. */
  readonly #given: Buffer[] = []
  #chunk: Buffer
  #start = 0
  #end = 0
  #isScheduled = false
  /** Bytes that the socket was given since the start. */
  writtenBytes = 0
  readonly #flush = (): void => this.flush()

  constructor(socket: Duplex, events: WriterEvents) {
    this.#socket = socket
    this.#events = events
    this.#watch = new DrainWatch(socket, () => this.#drained())
    this.#chunk = this.#newChunk()
  }

  /** The bytes that the system has not taken. */
  get pendingBytes(): number {
    const collected = this.#sealed.length * CHUNK_BYTES + this.#end - this.#start
    return collected + this.#socket.writableLength
  }

  /** Adds a frame without a body. */
  signal(kind: number, connection: number): void {
    this.#begin(kind, connection, 0)
  }

  /** Adds a frame with a body of at most `BODY_BYTES_MAX`, which is copied. */
  frame(kind: number, connection: number, body: Uint8Array): void {
    this.#begin(kind, connection, body.length)
    this.#put(body)
  }

  /** Adds one frame whose body is all pieces, `length` bytes of at most `BODY_BYTES_MAX`, which are copied. */
  joined(kind: number, connection: number, pieces: readonly Uint8Array[], length: number): void {
    this.#begin(kind, connection, length)
    for (const piece of pieces) this.#put(piece)
  }

  /** Adds as many frames as the bytes need: `kind` for the last one, `partKind` for the others. */
  bytes(kind: number, partKind: number, connection: number, bytes: Uint8Array): void {
    let at = 0
    while (bytes.length - at > BODY_BYTES_MAX) {
      this.frame(partKind, connection, bytes.subarray(at, at + BODY_BYTES_MAX))
      at += BODY_BYTES_MAX
    }
    this.frame(kind, connection, at === 0 ? bytes : bytes.subarray(at))
  }

  number(kind: number, connection: number, value: number): void {
    const chunk = this.#begin(kind, connection, 4)
    chunk.writeUInt32LE(Math.min(value, 0xffffffff), this.#end)
    this.#end += 4
  }

  /** Writes all frames soon, in one call. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#events.schedule(this.#flush)
  }

  /** Writes all frames. */
  flush(): void {
    this.#isScheduled = true
    this.#events.flushing()
    this.#isScheduled = false
    const socket = this.#socket
    if (!socket.writable) {
      this.#forget()
      return
    }
    if (this.#sealed.length > 0) {
      socket.cork()
      for (const chunk of this.#sealed) {
        this.writtenBytes += chunk.length
        this.#given.push(chunk)
        socket.write(chunk, this.#taken)
      }
      this.#sealed = []
    }
    if (this.#end > this.#start) socket.write(this.#chunk.subarray(this.#start, this.#end))
    if (socket.writableCorked > 0) socket.uncork()
    this.writtenBytes += this.#end - this.#start
    this.#start = this.#end
    if (socket.writableLength === 0) this.#reuse()
    else this.#watch.mark()
  }

  /** Returns the memory for a header and, if it is short, its body. */
  #begin(kind: number, connection: number, length: number): Buffer {
    this.schedule()
    if (this.#end + HEADER_BYTES + 4 > CHUNK_BYTES) this.#seal()
    writeHeader(this.#chunk, this.#end, { kind, connection, length })
    this.#end += HEADER_BYTES
    return this.#chunk
  }

  #put(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#end === CHUNK_BYTES) this.#seal()
      const room = CHUNK_BYTES - this.#end
      const part = at === 0 && bytes.length <= room ? bytes : bytes.subarray(at, at + room)
      this.#chunk.set(part, this.#end)
      this.#end += part.length
      at += part.length
    }
  }

  #seal(): void {
    this.#sealed.push(this.#chunk.subarray(this.#start, this.#end))
    this.#chunk = this.#newChunk()
    this.#start = 0
    this.#end = 0
  }

  #newChunk(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  #drained(): void {
    if (this.#socket.writableLength > 0) return
    this.#reuse()
    this.#events.drained()
  }

  /** The system has copied all that was given to the socket. */
  #reuse(): void {
    if (this.#end !== this.#start) return
    this.#start = 0
    this.#end = 0
  }

  /** The system has copied the first of those that the socket has. Under load there is no moment at which it has none. */
  readonly #taken = (): void => {
    const chunk = this.#given.shift()
    if (chunk !== undefined && this.#kept.length < CHUNKS_KEPT_MAX)
      this.#kept.push(Buffer.from(chunk.buffer))
  }

  #forget(): void {
    this.#sealed = []
    this.#start = this.#end
  }
}

// Reports when the system has taken bytes that were written to a stream of Node. A stream emits `drain` only if more was
// pending than its high-water mark of some 16 KiB, so this module uses the callbacks of writes.

import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'

const NOTHING = Buffer.alloc(0)

/** Whether the stream is a plain socket. It makes the system call within write, so bytes that are not pending afterwards were copied. */
export function takesAtOnce(stream: Writable): boolean {
  return stream.constructor === Socket
}

/** Whether bytes that are not pending any more were copied. */
export function copies(stream: Writable): boolean {
  return takesAtOnce(stream) || stream instanceof TLSSocket
}

/** Whether the next write to the stream copies the bytes before it returns, although they are pending: OpenSSL does, unless Node keeps them behind an earlier write. */
export function copiesNow(stream: Writable): boolean {
  return stream instanceof TLSSocket && stream.writableLength === 0
}

/** Returns the bytes of the write in progress that the system has not taken; null where Node does not tell. */
export function unsentBytesOf(stream: Writable): number | null {
  // Node's own time limit for sockets reads the same property.
  const handle: unknown = Reflect.get(stream, '_handle')
  if (typeof handle !== 'object' || handle === null || !('writeQueueSize' in handle)) return null
  return typeof handle.writeQueueSize === 'number' ? handle.writeQueueSize : null
}

/** Closes the socket with a reset, if it can have one: TLS and Unix sockets cannot, nor can one that is closed. */
export function reset(socket: Socket): void {
  if (!takesAtOnce(socket) || socket.remoteFamily === undefined) return
  // Node's own function waits until the client has read everything that was written.
  socket.resetAndDestroy()
  socket.destroy()
}

export class DrainWatch {
  readonly #stream: Writable
  readonly #drained: () => void
  #hasMark = false

  constructor(stream: Writable, drained: () => void) {
    this.#stream = stream
    this.#drained = drained
  }

  /** The callback for each write of a stream that takes late, one function for all writes. */
  readonly written = (error?: Error | null): void => {
    if (hasEnded(this.#stream, error)) return
    this.#drained()
  }

  /** After a write to a plain socket that left bytes pending: adds an empty write, whose callback reports when they are taken. */
  mark(): void {
    if (this.#hasMark) return
    this.#hasMark = true
    this.#stream.write(NOTHING, this.#marked)
  }

  readonly #marked = (error?: Error | null): void => {
    this.#hasMark = false
    if (hasEnded(this.#stream, error)) return
    // More was written after that empty write.
    if (this.#stream.writableLength > 0 && this.#stream.writable) this.mark()
    this.#drained()
  }
}

function hasEnded(stream: Writable, error: Error | null | undefined): boolean {
  return stream.destroyed || (error !== null && error !== undefined)
}

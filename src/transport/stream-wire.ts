// A wire over any duplex stream of Node: a TCP or TLS socket, a Unix socket, or what an embedder hands in.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Misunderstanding } from './first-bytes.ts'
import { type Reader, readIntoSharedMemory } from './lent-memory.ts'
import type { Peer, Wire, WireReceiver } from './wire.ts'

/** How long a client may take to read our last words. */
const CLOSE_MS_MAX = 2_000

/** `check` looks at the first bytes and says what is wrong with them, or null. */
export function streamWire(
  stream: Duplex,
  peer: Peer,
  check: ((chunk: Buffer) => Misunderstanding | null) | null = null,
): Wire {
  return new StreamWire(stream, peer, check)
}

/** Where a stream has its wire: so all streams share their listeners, and an idle socket has no closures of its own. */
const WIRE = Symbol('wire')

interface Wired extends Duplex {
  [WIRE]?: StreamWire
}

class StreamWire implements Wire, Reader {
  readonly peer: Peer
  readonly #stream: Wired
  /** A plain socket tries the system call at once: with nothing left to write, the memory is free again. */
  readonly #writesAtOnce: boolean
  #check: ((chunk: Buffer) => Misunderstanding | null) | null
  #receiver: WireReceiver | null = null
  #cause: string | null = null

  constructor(
    stream: Duplex,
    peer: Peer,
    check: ((chunk: Buffer) => Misunderstanding | null) | null,
  ) {
    this.#stream = stream
    this.peer = peer
    this.#check = check
    this.#writesAtOnce = stream.constructor === Socket
  }

  get pendingBytes(): number {
    return this.#stream.writableLength
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    const stream = this.#stream
    stream[WIRE] = this
    stream.on('data', onData)
    if (stream instanceof Socket) readIntoSharedMemory(stream, this)
    stream.on('drain', onDrain)
    stream.on('error', onError)
    stream.on('end', onEnd)
    stream.on('close', onClose)
    if (stream.destroyed) this.closed()
    // It was paused if something was read before MQTT, such as a PROXY header.
    else stream.resume()
  }

  write(bytes: Uint8Array): boolean {
    const stream = this.#stream
    if (!stream.writable) return false
    stream.write(bytes)
    return this.#writesAtOnce && stream.writableLength === 0
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    const stream = this.#stream
    if (!stream.writable) return false
    stream.cork()
    for (const piece of pieces) stream.write(piece)
    stream.uncork()
    return this.#writesAtOnce && stream.writableLength === 0
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    // A client that does not close its side after our last word is not waited for, nor one that never reads it.
    this.#stream.end(() => this.destroy())
    if (this.#stream.destroyed || this.#stream.writableFinished) return
    const giveUp = setTimeout(() => this.destroy(), CLOSE_MS_MAX)
    this.#stream.once('close', () => clearTimeout(giveUp))
  }

  /** A stream that was handed in may throw even here, and nobody may be there to catch it. */
  destroy(): void {
    try {
      this.#stream.destroy()
    } catch (error) {
      this.#cause ??= String(error)
      this.closed()
    }
  }

  received(chunk: Buffer): void {
    if (this.#check !== null) {
      const misunderstanding = this.#check(chunk)
      this.#check = null
      if (misunderstanding !== null) {
        this.#refuse(misunderstanding)
        return
      }
    }
    this.#receiver?.received(chunk)
  }

  #refuse({ sentence, answer }: Misunderstanding): void {
    this.#cause = sentence
    if (answer === null) this.destroy()
    else this.#stream.end(answer, () => this.destroy())
    this.closed()
  }

  drained(): void {
    this.#receiver?.drained()
  }

  failed(error: NodeJS.ErrnoException): void {
    this.#cause ??= sentenceOf(error)
  }

  /** The client closes its side: it may read what is on its way to it, and is not waited for if it does not. */
  ended(): void {
    try {
      this.end()
    } catch {
      this.destroy()
    }
  }

  closed(): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(this.#cause)
  }
}

function onData(this: Wired, chunk: Buffer): void {
  this[WIRE]?.received(chunk)
}

function onDrain(this: Wired): void {
  this[WIRE]?.drained()
}

function onError(this: Wired, error: NodeJS.ErrnoException): void {
  this[WIRE]?.failed(error)
}

function onEnd(this: Wired): void {
  this[WIRE]?.ended()
}

function onClose(this: Wired): void {
  this[WIRE]?.closed()
}

function sentenceOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNRESET':
      return 'the client reset the connection'
    case 'EPIPE':
      return 'the client closed while it was written to'
    case 'ETIMEDOUT':
      return 'the network to the client timed out'
    default:
      return error.message
  }
}

// A wire over any duplex stream of Node: a TCP, TLS or Unix socket, or a stream of an embedding program.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { copies, copiesNow, DrainWatch, reset, takesAtOnce, unsentBytesOf } from './drain-watch.ts'
import type { WrongProtocol } from './first-bytes.ts'
import { type Reader, readIntoSharedMemory } from './shared-read-memory.ts'
import { CLOSE_MS_MAX, LATE_BYTES_MAX, type Peer, type Wire, type WireReceiver } from './wire.ts'

/** `check` examines the first bytes and returns what is wrong with them, or null. */
export function streamWire(
  stream: Duplex,
  peer: Peer,
  check: ((chunk: Buffer) => WrongProtocol | null) | null = null,
): Wire {
  return new StreamWire(stream, peer, check)
}

/** The property of a stream that holds its wire. So all streams share their listeners, and an idle socket has no closures. */
const WIRE = Symbol('wire')

interface Wired extends Duplex {
  [WIRE]?: StreamWire
}

// Wide on purpose: it has every call of a wire, and every event of a stream.
class StreamWire implements Wire, Reader {
  readonly peer: Peer
  readonly #stream: Wired
  readonly #takesAtOnce: boolean
  /** Made when bytes are pending for the first time, which never happens on a plain socket whose client reads. */
  #watch: DrainWatch | null = null
  #check: ((chunk: Buffer) => WrongProtocol | null) | null
  #receiver: WireReceiver | null = null
  #cause: string | null = null
  #isEnding = false

  constructor(stream: Duplex, peer: Peer, check: ((chunk: Buffer) => WrongProtocol | null) | null) {
    this.#stream = stream
    this.peer = peer
    this.#check = check
    this.#takesAtOnce = takesAtOnce(stream)
  }

  get pendingBytes(): number {
    return this.#stream.writableLength
  }

  get untakenBytes(): number {
    return unsentBytesOf(this.#stream) ?? this.#stream.writableLength
  }

  get copies(): boolean {
    return copies(this.#stream)
  }

  get isFlowing(): boolean {
    const pending = this.#stream.writableLength
    return this.#takesAtOnce ? pending === 0 : pending < LATE_BYTES_MAX
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    const stream = this.#stream
    stream[WIRE] = this
    stream.on('data', onData)
    if (stream instanceof Socket) readIntoSharedMemory(stream, this)
    stream.on('error', onError)
    stream.on('end', onEnd)
    stream.on('close', onClose)
    if (stream.destroyed) this.closed()
    // The stream is paused if something was read before MQTT, such as a PROXY header.
    else stream.resume()
  }

  write(bytes: Uint8Array): boolean {
    const stream = this.#stream
    if (this.#isEnding || !stream.writable) return false
    if (this.#takesAtOnce) {
      stream.write(bytes)
      return this.#wasTaken()
    }
    const isCopied = copiesNow(stream)
    stream.write(bytes, this.#drains().written)
    return isCopied
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    const stream = this.#stream
    if (this.#isEnding || !stream.writable) return false
    const isCopied = !this.#takesAtOnce && copiesNow(stream)
    stream.cork()
    if (this.#takesAtOnce) for (const piece of pieces) stream.write(piece)
    else this.#writeAskingOnce(pieces)
    stream.uncork()
    return isCopied || this.#wasTaken()
  }

  #writeAskingOnce(pieces: readonly Uint8Array[]): void {
    let left = pieces.length
    for (const piece of pieces) {
      left -= 1
      this.#stream.write(piece, left === 0 ? this.#drains().written : undefined)
    }
  }

  #wasTaken(): boolean {
    if (!this.#takesAtOnce) return false
    if (this.#stream.writableLength === 0) return true
    this.#drains().mark()
    return false
  }

  #drains(): DrainWatch {
    this.#watch ??= new DrainWatch(this.#stream, () => this.#receiver?.drained())
    return this.#watch
  }

  pause(): void {
    if (!this.#isEnding) this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#takesAtOnce && this.#stream.writableLength === 0) {
      // A client that has sent DISCONNECT mostly closes its side at once, so that `ended` finds nothing left to do.
      this.#stream.resume()
      setImmediate(endNow, this.#stream)
    } else endNow(this.#stream)
  }

  /** Closes when both sides have ended. */
  leave(): void {
    if (this.#stream.writableFinished && this.#stream.readableEnded) this.destroy()
  }

  /** Destroys the stream. A stream of an embedding program may throw even here, where no caller could catch it. */
  destroy(): void {
    try {
      this.#stream.destroy()
    } catch (error) {
      this.#cause ??= String(error)
      this.closed()
    }
  }

  reset(): void {
    const stream = this.#stream
    if (stream instanceof Socket) reset(stream)
    this.destroy()
  }

  received(chunk: LentBytes): void {
    if (this.#isEnding) return
    if (this.#check !== null) {
      const wrongProtocol = this.#check(chunk as Buffer)
      this.#check = null
      if (wrongProtocol !== null) {
        this.#refuse(wrongProtocol)
        return
      }
    }
    this.#receiver?.received(chunk)
  }

  #refuse({ sentence, answer }: WrongProtocol): void {
    this.#cause = sentence
    if (answer === null) {
      this.destroy()
    } else {
      this.#stream.write(answer)
      this.end()
    }
    this.closed()
  }

  failed(error: NodeJS.ErrnoException): void {
    this.#cause ??= sentenceOf(error)
    // A stream without autoDestroy would not close by itself.
    this.destroy()
  }

  /** The client has closed its side. It may still read pending bytes; the wait for that is bounded. */
  ended(): void {
    try {
      // Closing tells the client the same as ending first, with one system call less.
      if (this.#takesAtOnce && this.#stream.writableLength === 0) {
        this.#isEnding = true
        this.destroy()
        return
      }
      this.end()
      this.leave()
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

/** Sends the end to the client, and waits for the client's. */
function endNow(stream: Wired): void {
  if (stream.destroyed) return
  // When a socket with unread bytes is closed, the system discards written bytes. So the client's bytes are read up to its own
  // end. The wait is bounded, in case the client does not close or does not read.
  stream.resume()
  stream.end(() => stream[WIRE]?.leave())
  if (stream.destroyed) return
  const giveUp = setTimeout(() => stream[WIRE]?.destroy(), CLOSE_MS_MAX)
  stream.once('close', () => clearTimeout(giveUp))
}

function onData(this: Wired, chunk: Buffer): void {
  this[WIRE]?.received(chunk)
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

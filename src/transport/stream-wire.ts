// A wire over any duplex stream of Node: a TCP or TLS socket, a Unix socket, or what an embedder hands in.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Peer, Wire, WireReceiver } from './wire.ts'

export function streamWire(stream: Duplex, peer: Peer): Wire {
  return new StreamWire(stream, peer)
}

class StreamWire implements Wire {
  readonly peer: Peer
  readonly #stream: Duplex
  /** A plain socket tries the system call at once: with nothing left to write, the memory is free again. */
  readonly #writesAtOnce: boolean
  #receiver: WireReceiver | null = null
  #cause: string | null = null

  constructor(stream: Duplex, peer: Peer) {
    this.#stream = stream
    this.peer = peer
    this.#writesAtOnce = stream.constructor === Socket
  }

  get pendingBytes(): number {
    return this.#stream.writableLength
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    const stream = this.#stream
    stream.on('data', (chunk: Buffer) => receiver.received(chunk))
    stream.on('drain', () => receiver.drained())
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#cause = sentenceOf(error)
    })
    stream.on('end', () => stream.end())
    stream.on('close', () => this.#closed())
    if (stream.destroyed) this.#closed()
  }

  write(bytes: Uint8Array): boolean {
    if (this.#stream.writable) this.#stream.write(bytes)
    return this.#writesAtOnce && this.#stream.writableLength === 0
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    this.#stream.cork()
    for (const piece of pieces) if (this.#stream.writable) this.#stream.write(piece)
    this.#stream.uncork()
    return this.#writesAtOnce && this.#stream.writableLength === 0
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end(() => this.#stream.destroy())
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #closed(): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(this.#cause)
  }
}

function sentenceOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNRESET') return 'the client reset the connection'
  if (error.code === 'EPIPE') return 'the client closed while it was written to'
  if (error.code === 'ETIMEDOUT') return 'the network to the client timed out'
  return error.message
}

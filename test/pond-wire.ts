// A wire to a client of the pond: bytes arrive when they are written, unless it is frozen.

import type { Peer, Wire, WireReceiver } from '../src/transport/wire.ts'

export class PondWire implements Wire {
  readonly peer: Peer = {
    address: '192.0.2.1',
    port: 40_000,
    transport: 'tcp',
    listener: 'pond',
    certificate: null,
  }
  /** Ended by the broker. */
  isClosed = false
  isPaused = false
  /** Calls of write and writeMany: what stands for system calls. */
  writes = 0
  #receiver: WireReceiver | null = null
  #arrived: Buffer[] = []
  #held: Buffer[] = []
  #isFrozen = false

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
  }

  get pendingBytes(): number {
    return this.#held.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  write(bytes: Uint8Array): boolean {
    this.writes += 1
    if (this.#isFrozen) this.#held.push(Buffer.from(bytes))
    else this.#arrived.push(Buffer.from(bytes))
    return true
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    return this.write(Buffer.concat(pieces))
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.#close()
  }

  destroy(): void {
    this.#held = []
    this.#close()
  }

  /** The client sends bytes, in memory that is only lent, as a socket's is. */
  says(bytes: Buffer): void {
    const lent = Buffer.from(bytes)
    this.#receiver?.received(lent)
    lent.fill(0xee)
  }

  /** A part of something larger comes: of a frame, say. */
  saysPart(): void {
    this.#receiver?.heard?.()
  }

  /** The client's end breaks. */
  breaks(): void {
    this.isClosed = true
    this.#receiver?.closed('the connection was reset')
  }

  /** The client closes its end in good order. */
  hangsUp(): void {
    this.isClosed = true
    this.#receiver?.closed(null)
  }

  /** The client does not read its socket any more. */
  freezes(): void {
    this.#isFrozen = true
  }

  thaws(): void {
    this.#isFrozen = false
    this.#arrived.push(...this.#held)
    this.#held = []
    this.#receiver?.drained()
  }

  /** What has arrived at the client since it was last asked. */
  takes(): Buffer {
    const bytes = Buffer.concat(this.#arrived)
    this.#arrived = []
    return bytes
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#receiver?.closed(null)
  }
}

// A wire to a client of the pond. Bytes arrive when they are written, or soon after, unless the client does not read.

import { LATE_BYTES_MAX, type Peer, type Wire, type WireReceiver } from '../src/transport/wire.ts'

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
  readonly copies = true
  wasReset = false
  /** Calls of write and writeMany: what stands for system calls. */
  writes = 0
  /** It takes nothing within the call of write, as TLS does. */
  readonly #takesLate: boolean
  readonly #later: (happen: () => void) => void
  #receiver: WireReceiver | null = null
  #arrived: Buffer[] = []
  /** What the system has not taken yet: still the broker's memory. */
  #pending: Uint8Array[] = []
  #isFrozen = false

  /** `later` runs what it is given as an event of its own. */
  constructor(takesLate: boolean, later: (happen: () => void) => void) {
    this.#takesLate = takesLate
    this.#later = later
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
  }

  /** So many bytes have arrived of a message of WebSocket that is not complete. */
  keeps(bytes: number): void {
    this.#receiver?.kept?.(bytes)
  }

  get pendingBytes(): number {
    return this.#pending.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  get untakenBytes(): number {
    return this.pendingBytes
  }

  get isFlowing(): boolean {
    return this.#takesLate ? this.pendingBytes < LATE_BYTES_MAX : this.#pending.length === 0
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return false
    this.writes += 1
    if (!this.#isFrozen && !this.#takesLate) {
      this.#arrived.push(Buffer.from(bytes))
      return true
    }
    this.#pending.push(bytes)
    if (!this.#isFrozen) this.#later(() => this.#takesPending())
    return false
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
    this.#pending = []
    this.#close()
  }

  reset(): void {
    this.wasReset = true
    this.destroy()
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

  /** It reads the first of what waits, while it does not read the rest. */
  readsOne(): void {
    const [bytes] = this.#pending.splice(0, 1)
    if (bytes !== undefined) this.#arrived.push(Buffer.from(bytes))
  }

  thaws(): void {
    this.#isFrozen = false
    this.#takesPending()
  }

  get hasArrived(): boolean {
    return this.#arrived.length > 0
  }

  /** What has arrived at the client since it was last asked. */
  takes(): Buffer {
    const bytes = Buffer.concat(this.#arrived)
    this.#arrived = []
    return bytes
  }

  #takesPending(): void {
    if (this.#isFrozen || this.#pending.length === 0) return
    for (const bytes of this.#pending) this.#arrived.push(Buffer.from(bytes))
    this.#pending = []
    if (!this.isClosed) this.#receiver?.drained()
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#takesPending()
    this.#later(() => this.#receiver?.closed(null))
  }
}

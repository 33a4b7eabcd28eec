// A wire over a stream of an embedding program. An exception of the stream ends only this connection.

import { thrownSentence } from '../thrown.ts'
import type { Peer, Wire, WireReceiver } from './wire.ts'

export class ContainedWire implements Wire {
  readonly peer: Peer
  readonly #wire: Wire
  readonly #failed: (error: unknown) => void
  #receiver: WireReceiver | null = null
  #isBroken = false

  /** `failed` is called with the first exception. */
  constructor(wire: Wire, failed: (error: unknown) => void) {
    this.peer = wire.peer
    this.#wire = wire
    this.#failed = failed
  }

  get pendingBytes(): number {
    try {
      return this.#isBroken ? 0 : this.#wire.pendingBytes
    } catch (error) {
      this.#breaks(error)
      return 0
    }
  }

  get copies(): boolean {
    return this.#wire.copies
  }

  get untakenBytes(): number {
    try {
      return this.#isBroken ? 0 : this.#wire.untakenBytes
    } catch (error) {
      this.#breaks(error)
      return 0
    }
  }

  get isFlowing(): boolean {
    try {
      return this.#isBroken || this.#wire.isFlowing
    } catch (error) {
      this.#breaks(error)
      return true
    }
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    this.#attempt(() =>
      this.#wire.open({
        received: (chunk: unknown): void => this.#received(chunk),
        drained: (): void => this.#receiver?.drained(),
        closed: (cause: string | null): void => this.#closed(cause),
      }),
    )
  }

  write(bytes: Uint8Array): boolean {
    try {
      return !this.#isBroken && this.#wire.write(bytes)
    } catch (error) {
      this.#breaks(error)
      return false
    }
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    try {
      return !this.#isBroken && this.#wire.writeMany(pieces)
    } catch (error) {
      this.#breaks(error)
      return false
    }
  }

  pause(): void {
    this.#attempt(() => this.#wire.pause())
  }

  resume(): void {
    this.#attempt(() => this.#wire.resume())
  }

  end(): void {
    this.#attempt(() => this.#wire.end())
  }

  destroy(): void {
    this.#attempt(() => this.#wire.destroy())
  }

  reset(): void {
    this.#attempt(() => this.#wire.reset())
  }

  /** The stream may deliver strings or objects instead of bytes. */
  #received(chunk: unknown): void {
    if (this.#isBroken) return
    if (Buffer.isBuffer(chunk)) this.#receiver?.received(chunk)
    else if (chunk instanceof Uint8Array) this.#receiver?.received(Buffer.from(chunk))
    else this.#breaks(new TypeError(`the stream gives ${typeof chunk}, not bytes`))
  }

  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#breaks(error)
    }
  }

  /** Reports the end in a later event, as a socket does, because the caller may be in the middle of a delivery. */
  #breaks(error: unknown): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#failed(error)
    setImmediate(() => {
      this.#closed(thrownSentence(error))
      this.destroy()
    })
  }

  #closed(cause: string | null): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(cause)
  }
}

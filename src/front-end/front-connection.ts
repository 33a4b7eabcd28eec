// One connection of a front end, from the hand-over of its socket to its end.

import type { Socket } from 'node:net'
import {
  BYTES,
  CLOSED,
  FLOWS,
  HEARD,
  KEPT,
  NAMED,
  OPENED,
  REFUSED,
  SLOW,
  SPOKE,
} from '../link/frames.ts'
import type { LinkWriter } from '../link/link-writer.ts'
import { bytesOf, type Proved, shortCause } from '../link/said.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { LARGE_BYTES_MIN } from '../packet/sizes.ts'
import type { Peer, Wire, WireReceiver } from '../transport/wire.ts'

/** The front end, as its connections see it. */
interface Home {
  readonly writer: LinkWriter
  holdsBack(connection: FrontConnection): boolean
  ended(connection: FrontConnection): void
}

/** What the core takes of what is known of a client, with room for the rest of the frame. */
const OPENED_BYTES_MAX = 65_536

// Wide on purpose: it has a method for each thing that the core tells the connection, and for each event of its wire.
export class FrontConnection implements WireReceiver {
  readonly number: number
  readonly #socket: Socket
  readonly #home: Home
  /** Null before MQTT. */
  #wire: Wire | null = null
  #isPaused = false
  #isHeldBack = false
  #isSlow = false
  #untaken = 0
  #isOver = false
  #hasSpoken = false

  constructor(number: number, socket: Socket, home: Home) {
    this.number = number
    this.#socket = socket
    this.#home = home
  }

  /** Before the steps that come before MQTT. */
  begins(): void {
    this.#socket.once('close', this.#socketClosed)
  }

  readonly #socketClosed = (): void => {
    if (this.#wire === null) this.closed(null)
  }

  refuse(cause: string): void {
    this.#home.writer.frame(REFUSED, this.number, bytesOf({ cause }))
    this.destroy()
  }

  isNamed({ address, port }: Peer): void {
    this.#home.writer.frame(NAMED, this.number, bytesOf({ address, port }))
  }

  /** The steps before MQTT are done. */
  opens(wire: Wire, passed: Pick<Proved, 'spentMs' | 'protocol' | 'generation'>): void {
    const { certificate, psk } = wire.peer
    const proved = bytesOf({ ...passed, certificate, psk: psk?.identity ?? null })
    if (proved.length > OPENED_BYTES_MAX) {
      wire.destroy()
      this.refuse('its certificate has more names than a front end passes on')
      return
    }
    this.#wire = wire
    this.#home.writer.frame(OPENED, this.number, proved)
    wire.open(this)
  }

  received(chunk: LentBytes): void {
    this.#home.writer.bytes(BYTES, BYTES, this.number, chunk as Buffer)
    if (this.#home.holdsBack(this)) this.holdBack()
  }

  heard(): void {
    this.#home.writer.signal(HEARD, this.number)
  }

  kept(bytes: number): void {
    this.#home.writer.number(KEPT, this.number, bytes)
  }

  drained(): void {
    this.tellProgress()
  }

  closed(cause: string | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#home.writer.frame(CLOSED, this.number, Buffer.from(shortCause(cause ?? '')))
    this.#home.ended(this)
  }

  /** The link is full. */
  holdBack(): void {
    if (this.#isHeldBack || this.#wire === null) return
    this.#isHeldBack = true
    if (!this.#isPaused) this.#wire.pause()
  }

  /** The link has room. */
  goOn(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    if (!this.#isPaused) this.#wire?.resume()
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    if (!this.#isHeldBack) this.#wire?.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (!this.#isHeldBack) this.#wire?.resume()
  }

  /** Returns whether the bytes are kept. */
  write(bytes: Buffer): boolean {
    const wire = this.#wire
    if (wire === null) return false
    // A few bytes behind pending ones would keep the memory of a whole read of the link.
    const isOwn = wire.pendingBytes > 0 && bytes.length < LARGE_BYTES_MIN
    const isCopied = wire.write(isOwn ? Buffer.from(bytes) : bytes) || isOwn
    if (!wire.isFlowing) this.#slows(wire)
    return !isCopied && wire.pendingBytes > 0
  }

  writeMany(pieces: readonly Buffer[]): void {
    const wire = this.#wire
    if (wire === null) return
    wire.writeMany(pieces)
    if (!wire.isFlowing) this.#slows(wire)
  }

  /** Tells the core that the first bytes have come, that the client takes bytes again, or how far it has got. */
  tellProgress(): void {
    const wire = this.#wire
    if (wire === null && !this.#hasSpoken && this.#socket.bytesRead > 0) {
      this.#hasSpoken = true
      this.#home.writer.signal(SPOKE, this.number)
    }
    if (wire === null || !this.#isSlow || this.#isOver) return
    if (!wire.isFlowing) {
      if (wire.untakenBytes !== this.#untaken) this.#slows(wire)
      return
    }
    this.#isSlow = false
    this.#home.writer.signal(FLOWS, this.number)
  }

  #slows(wire: Wire): void {
    this.#isSlow = true
    this.#untaken = wire.untakenBytes
    this.#home.writer.number(SLOW, this.number, this.#untaken)
  }

  end(): void {
    this.#wire?.end()
  }

  destroy(): void {
    if (this.#wire === null) this.#socket.destroy()
    else this.#wire.destroy()
  }

  reset(): void {
    if (this.#wire === null) this.#socket.destroy()
    else this.#wire.reset()
  }
}

// A wire whose socket a front end has: its calls and events are frames of a link.

import { copyOfLent, type LentBytes } from '../packet/lent-bytes.ts'
import { CLOSE_MS_MAX, type Peer, type Wire, type WireReceiver } from '../transport/wire.ts'
import { DESTROY, END, PAUSE, RESET, RESUME } from './frames.ts'

/** The end of the link in the core's process. */
export interface WireLink {
  /** The number of the turn whose frames are collected. */
  readonly turn: number
  /** All that was written up to this turn is taken. */
  readonly takenTurn: number
  /** No more bytes are to be put into it. */
  readonly isFull: boolean
  /** `bytes`: of all pieces together. They are copied. */
  write(connection: number, pieces: readonly Uint8Array[], bytes: number): void
  signal(kind: number, connection: number): void
  /** What may be on its way to one client without having been taken. */
  readonly windowBytes: number
  /** The front end has so many more bytes for clients that take no more; fewer if it is negative. */
  keeps(bytes: number): void
  /** The front end is to say soon what it has taken. */
  ask(): void
  /** `proceed` of the wire is to be called when there may be room again. */
  block(wire: LinkedWire): void
  /** So many more bytes wait behind pauses; fewer if it is negative. Returns those of all connections. */
  holds(bytes: number): number
  /** The front end does not do what it was told. */
  failed(sentence: string): void
  /** The connection is no more. */
  ended(wire: LinkedWire): void
}

/** What may be on its way to one client: a window of messages, which would otherwise come in parts and wait for each other. */
export const WINDOW_BYTES = 262_144
/** From here on the front end is asked what it has taken. Otherwise it says so when it has something else to say. */
const ASKED_BYTES_MIN = WINDOW_BYTES / 2
/** What may come behind a pause, beside one message of WebSocket: more than a link holds. */
const HELD_BYTES_MAX = 16_777_216
/** The same of all connections together. */
const ALL_HELD_BYTES_MAX = 134_217_728

type State = 'open' | 'ending' | 'destroyed' | 'closed'

// Wide on purpose: it has both directions of one connection, each with what waits and how much that is.
export class LinkedWire implements Wire {
  peer: Peer
  /** The connection on this link. */
  readonly number: number
  readonly copies = true
  readonly #messageBytesMax: number
  /** Whether bytes have come from the client. */
  hasSpoken = false
  readonly #link: WireLink
  #receiver: WireReceiver | null = null
  #state: State = 'open'
  #cause: string | null = null
  /** What could not be put into the link, one entry for each call. */
  #waiting: (readonly Uint8Array[])[] = []
  #waitingBytes = 0
  /** The bytes on their way in two generations, each with the last turn that it was written in. */
  #older = 0
  #olderTurn = 0
  #newer = 0
  #newerTurn = 0
  /** Whether the client takes no more, and what it has not taken. */
  #isSlow = false
  #untaken = 0
  #isPaused = false
  /** What came while it was paused. */
  #held: Buffer[] = []
  #heldBytes = 0
  #isHandingOver = false
  /** The client has closed its connection, behind what is held. */
  #isOver = false
  #giveUp: NodeJS.Timeout | null = null

  /** `messageBytesMax`: what the client may send as one message, which comes whole. */
  constructor(
    link: WireLink,
    { number, peer, messageBytesMax }: { number: number; peer: Peer; messageBytesMax: number },
  ) {
    this.#link = link
    this.number = number
    this.peer = peer
    this.#messageBytesMax = messageBytesMax
  }

  get pendingBytes(): number {
    if (this.isFlowing) return 0
    return this.#waitingBytes + Math.max(1, this.#onTheWay(), this.#untaken)
  }

  get untakenBytes(): number {
    return this.#isSlow ? this.#untaken : this.pendingBytes
  }

  get isFlowing(): boolean {
    return this.#waiting.length === 0 && this.#mayWrite()
  }

  #mayWrite(): boolean {
    return !this.#isSlow && this.#onTheWay() < this.#link.windowBytes
  }

  /** At least the bytes that the front end was not heard to have written. */
  #onTheWay(): number {
    const { takenTurn } = this.#link
    if (this.#newerTurn <= takenTurn) return 0
    return this.#olderTurn <= takenTurn ? this.#newer : this.#older + this.#newer
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    if (this.isClosed) this.#tellClosed()
  }

  write(bytes: Uint8Array): boolean {
    return this.writeMany([bytes])
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    if (this.#state !== 'open') return false
    const mayPut = this.isFlowing && !this.#link.isFull
    if (mayPut) this.#put(pieces)
    else {
      this.#waiting.push(pieces)
      this.#waitingBytes += lengthOf(pieces)
    }
    if (!this.isFlowing) this.#link.block(this)
    return mayPut
  }

  #put(pieces: readonly Uint8Array[]): void {
    const { turn, takenTurn, windowBytes } = this.#link
    const bytes = lengthOf(pieces)
    if (this.#newerTurn !== turn && this.#olderTurn <= takenTurn) {
      this.#older = this.#newerTurn <= takenTurn ? 0 : this.#newer
      this.#olderTurn = this.#newerTurn
      this.#newer = 0
    }
    this.#newer += bytes
    this.#newerTurn = turn
    this.#link.write(this.number, pieces, bytes)
    if (this.#older + this.#newer > Math.min(ASKED_BYTES_MIN, windowBytes / 2)) this.#link.ask()
  }

  /** Bytes were taken, or the link has room. Returns whether it need not be called again. */
  proceed(): boolean {
    // Of a slow client it is told when it takes bytes again.
    if (this.#isSlow || this.#state === 'destroyed' || this.isClosed) return true
    let count = 0
    for (const pieces of this.#waiting) {
      if (!this.#mayWrite() || this.#link.isFull) break
      count += 1
      this.#waitingBytes -= lengthOf(pieces)
      this.#put(pieces)
    }
    if (count > 0) this.#waiting = this.#waiting.slice(count)
    const flows = this.isFlowing
    if (this.#state === 'ending') {
      if (this.#waiting.length > 0) return false
      this.#link.signal(END, this.number)
      return true
    }
    if (count > 0 || flows) this.#receiver?.drained()
    return this.isFlowing
  }

  pause(): void {
    if (this.#isPaused || this.#state !== 'open') return
    this.#isPaused = true
    this.#link.signal(PAUSE, this.number)
  }

  resume(): void {
    if (!this.#isPaused || this.#state !== 'open') return
    this.#isPaused = false
    if (this.#held.length > 0) this.#handOver()
    else this.#link.signal(RESUME, this.number)
  }

  /** Hands what is held to the receiver, in a later event. */
  #handOver(): void {
    if (this.#isHandingOver) return
    this.#isHandingOver = true
    setImmediate(() => {
      this.#isHandingOver = false
      while (!this.#isPaused && this.#state === 'open') {
        const chunk = this.#held.shift()
        if (chunk === undefined) break
        this.#setHeld(this.#heldBytes - chunk.length)
        this.#receiver?.received(chunk)
      }
      if (this.#held.length > 0 || this.#isPaused || this.#state !== 'open') return
      if (this.#isOver) this.closed('')
      else this.#link.signal(RESUME, this.number)
    })
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#letGo()
    if (this.#isOver) {
      this.destroy()
      return
    }
    if (this.#waiting.length === 0) this.#link.signal(END, this.number)
    else {
      this.#link.block(this)
      this.#giveUp = setTimeout(() => this.destroy(), CLOSE_MS_MAX)
    }
  }

  destroy(): void {
    this.#leave(DESTROY)
  }

  reset(): void {
    this.#leave(RESET)
  }

  #leave(kind: number): void {
    if (this.#state === 'destroyed' || this.isClosed) return
    this.#state = 'destroyed'
    this.#letGo()
    this.#link.signal(kind, this.number)
    setImmediate(() => this.closed(''))
  }

  #letGo(): void {
    this.#held = []
    this.#setHeld(0)
  }

  /** Bytes from the client. */
  received(chunk: LentBytes): void {
    if (this.#state !== 'open') return
    this.hasSpoken = true
    if (!this.#isPaused && this.#held.length === 0) {
      this.#receiver?.received(chunk)
      return
    }
    this.#held.push(copyOfLent(chunk))
    const all = this.#setHeld(this.#heldBytes + chunk.length)
    if (this.#heldBytes > HELD_BYTES_MAX + this.#messageBytesMax) {
      this.#link.failed('it reads from a connection that is paused')
    } else if (all > ALL_HELD_BYTES_MAX + this.#messageBytesMax) {
      this.#link.signal(DESTROY, this.number)
      this.closed('the memory for what clients send while they are paused is full')
    }
  }

  /** Returns what is held for all connections. */
  #setHeld(bytes: number): number {
    const all = this.#link.holds(bytes - this.#heldBytes)
    this.#heldBytes = bytes
    return all
  }

  heard(): void {
    if (this.#state === 'open') this.#receiver?.heard?.()
  }

  kept(bytes: number): void {
    if (this.#state === 'open') this.#receiver?.kept?.(bytes)
  }

  /** The client takes no more: so many bytes were not taken. */
  slowed(untaken: number): void {
    this.#isSlow = true
    this.#setUntaken(untaken)
  }

  flows(): void {
    this.#isSlow = false
    this.#setUntaken(0)
    this.#link.block(this)
  }

  #setUntaken(bytes: number): void {
    this.#link.keeps(bytes - this.#untaken)
    this.#untaken = bytes
  }

  /** The connection is no more. An empty cause is none. */
  closed(cause: string): void {
    if (this.isClosed) return
    if (cause === '' && this.#held.length > 0 && this.#state === 'open') {
      this.#isOver = true
      return
    }
    this.#state = 'closed'
    this.#cause = cause === '' ? null : cause
    this.#waiting = []
    this.#waitingBytes = 0
    this.#letGo()
    this.#setUntaken(0)
    if (this.#giveUp !== null) clearTimeout(this.#giveUp)
    this.#link.ended(this)
    this.#tellClosed()
  }

  #tellClosed(): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(this.#cause)
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  return bytes
}

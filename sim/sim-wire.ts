// A wire between a client and the broker. It splits, delays and loses bytes in both directions.

import {
  CLOSE_MS_MAX,
  LATE_BYTES_MAX,
  type Peer,
  type Wire,
  type WireReceiver,
} from '../src/transport/wire.ts'
import type { Random } from './random.ts'
import type { EventQueue } from './event-queue.ts'

export interface WireSettings {
  readonly latencyMs: number
  /** One chunk in this many arrives in pieces; 0 for none. */
  readonly splits: number
  /** How many bytes towards the client the system buffers before the broker must wait. */
  readonly bufferBytes: number
  /** One wire in this many takes bytes late, as TLS does: none within the call of `write`. 0 for no such wire. */
  readonly late: number
  /** The longest time after a write at which such a wire takes the bytes. */
  readonly lateMs: number
  /** Tests of the oracle: smaller amounts are taken without `drained`. 0 for a wire that keeps its contract. */
  readonly drainBytesMin?: number
}

export interface ClientEnd {
  received(chunk: Buffer): void
  closed(): void
}

/** Bytes in transit in one direction, in order. */
interface Chunk {
  readonly bytes: Buffer
  isLost: boolean
}

const PEER: Peer = {
  address: '192.0.2.1',
  port: 40_000,
  transport: 'tcp',
  listener: 'simulation',
  certificate: null,
}

export class SimWire implements Wire {
  readonly peer: Peer = PEER
  readonly #events: EventQueue
  readonly #random: Random
  readonly #settings: WireSettings
  readonly #client: ClientEnd
  readonly #takesLate: boolean
  #broker: WireReceiver | null = null
  #isBrokerClosed = false
  #isClientClosed = false
  #isEnding = false
  #isDestroyed = false
  #isPaused = false
  #isFrozen = false
  /** Whether the client has ever stopped reading. */
  hasFrozen = false
  #isBroken = false
  #hasHungUp = false
  #lastUp = 0
  #lastDown = 0
  /** Bytes that arrived at the broker while it does not read. */
  #heldUp: Chunk[] = []
  /** Bytes that arrived at the client while it does not read. */
  #heldDown: Chunk[] = []
  #under: Set<Chunk> = new Set()
  /** Bytes that the system has not taken yet: they lie in the broker's memory. */
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #takenBytes = 0
  /** The most bytes that were pending since the last `drained`. */
  #pendingPeak = 0
  /**
   * The event, and its time, after which no byte of the client can have an effect. The broker may read for many turns
   * after the socket has closed.
   */
  brokerClosedAt: number | null = null
  brokerClosedAtMs: number | null = null

  constructor(events: EventQueue, random: Random, settings: WireSettings, client: ClientEnd) {
    this.#events = events
    this.#random = random
    this.#settings = settings
    this.#client = client
    this.#takesLate = settings.late > 0 && random.chance(settings.late)
  }

  /** Bytes of the client do not arrive any more. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  get isClientClosed(): boolean {
    return this.#isClientClosed
  }

  get isBrokerClosed(): boolean {
    return this.#isBrokerClosed
  }

  // The end of the broker.

  open(receiver: WireReceiver): void {
    this.#broker = receiver
  }

  /** What waits refers to the memory that it was given. */
  readonly copies = true

  get pendingBytes(): number {
    return this.#waitingBytes
  }

  get untakenBytes(): number {
    return this.#waitingBytes
  }

  get isFlowing(): boolean {
    return this.#takesLate ? this.#waitingBytes < LATE_BYTES_MAX : this.#waitingBytes === 0
  }

  write(bytes: Uint8Array): boolean {
    return this.writeMany([bytes])
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    if (this.#isBrokerClosed || this.#isDestroyed || this.#isEnding) return false
    const hasRoom = this.#takenBytes + bytes <= this.#settings.bufferBytes
    if (!this.#takesLate && this.#waitingBytes === 0 && hasRoom) {
      this.#carryDown(Buffer.concat(pieces))
      return true
    }
    // The bytes are not copied, so that a test fails if the broker changes them now.
    this.#waiting.push(...pieces)
    this.#waitingBytes += bytes
    this.#pendingPeak = Math.max(this.#pendingPeak, this.#waitingBytes)
    if (this.#takesLate) this.#fillsLater()
    else this.#fill()
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#events.after(0, () => this.#readUp())
  }

  end(): void {
    if (this.#isBrokerClosed || this.#isEnding) return
    this.#isEnding = true
    this.#endIfDone()
    this.#events.after(CLOSE_MS_MAX, () => {
      if (!this.#isBrokerClosed) this.destroy()
    })
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#lose()
    this.#closeClient(this.#random.below(this.#settings.latencyMs + 1))
    this.#closeBroker(0, null)
  }

  reset(): void {
    this.destroy()
  }

  /** The broker has finished with this wire. */
  brokerHasRead(): void {
    this.brokerClosedAt ??= this.#events.count
    this.brokerClosedAtMs ??= this.#events.now
  }

  /** The process of the broker has ended. After a loss of power the bytes in the system's buffers are lost as well. */
  brokerDies(power: boolean): void {
    this.#isBrokerClosed = true
    this.brokerHasRead()
    this.#broker = null
    this.#heldUp = []
    this.#waiting = []
    this.#waitingBytes = 0
    if (power) this.#lose()
    this.#closeClient(this.#random.below(2 * this.#settings.latencyMs + 1))
  }

  // The end of the client.

  sends(bytes: Buffer): void {
    if (this.#isClientClosed) return
    const { splits } = this.#settings
    let start = 0
    while (start < bytes.length) {
      const rest = bytes.length - start
      const length = splits > 0 && this.#random.chance(splits) ? 1 + this.#random.below(rest) : rest
      this.#carryUp(bytes.subarray(start, start + length))
      start += length
    }
  }

  /** The client closes its end in good order: all its bytes arrive. */
  hangsUp(): void {
    if (this.#isClientClosed) return
    this.#isClientClosed = true
    this.#takenBytes = 0
    this.#events.after(0, () => this.#fill())
    this.#events.at(this.#lastUp, () => {
      this.#hasHungUp = true
      this.#readUp()
    })
  }

  /**
   * The network is lost: some bytes in transit still arrive, others do not. The broker may notice much later, or not
   * before the client has reconnected.
   */
  breaks(silenceMs: number): void {
    for (const chunk of this.#under) if (this.#random.chance(2)) this.#loseFrom(chunk)
    this.#isBroken = true
    this.#closeClient(this.#delay())
    this.#closeBroker(silenceMs + this.#settings.latencyMs, 'the connection was reset')
  }

  /** A CONNECT in transit on another wire arrives first. Otherwise it would take the session over from this wire. */
  follows(other: SimWire): void {
    this.#lastUp = Math.max(this.#lastUp, other.#lastUp)
  }

  freezes(): void {
    this.#isFrozen = true
    this.hasFrozen = true
  }

  thaws(): void {
    this.#isFrozen = false
    this.#events.after(0, () => this.#readDown())
  }

  #carryUp(part: Buffer): void {
    if (this.#isBroken) return
    const chunk = { bytes: Buffer.from(part), isLost: false }
    this.#lastUp = Math.max(this.#lastUp, this.#events.now + this.#delay())
    this.#under.add(chunk)
    this.#events.at(this.#lastUp, () => {
      this.#under.delete(chunk)
      this.#heldUp.push(chunk)
      this.#readUp()
    })
  }

  #readUp(): void {
    while (this.#heldUp.length > 0 && this.#reads) {
      const chunk = this.#heldUp.shift()
      if (chunk === undefined || chunk.isLost) continue
      this.#broker?.received(chunk.bytes)
      // The bytes are valid only during the call.
      chunk.bytes.fill(0xee)
    }
    // The end of a stream is read after all its bytes.
    if (this.#hasHungUp && this.#heldUp.length === 0) this.#closeBroker(this.#delay(), null)
  }

  get #reads(): boolean {
    return !this.#isPaused && !this.#isBrokerClosed && !this.#isDestroyed
  }

  #carryDown(bytes: Buffer): void {
    // The client is gone. After a loss of the network the bytes stay in the system's buffer.
    if (this.#isBroken) this.#takenBytes += bytes.length
    if (this.#isBroken || this.#isClientClosed) return
    const chunk = { bytes, isLost: false }
    this.#takenBytes += bytes.length
    this.#lastDown = Math.max(this.#lastDown, this.#events.now + this.#delay())
    this.#under.add(chunk)
    this.#events.at(this.#lastDown, () => {
      this.#under.delete(chunk)
      this.#heldDown.push(chunk)
      this.#readDown()
    })
  }

  #readDown(): void {
    while (this.#heldDown.length > 0 && !this.#isFrozen && !this.#isClientClosed) {
      const chunk = this.#heldDown.shift()
      if (chunk === undefined) break
      this.#takenBytes -= chunk.bytes.length
      if (!chunk.isLost) this.#sayInPieces(chunk.bytes)
    }
    this.#fill()
    this.#endIfDone()
  }

  #sayInPieces(bytes: Buffer): void {
    const { splits } = this.#settings
    const cut = splits > 0 && this.#random.chance(splits) ? this.#random.below(bytes.length) : 0
    if (cut > 0) this.#client.received(Buffer.from(bytes.subarray(0, cut)))
    if (!this.#isClientClosed) this.#client.received(Buffer.from(bytes.subarray(cut)))
  }

  #fillsLater(): void {
    this.#events.after(this.#random.below(this.#settings.lateMs + 1), () => {
      this.#fill()
      this.#endIfDone()
    })
  }

  /** The system takes pending bytes, as far as its buffer has room. */
  #fill(): void {
    if (this.#waiting.length === 0 || this.#isBrokerClosed || this.#isDestroyed) return
    let next = this.#waiting[0]
    while (next !== undefined && this.#takenBytes < this.#settings.bufferBytes) {
      const length = Math.min(next.length, this.#settings.bufferBytes - this.#takenBytes)
      this.#carryDown(Buffer.from(next.subarray(0, length)))
      this.#waitingBytes -= length
      if (length < next.length) this.#waiting[0] = next.subarray(length)
      else this.#waiting.shift()
      next = this.#waiting[0]
    }
    // Mostly as late as the contract allows, when nothing is pending; sometimes after a part was taken.
    if (this.#waiting.length > 0 && !this.#random.chance(4)) return
    const mostLeft = this.#waiting.length > 0 ? Infinity : 0
    this.#events.after(0, () => this.#saysDrained(mostLeft))
  }

  #saysDrained(mostLeft: number): void {
    if (this.#waitingBytes > mostLeft || this.#isDestroyed) return
    const peak = this.#pendingPeak
    this.#pendingPeak = 0
    if (peak >= (this.#settings.drainBytesMin ?? 0)) this.#broker?.drained()
  }

  #endIfDone(): void {
    if (!this.#isEnding || this.#waitingBytes > 0 || this.#takenBytes > 0) return
    this.#closeClient(0)
    this.#closeBroker(this.#delay(), null)
  }

  #lose(): void {
    for (const chunk of this.#under) chunk.isLost = true
  }

  /** Loses a chunk and everything that follows it in the same direction. */
  #loseFrom(first: Chunk): void {
    let isLost = false
    for (const chunk of this.#under) {
      if (chunk === first) isLost = true
      if (isLost) chunk.isLost = true
    }
  }

  #closeClient(delayMs: number): void {
    const { now } = this.#events
    // Bytes in transit arrive first.
    this.#events.at(Math.max(now + delayMs, this.#isFrozen ? 0 : this.#lastDown), () => {
      if (this.#isClientClosed) return
      this.#isClientClosed = true
      this.#client.closed()
    })
  }

  #closeBroker(delayMs: number, cause: string | null): void {
    this.#events.after(delayMs, () => {
      if (this.#isBrokerClosed) return
      this.#isBrokerClosed = true
      this.#broker?.closed(cause)
      this.#broker = null
    })
  }

  #delay(): number {
    return this.#random.below(this.#settings.latencyMs + 1)
  }
}

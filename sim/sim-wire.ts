// A wire between a client and the broker: it splits, delays and cuts what is said, in both directions.

import { lend } from '../src/packet/lent-bytes.ts'
import {
  CLOSE_MS_MAX,
  LATE_BYTES_MAX,
  type Peer,
  type Wire,
  type WireReceiver,
} from '../src/transport/wire.ts'
import type { Dice } from './dice.ts'
import type { EventQueue } from './event-queue.ts'

export interface WireHabits {
  readonly latencyMs: number
  /** One chunk in so many arrives in pieces; 0 for none. */
  readonly splits: number
  /** Bytes towards the client that the system takes before it lets the broker wait. */
  readonly bufferBytes: number
  /** One wire in so many takes late, as TLS does: nothing within the call of write. 0 for none. */
  readonly late: number
  /** How long after a write a wire that takes late does so, at most. */
  readonly lateMs: number
  /** For the trial of the oracle: what is less is taken without a word. 0 for a wire that keeps its contract. */
  readonly drainBytesMin?: number
}

export interface ClientEnd {
  received(chunk: Buffer): void
  closed(): void
}

/** Bytes on their way in one direction, in order. */
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
  readonly #dice: Dice
  readonly #habits: WireHabits
  readonly #client: ClientEnd
  readonly #takesLate: boolean
  #broker: WireReceiver | null = null
  #isBrokerClosed = false
  #isClientClosed = false
  #isEnding = false
  #isDestroyed = false
  #isPaused = false
  #isFrozen = false
  #isBroken = false
  #hasHungUp = false
  #lastUp = 0
  #lastDown = 0
  /** Arrived at the broker, which does not read. */
  #heldUp: Chunk[] = []
  /** Arrived at the client, which does not read. */
  #heldDown: Chunk[] = []
  #under: Set<Chunk> = new Set()
  /** What the system has not taken yet: still the broker's memory. */
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #takenBytes = 0
  /** The most that was pending since the last word about it. */
  #pendingPeak = 0
  /**
   * The event after which nothing that the client said can have an effect any more, and its time: the broker may go on
   * reading for many turns after the socket has closed.
   */
  brokerClosedAt: number | null = null
  brokerClosedAtMs: number | null = null

  constructor(events: EventQueue, dice: Dice, habits: WireHabits, client: ClientEnd) {
    this.#events = events
    this.#dice = dice
    this.#habits = habits
    this.#client = client
    this.#takesLate = habits.late > 0 && dice.chance(habits.late)
  }

  /** What the client says does not arrive any more. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  get isClientClosed(): boolean {
    return this.#isClientClosed
  }

  get isBrokerClosed(): boolean {
    return this.#isBrokerClosed
  }

  // The broker's end.

  open(receiver: WireReceiver): void {
    this.#broker = receiver
  }

  get pendingBytes(): number {
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
    const hasRoom = this.#takenBytes + bytes <= this.#habits.bufferBytes
    if (!this.#takesLate && this.#waitingBytes === 0 && hasRoom) {
      this.#carryDown(Buffer.concat(pieces))
      return true
    }
    // By reference: whoever changes these bytes now will be found out.
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
    this.#closeClient(this.#dice.below(this.#habits.latencyMs + 1))
    this.#closeBroker(0, null)
  }

  /** The broker is done with it. */
  brokerHasRead(): void {
    this.brokerClosedAt ??= this.#events.count
    this.brokerClosedAtMs ??= this.#events.now
  }

  /** The process of the broker is gone. With the power, what the system had taken is gone as well. */
  brokerDies(power: boolean): void {
    this.#isBrokerClosed = true
    this.brokerHasRead()
    this.#broker = null
    this.#heldUp = []
    this.#waiting = []
    this.#waitingBytes = 0
    if (power) this.#lose()
    this.#closeClient(this.#dice.below(2 * this.#habits.latencyMs + 1))
  }

  // The client's end.

  says(bytes: Buffer): void {
    if (this.#isClientClosed) return
    const { splits } = this.#habits
    let start = 0
    while (start < bytes.length) {
      const rest = bytes.length - start
      const length = splits > 0 && this.#dice.chance(splits) ? 1 + this.#dice.below(rest) : rest
      this.#carryUp(bytes.subarray(start, start + length))
      start += length
    }
  }

  /** The client closes its end in good order: all that it said arrives. */
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
   * The network is gone: some of what is under way still arrives, the rest does not. The broker may hear of it
   * a good while later, or not before the client is back.
   */
  breaks(silenceMs: number): void {
    for (const chunk of this.#under) if (this.#dice.chance(2)) this.#loseFrom(chunk)
    this.#isBroken = true
    this.#closeClient(this.#delay())
    this.#closeBroker(silenceMs + this.#habits.latencyMs, 'the connection was reset')
  }

  /** A CONNECT that is under way on another wire still comes first: else it would take the session from this one. */
  follows(other: SimWire): void {
    this.#lastUp = Math.max(this.#lastUp, other.#lastUp)
  }

  freezes(): void {
    this.#isFrozen = true
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
      this.#broker?.received(lend(chunk.bytes))
      // The memory was only lent.
      chunk.bytes.fill(0xee)
    }
    // The end of a stream is read after all that was said.
    if (this.#hasHungUp && this.#heldUp.length === 0) this.#closeBroker(this.#delay(), null)
  }

  get #reads(): boolean {
    return !this.#isPaused && !this.#isBrokerClosed && !this.#isDestroyed
  }

  #carryDown(bytes: Buffer): void {
    // Nobody is there to take it: where the network is gone it stays in the system's buffer.
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
    const { splits } = this.#habits
    const cut = splits > 0 && this.#dice.chance(splits) ? this.#dice.below(bytes.length) : 0
    if (cut > 0) this.#client.received(Buffer.from(bytes.subarray(0, cut)))
    if (!this.#isClientClosed) this.#client.received(Buffer.from(bytes.subarray(cut)))
  }

  #fillsLater(): void {
    this.#events.after(this.#dice.below(this.#habits.lateMs + 1), () => {
      this.#fill()
      this.#endIfDone()
    })
  }

  /** The system takes what waits, as far as its buffer goes. */
  #fill(): void {
    if (this.#waiting.length === 0 || this.#isBrokerClosed || this.#isDestroyed) return
    let next = this.#waiting[0]
    while (next !== undefined && this.#takenBytes < this.#habits.bufferBytes) {
      const length = Math.min(next.length, this.#habits.bufferBytes - this.#takenBytes)
      this.#carryDown(Buffer.from(next.subarray(0, length)))
      this.#waitingBytes -= length
      if (length < next.length) this.#waiting[0] = next.subarray(length)
      else this.#waiting.shift()
      next = this.#waiting[0]
    }
    // Mostly as late as a wire may say it, when nothing is left; sometimes for what was taken so far.
    if (this.#waiting.length > 0 && !this.#dice.chance(4)) return
    const mostLeft = this.#waiting.length > 0 ? Infinity : 0
    this.#events.after(0, () => this.#saysDrained(mostLeft))
  }

  #saysDrained(mostLeft: number): void {
    if (this.#waitingBytes > mostLeft || this.#isDestroyed) return
    const peak = this.#pendingPeak
    this.#pendingPeak = 0
    if (peak >= (this.#habits.drainBytesMin ?? 0)) this.#broker?.drained()
  }

  #endIfDone(): void {
    if (!this.#isEnding || this.#waitingBytes > 0 || this.#takenBytes > 0) return
    this.#closeClient(0)
    this.#closeBroker(this.#delay(), null)
  }

  #lose(): void {
    for (const chunk of this.#under) chunk.isLost = true
  }

  /** A chunk is lost, and with it all that follows in its direction. */
  #loseFrom(first: Chunk): void {
    let isLost = false
    for (const chunk of this.#under) {
      if (chunk === first) isLost = true
      if (isLost) chunk.isLost = true
    }
  }

  #closeClient(delayMs: number): void {
    const { now } = this.#events
    // What is still on its way comes first.
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
    return this.#dice.below(this.#habits.latencyMs + 1)
  }
}

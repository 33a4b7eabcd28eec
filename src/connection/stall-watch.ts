// Notices a client that has stopped reading: bytes wait for its socket, and the system takes none of them.

import type { Deadline, Deadlines } from '../broker/deadlines.ts'

/** How often progress is looked for within the time limit. Pauses of the whole process are then no pauses of the client. */
const LOOKS = 3
/** The most that the system keeps for one socket: Linux's default. It takes more only when up to half of that was read. */
const SYSTEM_BYTES_MAX = 4_194_304
/** How many times the limit a client has besides, to read as much as that. */
const TIMES_FOR_SYSTEM = 3

/** The part of a wire that shows whether its client reads. */
interface ReadWire {
  readonly pendingBytes: number
  readonly untakenBytes: number
}

export class StallWatch implements Deadline {
  place: Deadline['place'] = undefined
  readonly #wire: ReadWire
  readonly #deadlines: Deadlines
  readonly #stallMs: number
  readonly #stalled: () => void
  /** The bytes that were written to the wire since it was opened. */
  #writtenBytes = 0
  /** How often nothing had been taken since the look before. */
  #inVain = 0
  #untaken = 0

  /** `stalled` is called when the client has read nothing for `stallMs`. */
  constructor(wire: ReadWire, deadlines: Deadlines, stallMs: number, stalled: () => void) {
    this.#wire = wire
    this.#deadlines = deadlines
    this.#stallMs = stallMs
    this.#stalled = stalled
  }

  /** Bytes were written that the system has not taken; so many since the wire was opened. */
  waits(now: number, writtenBytes: number): void {
    this.#writtenBytes = writtenBytes
    if (this.place !== undefined) return
    this.#inVain = 0
    this.#untaken = this.#wire.untakenBytes
    this.#deadlines.set(this, now + this.#stallMs / LOOKS)
  }

  /** The system has taken bytes. */
  progresses(): void {
    this.#inVain = -1
  }

  expired(now: number): void {
    if (this.#wire.pendingBytes === 0) return
    const untaken = this.#wire.untakenBytes
    this.#inVain = untaken < this.#untaken ? 0 : this.#inVain + 1
    this.#untaken = untaken
    if (this.#inVain >= this.#looksMax()) this.#stalled()
    else this.#deadlines.set(this, now + this.#stallMs / LOOKS)
  }

  /** A slow client reads for long what the system has taken, and nothing shows that. */
  #looksMax(): number {
    const part = Math.min(1, this.#writtenBytes / SYSTEM_BYTES_MAX)
    return LOOKS * (1 + TIMES_FOR_SYSTEM * part)
  }

  end(): void {
    this.#deadlines.clear(this)
  }
}

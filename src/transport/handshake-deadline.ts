// A deadline for a client that is checked only after its bytes were read, in case the process was suspended.

import { LATE_MS_MIN } from '../connection/time-limits.ts'

export class HandshakeDeadline {
  readonly #milliseconds: number
  readonly #expired: () => void
  #timer: NodeJS.Timeout | null = null
  #look: NodeJS.Immediate | null = null
  #startedAt = 0

  constructor(milliseconds: number, expired: () => void) {
    this.#milliseconds = milliseconds
    this.#expired = expired
    this.#start()
  }

  /** The time that has passed, without that in which the process was suspended. */
  get spentMs(): number {
    return performance.now() - this.#startedAt
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#look !== null) clearImmediate(this.#look)
    this.#timer = null
    this.#look = null
  }

  #start(): void {
    this.#startedAt = performance.now()
    const due = this.#startedAt + this.#milliseconds
    this.#timer = setTimeout(() => this.#due(performance.now() - due), this.#milliseconds)
  }

  /** Timers run before sockets are read, so the deadline is checked again after a whole iteration of the event loop. */
  #due(lateMs: number): void {
    this.#timer = null
    if (lateMs > LATE_MS_MIN) {
      // A handshake takes several exchanges, which were not possible while the process was suspended.
      this.#start()
      return
    }
    this.#look = setImmediate(() => {
      this.#look = setImmediate(() => {
        this.#look = null
        this.#expired()
      })
    })
  }
}

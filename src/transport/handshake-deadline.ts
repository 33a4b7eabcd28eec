// A deadline for a client that is judged only after what it has sent was read: our own absence is not its silence.

import { LATE_MS_MIN } from '../connection/time-limits.ts'

export class HandshakeDeadline {
  readonly #milliseconds: number
  readonly #expired: () => void
  #timer: NodeJS.Timeout | null = null
  #look: NodeJS.Immediate | null = null

  constructor(milliseconds: number, expired: () => void) {
    this.#milliseconds = milliseconds
    this.#expired = expired
    this.#start()
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#look !== null) clearImmediate(this.#look)
    this.#timer = null
    this.#look = null
  }

  #start(): void {
    const due = performance.now() + this.#milliseconds
    this.#timer = setTimeout(() => this.#due(performance.now() - due), this.#milliseconds)
  }

  /** Timers come before the sockets are read: it is looked at again when a whole iteration of the event loop has read them. */
  #due(lateMs: number): void {
    this.#timer = null
    if (lateMs > LATE_MS_MIN) {
      // What comes before MQTT takes several exchanges: nobody could make one while we were away.
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

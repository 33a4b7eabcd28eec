// The connections of a listener whose CONNECT was not read yet, in the order in which they were accepted. Where there is no
// room for another one, the oldest is closed for it: whoever has said CONNECT never is.

import type { Socket } from 'node:net'
import type { Arrived } from './wire.ts'

interface Stranger {
  /** Milliseconds of a clock that never goes back. */
  readonly since: number
  /** Null while its PROXY header, TLS or WebSocket is not through. */
  arrived: Arrived | null
}

/** How many of the oldest are looked at as one is added: so few stay that have said CONNECT. */
const LOOKS = 2

export class Strangers {
  readonly #all = new Map<Socket, Stranger>()

  add(socket: Socket): void {
    for (let looks = 0; looks < LOOKS; looks++) {
      const [oldest] = this.#all
      if (oldest?.[1].arrived?.hasConnect !== true) break
      this.#all.delete(oldest[0])
    }
    this.#all.set(socket, { since: performance.now(), arrived: null })
  }

  arrives(socket: Socket, arrived: Arrived | null): void {
    const stranger = this.#all.get(socket)
    if (stranger !== undefined) stranger.arrived = arrived
  }

  remove(socket: Socket): void {
    this.#all.delete(socket)
  }

  /** Since when the oldest is here, or null. */
  get oldestSince(): number | null {
    const oldest = this.#oldest()
    return oldest === null ? null : (this.#all.get(oldest)?.since ?? null)
  }

  /** Takes the oldest out, or null. */
  takeOldest(): Socket | null {
    const oldest = this.#oldest()
    if (oldest !== null) this.#all.delete(oldest)
    return oldest
  }

  #oldest(): Socket | null {
    for (const [socket, { arrived }] of this.#all) {
      if (arrived?.hasConnect !== true) return socket
      this.#all.delete(socket)
    }
    return null
  }
}

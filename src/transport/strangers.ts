// The strangers of a listener: connections whose CONNECT was not read yet, in the order in which they were accepted. If there is
// no room for another connection, the oldest stranger is closed. A client that has sent CONNECT is never closed for that.

import type { Socket } from 'node:net'
import type { Arrived } from './wire.ts'

interface Stranger {
  /** When it was accepted, in milliseconds of a clock that never goes back. */
  readonly since: number
  /** Null before PROXY header, TLS and WebSocket are done. */
  arrived: Arrived | null
}

/** How many of the oldest are checked when one is added, so that few entries stay that have sent CONNECT. */
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

  /** When the oldest was accepted, or null. */
  get oldestSince(): number | null {
    const oldest = this.#oldest()
    return oldest === null ? null : (this.#all.get(oldest)?.since ?? null)
  }

  /** Removes and returns the oldest, or null. */
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

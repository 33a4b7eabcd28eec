// The requests that a client of HTTP sends before it has the answer to the first: each has its own turn of the event loop, so that
// a few bytes do not hold the broker for as long as all their answers take.

import type { Duplex } from 'node:stream'

/** Browsers and monitors send no request before they have the answer. */
export const REQUESTS_WAITING_MAX = 16

export class RequestsInTurn {
  /** What waits, of each connection with an answer that is not finished. */
  readonly #waiting = new WeakMap<Duplex, (() => void)[]>()

  /** Returns false if too many wait. `act` is called once, and not for a connection that was closed. */
  take(socket: Duplex, act: () => void): boolean {
    const waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      this.#waiting.set(socket, [])
      act()
      return true
    }
    if (waiting.length >= REQUESTS_WAITING_MAX) return false
    waiting.push(act)
    return true
  }

  /** The answer to the request that was acted on is finished. */
  answered(socket: Duplex): void {
    const next = this.#waiting.get(socket)?.shift()
    if (next === undefined) this.#waiting.delete(socket)
    else {
      setImmediate(() => {
        if (!socket.destroyed) next()
      })
    }
  }
}

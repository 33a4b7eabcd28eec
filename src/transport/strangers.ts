// The strangers of a listener: connections whose CONNECT was not read yet, in the order in which they were accepted. If there is
// no room for another connection, the oldest stranger is closed. A client that has sent CONNECT is never closed for that.

import type { Socket } from 'node:net'
import type { Place } from './stranger-places.ts'

/** What a connection has until its CONNECT was read. */
export interface Stranger {
  /** When it was accepted, in milliseconds of a clock that never goes back. */
  readonly since: number
  readonly bytes: number
  place: Place | null
}

export class Strangers {
  readonly #all = new Map<Socket, Stranger>()

  add(socket: Socket, stranger: Stranger): void {
    this.#all.set(socket, stranger)
  }

  /** Removes it: its CONNECT was read, or it was closed. Returns null if that has happened before. */
  remove(socket: Socket): Stranger | null {
    const stranger = this.#all.get(socket) ?? null
    this.#all.delete(socket)
    return stranger
  }

  /** When the oldest was accepted, or null. */
  get oldestSince(): number | null {
    const [oldest] = this.#all.values()
    return oldest?.since ?? null
  }

  /** The oldest, or null. */
  get oldest(): Socket | null {
    const [oldest] = this.#all.keys()
    return oldest ?? null
  }
}

// The bytes in the queues of all sessions of one user. They are counted only where the configuration has a bound for them.

/** All queues of one user. */
export interface UserQueues {
  queuedBytes: number
}

/** The part that the queue of one session has in those of its user. */
export class QueueShare {
  readonly #bytesMax: number
  /** Null for a session that belongs to nobody: it has no bound. */
  #all: UserQueues | null
  #bytes = 0

  constructor(all: UserQueues | null, bytesMax: number) {
    this.#all = all
    this.#bytesMax = bytesMax
  }

  /** Sets the bytes that the queue has now. */
  set(bytes: number): void {
    if (this.#all !== null) this.#all.queuedBytes += bytes - this.#bytes
    this.#bytes = bytes
  }

  hasRoomFor(bytes: number): boolean {
    return this.#all === null || this.#all.queuedBytes + bytes <= this.#bytesMax
  }

  /** The session has another user, or its user another address. */
  moveTo(all: UserQueues | null): void {
    const bytes = this.#bytes
    this.set(0)
    this.#all = all
    this.set(bytes)
  }
}

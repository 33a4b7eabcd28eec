// The memory of all connections together whose clients are not authenticated yet. It is small, and separate from what clients
// have: whoever is no client must not take it from them.

/** Why a connection that found no room is closed. */
export const STRANGERS_FULL = 'strangers have all memory for them (limits.strangerBytesMax)'

export class StrangerBudget {
  readonly #bytesMax: number
  bytes = 0
  /** How often something found no room. */
  refusals = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Whether there is room for bytes; counts when there is none. */
  findsRoomFor(bytes: number): boolean {
    if (this.bytes + bytes <= this.#bytesMax) return true
    this.refusals += 1
    return false
  }

  /** Takes bytes, or returns false when there is no room. */
  take(bytes: number): boolean {
    if (!this.findsRoomFor(bytes)) return false
    this.bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.bytes -= bytes
  }
}

/** The part of one connection, until its client is let in. */
export class StrangerShare {
  readonly #budget: StrangerBudget
  #connectRead: (() => void) | null
  #bytes = 0

  /** `connectRead` is called once, when CONNECT was read. */
  constructor(budget: StrangerBudget, connectRead: () => void) {
    this.#budget = budget
    this.#connectRead = connectRead
  }

  hasConnect(): void {
    this.#connectRead?.()
    this.#connectRead = null
  }

  /** Sets the bytes that the connection needs now. Returns false, and changes nothing, when there is no room for more. */
  set(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (more > 0 && !this.#budget.take(more)) return false
    if (more < 0) this.#budget.give(-more)
    this.#bytes = bytes
    return true
  }
}

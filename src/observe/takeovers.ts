// Detects connections that repeatedly take over each other's session: most often two devices have the same client id.

/** This many takeovers in a row, each within a minute of the one before, are not a client that reconnects. */
const TAKEOVERS_MIN = 3
const PAUSE_MS_MAX = 60_000
/** The most client ids that are kept. */
const CLIENTS_MAX = 1_000

interface Row {
  count: number
  at: number
  /** The address of the connection that was ended last. */
  address: string
}

export class Takeovers {
  readonly #now: () => number
  /** Client ids, least recently taken over first. */
  readonly #rows = new Map<string, Row>()

  constructor(now: () => number) {
    this.#now = now
  }

  takenOver(clientId: string, address: string): void {
    const at = this.#now()
    const row = this.#rows.get(clientId)
    const isInRow = row !== undefined && at - row.at <= PAUSE_MS_MAX
    this.#rows.delete(clientId)
    this.#rows.set(clientId, { count: isInRow ? row.count + 1 : 1, at, address })
    if (this.#rows.size <= CLIENTS_MAX) return
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest)
      return
    }
  }

  /** Returns both addresses, once per row of takeovers; null otherwise. */
  connected(clientId: string, address: string): readonly [string, string] | null {
    if (this.#rows.size === 0) return null
    const row = this.#rows.get(clientId)
    if (row?.count !== TAKEOVERS_MIN) return null
    // A later connection that took over nothing must not report it again.
    row.count += 1
    return [row.address, address]
  }
}

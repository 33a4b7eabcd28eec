// Connections that end one another under one client id: most often two devices that were given the same.

/** So many in a row, each within a minute of the one before, are no client that has come back. */
const TAKEOVERS_MIN = 3
const PAUSE_MS_MAX = 60_000
/** Client ids that are remembered. */
const CLIENTS_MAX = 1_000

interface Row {
  count: number
  at: number
  /** Where the connection came from that was ended last. */
  address: string
}

export class Takeovers {
  readonly #now: () => number
  /** Those that were taken over longest ago come first. */
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

  /** The addresses of both, once in a row of takeovers; null otherwise. */
  connected(clientId: string, address: string): readonly [string, string] | null {
    if (this.#rows.size === 0) return null
    const row = this.#rows.get(clientId)
    if (row?.count !== TAKEOVERS_MIN) return null
    // A later connection that took over nothing must not report it again.
    row.count += 1
    return [row.address, address]
  }
}

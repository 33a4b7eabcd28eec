// Client ids that an administrator refuses for a time.

import { BoundedMap } from '../access/bounded-map.ts'

/** A new one beyond takes the place of the oldest. */
const BANS_MAX = 10_000

export class Bans {
  /** How many CONNECT packets were refused. */
  refused = 0
  /** The times, in milliseconds of the broker's clock, at which they end. */
  readonly #ends = new BoundedMap<string, number>(BANS_MAX)

  get count(): number {
    return this.#ends.size
  }

  /** How many ended early, because there were too many. */
  get dropped(): number {
    return this.#ends.dropped
  }

  /** Those that have not ended. */
  *all(now: number): Iterable<{ readonly clientId: string; readonly until: number }> {
    for (const [clientId, until] of this.#ends.entries()) if (until > now) yield { clientId, until }
  }

  refuse(clientId: string, until: number): void {
    this.#ends.set(clientId, until)
  }

  /** Returns false when there was none. */
  end(clientId: string): boolean {
    return this.#ends.delete(clientId)
  }

  /** Returns why the client is refused, or null, and counts it. */
  refusalOf(clientId: string, now: number): string | null {
    const until = this.#ends.get(clientId)
    if (until === undefined) return null
    if (until <= now) {
      this.#ends.delete(clientId)
      return null
    }
    this.refused += 1
    return `an administrator refuses this client id for ${Math.ceil((until - now) / 1_000)} s more`
  }
}

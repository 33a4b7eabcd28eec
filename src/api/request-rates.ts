// How often somebody may ask: a bucket for each sign-in and key, and few wrong keys of an address.

import { networkOf } from '../access/addresses.ts'
import { BoundedMap } from '../access/bounded-map.ts'

const CALLERS_MAX = 10_000
const REQUESTS_PER_SECOND = 20
/** A page asks for several things at once when it opens. */
const BURST = 60
const WRONG_KEYS_PER_MINUTE = 5
const MINUTE_MS = 60_000

export class RequestRates {
  /** How often each bound was reached. */
  readonly reached = { requestsPerSecondMax: 0, wrongKeysPerMinuteMax: 0 }
  readonly #now: () => number
  readonly #buckets = new BoundedMap<string, { left: number; at: number }>(CALLERS_MAX)
  readonly #wrong = new BoundedMap<string, { count: number; since: number }>(CALLERS_MAX)

  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts a request. Returns false if there were too many. */
  takes(name: string): boolean {
    const now = this.#now()
    const bucket = this.#buckets.get(name) ?? { left: BURST, at: now }
    const gained = ((now - bucket.at) * REQUESTS_PER_SECOND) / 1_000
    const left = Math.min(BURST, bucket.left + Math.max(0, gained))
    const isAllowed = left >= 1
    this.#buckets.set(name, { left: isAllowed ? left - 1 : left, at: now })
    if (!isAllowed) this.reached.requestsPerSecondMax += 1
    return isAllowed
  }

  /** Whether keys of this address are looked at. */
  mayTry(address: string): boolean {
    const entry = this.#wrong.get(networkOf(address))
    const isAllowed =
      entry === undefined ||
      this.#now() - entry.since > MINUTE_MS ||
      entry.count < WRONG_KEYS_PER_MINUTE
    if (!isAllowed) this.reached.wrongKeysPerMinuteMax += 1
    return isAllowed
  }

  wrongKey(address: string): void {
    const network = networkOf(address)
    const now = this.#now()
    const known = this.#wrong.get(network)
    const isOld = known === undefined || now - known.since > MINUTE_MS
    this.#wrong.set(
      network,
      isOld ? { count: 1, since: now } : { ...known, count: known.count + 1 },
    )
  }
}

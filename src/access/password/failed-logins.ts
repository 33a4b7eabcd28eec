// Counts failed logins, and delays the next attempt. It counts for a user at an address and for a whole address, but never for
// a user everywhere, so nobody can lock a user out from another address.

import { createHash } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'

/** The most entries that are kept. */
const FAILED_LOGINS_MAX = 10_000

interface Slowing {
  /** This many failures cause no delay, because people mistype. */
  readonly freeFailures: number
  readonly firstDelayMs: number
  readonly delayMsMax: number
}

const USER_SLOWING: Slowing = { freeFailures: 3, firstDelayMs: 250, delayMsMax: 2_000 }
const ADDRESS_SLOWING: Slowing = { freeFailures: 20, firstDelayMs: 50, delayMsMax: 1_000 }
/** After so long without a failure there are none. */
const FORGOTTEN_AFTER_MS = 600_000

interface Failures {
  count: number
  last: number
}

export class FailedLogins {
  /** By address, and by user and address. The one that failed longest ago is dropped first. */
  readonly #failures: BoundedMap<string, Failures>
  failed = 0

  constructor(max: number = FAILED_LOGINS_MAX) {
    this.#failures = new BoundedMap(max)
  }

  /** How many entries were dropped because there were too many. */
  get forgotten(): number {
    return this.#failures.dropped
  }

  get size(): number {
    return this.#failures.size
  }

  /** Returns the milliseconds from `now` until the next attempt. */
  delayBefore(username: string, network: string, now: number): number {
    const byUser = this.#delay(userKey(username, network), USER_SLOWING, now)
    return Math.max(byUser, this.#delay(network, ADDRESS_SLOWING, now))
  }

  fail(username: string, network: string, now: number): void {
    this.failed++
    this.#count(userKey(username, network), now)
    this.#count(network, now)
  }

  /** Clears the failures of this user at the address. Those of the whole address stay, because others there may be guessing. */
  succeed(username: string, network: string): void {
    this.#failures.delete(userKey(username, network))
  }

  #delay(key: string, slowing: Slowing, now: number): number {
    const failures = this.#failures.get(key)
    if (failures === undefined || now - failures.last > FORGOTTEN_AFTER_MS) return 0
    const beyond = failures.count - slowing.freeFailures
    if (beyond < 0) return 0
    const delay = Math.min(slowing.firstDelayMs * 2 ** Math.min(beyond, 20), slowing.delayMsMax)
    return Math.max(0, failures.last + delay - now)
  }

  #count(key: string, now: number): void {
    const known = this.#failures.get(key)
    const isOld = known === undefined || now - known.last > FORGOTTEN_AFTER_MS
    this.#failures.set(key, { count: isOld ? 1 : known.count + 1, last: now })
  }
}

/** Of one length for every name: strangers choose names, and may choose long ones to fill the memory. */
function userKey(username: string, network: string): string {
  return `${network}\0${createHash('sha256').update(username).digest('base64')}`
}

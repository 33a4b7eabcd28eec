// How fast all clients of one user may send, or be sent to, together: they share its buckets. A client without a user shares those
// of its address. Nothing is kept where the configuration has no such rate.

import type { Identity } from '../access/identity.ts'
import { OF_NOBODY, ownerOf } from '../broker/holdings.ts'
import { RATE_BURST_SECONDS, TokenBucket } from './token-bucket.ts'

/** How many users are looked at when one connects. Two at a time keep few users without a connection. */
const LOOKS = 2

/** The rates of one user in one direction. */
export class UserRate {
  readonly messages: TokenBucket | null
  readonly bytes: TokenBucket | null
  /** How many connections share it. */
  connections = 0

  constructor(messages: TokenBucket | null, bytes: TokenBucket | null) {
    this.messages = messages
    this.bytes = bytes
  }

  /** Returns the milliseconds until its debts are paid. */
  debtMs(now: number): number {
    return Math.max(this.messages?.charge(0, now) ?? 0, this.bytes?.charge(0, now) ?? 0)
  }
}

/** What the users may send or be sent a second; 0 for no bound. */
interface PerSecond {
  readonly messages: number
  readonly bytes: number
}

/** The rates of all users in one direction. */
export class UserRates {
  readonly #perSecond: PerSecond
  /** In the order in which they were last looked at. */
  readonly #users = new Map<string, UserRate>()

  constructor(perSecond: PerSecond) {
    this.#perSecond = perSecond
  }

  get count(): number {
    return this.#users.size
  }

  /** Returns the rate of the user, with one more connection; null where there is no bound. */
  join(identity: Identity, now: number): UserRate | null {
    const owner = ownerOf(identity)
    const { messages, bytes } = this.#perSecond
    if ((messages === 0 && bytes === 0) || owner === OF_NOBODY) return null
    this.#forgetIdle(now)
    const rate = this.#users.get(owner) ?? this.#made(now)
    this.#users.set(owner, rate)
    rate.connections += 1
    return rate
  }

  /** Users without a connection are kept while they have a debt, so that a new connection does not clear it. */
  #forgetIdle(now: number): void {
    for (let looks = 0; looks < LOOKS; looks++) {
      const [oldest] = this.#users
      if (oldest === undefined) return
      const [owner, rate] = oldest
      this.#users.delete(owner)
      if (rate.connections > 0 || rate.debtMs(now) > 0) this.#users.set(owner, rate)
    }
  }

  #made(now: number): UserRate {
    const { messages, bytes } = this.#perSecond
    return new UserRate(
      TokenBucket.of(messages, RATE_BURST_SECONDS, now),
      TokenBucket.of(bytes, RATE_BURST_SECONDS, now),
    )
  }
}

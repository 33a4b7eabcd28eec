// The connections of the process by address: how many are open, and how fast they come. It has no sockets: whoever opens and
// closes a connection tells it here, so that sockets in other threads can share the count.

import { networkOf } from '../access/addresses.ts'
import { TokenBucket } from '../connection/token-bucket.ts'
import type { Limits } from '../limits.ts'

type ConnectionBounds = Pick<
  Limits,
  'connectionsPerAddressMax' | 'connectionsPerSecondMax' | 'connectionsPerSecondPerAddressMax'
>

/** What is to be done with a new connection. */
type Opening =
  | { readonly kind: 'counted' }
  /** It is counted, and its CONNECT is refused with the sentence. */
  | { readonly kind: 'too-fast'; readonly sentence: string }
  /** It is not counted, and is to be closed at once. */
  | { readonly kind: 'refused'; readonly sentence: string }

/** How many seconds of a rate may come at once, as after a loss of power. */
const BURST_SECONDS = 5
/** How many addresses are looked at when one is added, so that few stay that nothing comes from. */
const LOOKS = 2
/** One in so many may be refused with a reason, which costs a place until its CONNECT is read. */
const TOLD_PART = 20
const ADDRESSES_MAX = 65_536

class Address {
  open = 0
  readonly rate: TokenBucket | null

  constructor(rate: TokenBucket | null) {
    this.rate = rate
  }
}

const COUNTED: Opening = { kind: 'counted' }

export class ConnectionCounts {
  /** How often a connection was refused for each bound. */
  readonly reached: Record<keyof ConnectionBounds | 'connectionsMax', number> = {
    connectionsMax: 0,
    connectionsPerAddressMax: 0,
    connectionsPerSecondMax: 0,
    connectionsPerSecondPerAddressMax: 0,
  }
  readonly #bounds: ConnectionBounds
  readonly #now: () => number
  readonly #rate: TokenBucket | null
  /** What may be refused with a reason; connections beyond are closed unread. */
  readonly #told: TokenBucket | null
  /** In the order in which they were last looked at. */
  readonly #addresses = new Map<string, Address>()

  /** The clock returns milliseconds and never goes back. */
  constructor(bounds: ConnectionBounds, now: () => number) {
    this.#bounds = bounds
    this.#now = now
    this.#rate = this.#bucket(bounds.connectionsPerSecondMax)
    this.#told = this.#bucket(Math.ceil(bounds.connectionsPerSecondMax / TOLD_PART))
  }

  /** How many addresses are known. */
  get addresses(): number {
    return this.#addresses.size
  }

  /** A connection was accepted. An empty address is that of a Unix socket, and has no bounds of its own. */
  open(address: string): Opening {
    const { connectionsPerAddressMax } = this.#bounds
    const entry = address === '' ? null : this.#addressOf(address)
    if (entry !== null && entry.open >= connectionsPerAddressMax) {
      this.reached.connectionsPerAddressMax += 1
      const sentence = `${connectionsPerAddressMax} connections from its address are open (limits.connectionsPerAddressMax)`
      return { kind: 'refused', sentence }
    }
    const now = this.#now()
    const limit =
      entry?.rate?.takeOne(now) === false
        ? 'connectionsPerSecondPerAddressMax'
        : this.#rate?.takeOne(now) === false
          ? 'connectionsPerSecondMax'
          : null
    if (limit !== null) return this.#tooFast(entry, limit, now)
    if (entry !== null) entry.open += 1
    return COUNTED
  }

  /** A connection was closed at once, because there are as many as there may be. */
  noRoom(): void {
    this.reached.connectionsMax += 1
  }

  /** A counted connection was closed. */
  close(address: string): void {
    const entry = this.#addresses.get(networkOf(address))
    if (entry !== undefined && entry.open > 0) entry.open -= 1
  }

  #tooFast(
    entry: Address | null,
    limit: 'connectionsPerSecondPerAddressMax' | 'connectionsPerSecondMax',
    now: number,
  ): Opening {
    this.reached[limit] += 1
    const whose = limit === 'connectionsPerSecondMax' ? '' : ' from its address'
    const sentence = `more than ${this.#bounds[limit]} connections a second${whose} (limits.${limit})`
    if (this.#told?.takeOne(now) === false) return { kind: 'refused', sentence }
    if (entry !== null) entry.open += 1
    return { kind: 'too-fast', sentence }
  }

  #addressOf(address: string): Address {
    const key = networkOf(address)
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    this.#forget()
    const made = new Address(this.#bucket(this.#bounds.connectionsPerSecondPerAddressMax))
    this.#addresses.set(key, made)
    return made
  }

  /** Looks at the addresses that were not looked at for longest. */
  #forget(): void {
    const now = this.#now()
    for (let looks = 0; looks < LOOKS; looks++) {
      const [oldest] = this.#addresses
      if (oldest === undefined) return
      const [key, entry] = oldest
      this.#addresses.delete(key)
      const isIdle = entry.open === 0 && (entry.rate === null || entry.rate.isFull(now))
      const isTooMany = entry.open === 0 && this.#addresses.size >= ADDRESSES_MAX
      if (!isIdle && !isTooMany) this.#addresses.set(key, entry)
    }
  }

  #bucket(perSecond: number): TokenBucket | null {
    return TokenBucket.of(perSecond, BURST_SECONDS, this.#now())
  }
}

// Each address has a few places for strangers: connections before CONNECT. Its other connections wait in order, and are not read
// meanwhile. So devices behind one router that come at once all get in. While others wait, a stranger that has sent nothing loses
// its place after a second, and one that has not finished its CONNECT after three.

import { networkOf } from '../access/addresses.ts'

const SILENT_MS = 1_000
const UNFINISHED_MS = 3_000
const REVIEW_MS = 250
/** A review that comes later than this is put off once: after a pause of the process all sockets are read before one is closed. */
const LATE_MS = 500

/** A connection before CONNECT. */
interface Stranger {
  /** There is a place: it may be read. */
  goOn(): void
  /** Others wait, and it has had its place long enough: it must be closed. */
  giveWay(): void
  /** Whether bytes have come from it. */
  readonly hasSpoken: boolean
}

/** The place of one connection, or its place in the line. */
export interface Place {
  /** The connection has sent CONNECT, or was closed. It may be called again. */
  leave(): void
}

interface Address {
  /** Those that have a place, with the time since when, the oldest first. */
  readonly holders: Map<Stranger, number>
  readonly waiting: Set<Stranger>
}

export interface PlacesClock {
  /** Milliseconds, from a clock that never goes back. */
  now(): number
  /** Calls once, after this time. It does not keep the process running. */
  after(milliseconds: number, act: () => void): void
}

const MACHINE_CLOCK: PlacesClock = {
  now: () => performance.now(),
  after: (milliseconds, act) => void setTimeout(act, milliseconds).unref(),
}

const OF_NO_ADDRESS: Place = { leave: () => {} }

export class StrangerPlaces {
  /** How often a connection had to wait. */
  waits = 0
  readonly #max: number
  readonly #clock: PlacesClock
  readonly #addresses = new Map<string, Address>()
  /** The addresses at which connections wait. */
  readonly #full = new Set<Address>()
  #isReviewDue = false

  /** The places of an address; 0 for no bound. */
  constructor(perAddressMax: number, clock: PlacesClock = MACHINE_CLOCK) {
    this.#max = perAddressMax
    this.#clock = clock
  }

  /** Lets the stranger go on when there is a place for it: at once, or later. */
  take(address: string, stranger: Stranger): Place {
    if (address === '' || this.#max === 0) {
      stranger.goOn()
      return OF_NO_ADDRESS
    }
    const key = networkOf(address)
    const entry = this.#addresses.get(key) ?? { holders: new Map(), waiting: new Set() }
    this.#addresses.set(key, entry)
    if (entry.holders.size < this.#max) this.#admit(entry, stranger)
    else this.#wait(entry, stranger)
    return { leave: () => this.#leave(key, entry, stranger) }
  }

  #admit(entry: Address, stranger: Stranger): void {
    entry.holders.set(stranger, this.#clock.now())
    stranger.goOn()
  }

  #wait(entry: Address, stranger: Stranger): void {
    this.waits += 1
    entry.waiting.add(stranger)
    this.#full.add(entry)
    this.#reviewLater()
  }

  #leave(key: string, entry: Address, stranger: Stranger): void {
    entry.waiting.delete(stranger)
    if (entry.holders.delete(stranger)) {
      const [next] = entry.waiting
      if (next !== undefined) {
        entry.waiting.delete(next)
        this.#admit(entry, next)
      } else if (entry.holders.size === 0) {
        this.#addresses.delete(key)
      }
    }
    if (entry.waiting.size === 0) this.#full.delete(entry)
  }

  #reviewLater(mayPutOff = true): void {
    if (this.#isReviewDue) return
    this.#isReviewDue = true
    const due = this.#clock.now() + REVIEW_MS
    this.#clock.after(REVIEW_MS, () => {
      this.#isReviewDue = false
      const isPutOff = mayPutOff && this.#clock.now() > due + LATE_MS
      if (!isPutOff) for (const entry of this.#full) this.#review(entry)
      if (this.#full.size > 0) this.#reviewLater(!isPutOff)
    })
  }

  /** Closes at most as many strangers as there are connections that wait. */
  #review({ holders, waiting }: Address): void {
    const now = this.#clock.now()
    let wanted = waiting.size
    for (const [stranger, since] of holders) {
      const heldMs = now - since
      if (wanted === 0 || heldMs < SILENT_MS) return
      if (stranger.hasSpoken && heldMs < UNFINISHED_MS) continue
      wanted -= 1
      stranger.giveWay()
    }
  }
}

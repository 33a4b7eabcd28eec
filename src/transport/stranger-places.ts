// Each address has a few places for connections before CONNECT. The others wait in order, and are not read meanwhile: devices
// behind one router that come at once all get in. While others wait, whoever says nothing loses its place after a second, and
// whoever has not finished its CONNECT after three.

import { networkOf } from '../access/addresses.ts'

const SILENT_MS = 1_000
const UNFINISHED_MS = 3_000
const REVIEW_MS = 250
/** A review that comes later than this is put off once: after a pause of the process sockets are read before anybody is judged. */
const LATE_MS = 500

/** A connection before CONNECT. */
interface Visitor {
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
  readonly holders: Map<Visitor, number>
  readonly waiting: Set<Visitor>
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
  /** The addresses at which somebody waits. */
  readonly #crowded = new Set<Address>()
  #isReviewDue = false

  /** The places of an address; 0 for no bound. */
  constructor(perAddressMax: number, clock: PlacesClock = MACHINE_CLOCK) {
    this.#max = perAddressMax
    this.#clock = clock
  }

  /** Lets the visitor go on when there is a place: at once, or later. */
  take(address: string, visitor: Visitor): Place {
    if (address === '' || this.#max === 0) {
      visitor.goOn()
      return OF_NO_ADDRESS
    }
    const key = networkOf(address)
    const entry = this.#addresses.get(key) ?? { holders: new Map(), waiting: new Set() }
    this.#addresses.set(key, entry)
    if (entry.holders.size < this.#max) this.#seat(entry, visitor)
    else this.#wait(entry, visitor)
    return { leave: () => this.#leave(key, entry, visitor) }
  }

  #seat(entry: Address, visitor: Visitor): void {
    entry.holders.set(visitor, this.#clock.now())
    visitor.goOn()
  }

  #wait(entry: Address, visitor: Visitor): void {
    this.waits += 1
    entry.waiting.add(visitor)
    this.#crowded.add(entry)
    this.#reviewLater()
  }

  #leave(key: string, entry: Address, visitor: Visitor): void {
    entry.waiting.delete(visitor)
    if (entry.holders.delete(visitor)) {
      const [next] = entry.waiting
      if (next !== undefined) {
        entry.waiting.delete(next)
        this.#seat(entry, next)
      } else if (entry.holders.size === 0) {
        this.#addresses.delete(key)
      }
    }
    if (entry.waiting.size === 0) this.#crowded.delete(entry)
  }

  #reviewLater(mayPutOff = true): void {
    if (this.#isReviewDue) return
    this.#isReviewDue = true
    const due = this.#clock.now() + REVIEW_MS
    this.#clock.after(REVIEW_MS, () => {
      this.#isReviewDue = false
      const isPutOff = mayPutOff && this.#clock.now() > due + LATE_MS
      if (!isPutOff) for (const entry of this.#crowded) this.#review(entry)
      if (this.#crowded.size > 0) this.#reviewLater(!isPutOff)
    })
  }

  /** As many give way as wait, at most. */
  #review({ holders, waiting }: Address): void {
    const now = this.#clock.now()
    let wanted = waiting.size
    for (const [visitor, since] of holders) {
      const heldMs = now - since
      if (wanted === 0 || heldMs < SILENT_MS) return
      if (visitor.hasSpoken && heldMs < UNFINISHED_MS) continue
      wanted -= 1
      visitor.giveWay()
    }
  }
}

// Each address has a few places for connections before CONNECT. The others wait in order, and are not read meanwhile: devices
// behind one router that come at once all get in, and whoever opens connections and says nothing holds few.

import { networkOf } from '../access/addresses.ts'

/** The place of one connection, or its place in the line. */
export interface Place {
  /** The connection has sent CONNECT, or was closed. It may be called again. */
  leave(): void
}

interface Address {
  readonly places: Set<Place>
  /** How the connections that wait go on, in order. */
  readonly waiting: Map<Place, () => void>
}

const OF_NO_ADDRESS: Place = { leave: () => {} }

export class StrangerPlaces {
  /** How often a connection had to wait. */
  waits = 0
  readonly #max: number
  readonly #addresses = new Map<string, Address>()

  /** The places of an address; 0 for no bound. */
  constructor(perAddressMax: number) {
    this.#max = perAddressMax
  }

  /** Calls `goOn` when there is a place: at once, or later. */
  take(address: string, goOn: () => void): Place {
    if (address === '' || this.#max === 0) {
      goOn()
      return OF_NO_ADDRESS
    }
    const key = networkOf(address)
    const entry = this.#addresses.get(key) ?? { places: new Set(), waiting: new Map() }
    this.#addresses.set(key, entry)
    const place: Place = { leave: () => this.#leave(key, entry, place) }
    if (entry.places.size >= this.#max) {
      this.waits += 1
      entry.waiting.set(place, goOn)
    } else {
      entry.places.add(place)
      goOn()
    }
    return place
  }

  #leave(key: string, entry: Address, place: Place): void {
    entry.waiting.delete(place)
    if (!entry.places.delete(place)) return
    const [next] = entry.waiting
    if (next !== undefined) {
      const [waiting, goOn] = next
      entry.waiting.delete(waiting)
      entry.places.add(waiting)
      goOn()
    } else if (entry.places.size === 0) {
      this.#addresses.delete(key)
    }
  }
}

// What each user holds: connections, sessions and subscriptions. A client that was not authenticated as a user counts for its
// address, or for its network of IPv6.

import type { Identity } from '../access/identity.ts'
import { networkOf } from '../access/addresses.ts'

interface Holding {
  connections: number
  sessions: number
  subscriptions: number
}

/** Clients of Unix sockets and of streams of a program have no address, and no bound. */
export const OF_NOBODY = ''

export class Holdings {
  readonly #holdings = new Map<string, Holding>()

  /** How many users and addresses hold something. */
  get count(): number {
    return this.#holdings.size
  }

  /** Returns what the owner of this identity holds; nothing for an owner without a bound. */
  of(identity: Identity): Readonly<Holding> {
    return this.#holdings.get(ownerOf(identity)) ?? NOTHING_HELD
  }

  /** Adds to what the owner holds; a negative number subtracts. */
  add(identity: Identity, kind: keyof Holding, count: number): void {
    const owner = ownerOf(identity)
    if (owner === OF_NOBODY || count === 0) return
    const holding = this.#holdings.get(owner) ?? { connections: 0, sessions: 0, subscriptions: 0 }
    holding[kind] += count
    const isEmpty = holding.connections + holding.sessions + holding.subscriptions === 0
    if (isEmpty) this.#holdings.delete(owner)
    else this.#holdings.set(owner, holding)
  }
}

const NOTHING_HELD: Holding = { connections: 0, sessions: 0, subscriptions: 0 }

/** Returns a key that no other user or address has. */
export function ownerOf({ username, authentication, address }: Omit<Identity, 'clientId'>): string {
  if (username !== null && authentication !== 'none') return `user ${username}`
  return address === '' ? OF_NOBODY : `address ${networkOf(address)}`
}

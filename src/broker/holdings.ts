// What each user holds: connections, sessions, subscriptions, retained messages, queued bytes, delayed messages, transactions and
// message ids. A client that was not authenticated as a user counts for its address, or for its network of IPv6.

import { realmOf } from '../access/realm.ts'
import type { Identity } from '../access/identity.ts'
import { networkOf } from '../access/addresses.ts'
import type { UserQueues } from '../session/user-queues.ts'

interface Holding {
  connections: number
  sessions: number
  subscriptions: number
  retainedMessages: number
  retainedBytes: number
  queuedBytes: number
  delayedMessages: number
  delayedBytes: number
  /** Of transactions that are open or prepared. */
  transactionBytes: number
  /** The names of transactions whose decisions are kept. */
  transactionNames: number
  messageIds: number
}

/** An identity without its client: also the author of a retained message. */
export type User = Omit<Identity, 'clientId'>

/** Clients of Unix sockets and of streams of a program have no address, and no bound. */
export const OF_NOBODY = ''

export class Holdings {
  readonly #holdings = new Map<string, Holding>()
  // What one client retains, stages or subscribes to comes in a row.
  #lastUser: User | null = null
  #lastOwner = OF_NOBODY
  #lastHolding: Holding | null = null

  /** How many users and addresses hold something. */
  get count(): number {
    return this.#holdings.size
  }

  /** Returns what the owner of this identity holds; nothing for an owner without a bound. */
  of(user: User): Readonly<Holding> {
    return this.#holdingOf(user) ?? NOTHING_HELD
  }

  /** Adds to what the owner holds; a negative number subtracts. */
  add(user: User, kind: keyof Holding, count: number): void {
    const known = this.#holdingOf(user)
    if (known !== null && count > 0) {
      known[kind] += count
      return
    }
    const owner = this.#lastOwner
    if (owner === OF_NOBODY || count === 0) return
    const holding = known ?? { ...NOTHING_HELD }
    holding[kind] += count
    const isKept = count > 0 || !isEmpty(holding)
    if (isKept === (known !== null)) return
    if (isKept) this.#holdings.set(owner, holding)
    else this.#holdings.delete(owner)
    this.#lastHolding = isKept ? holding : null
  }

  /** Returns the queues of the owner, who has a session; null for an owner without a bound. */
  queuesOf(user: User): UserQueues | null {
    return this.#holdingOf(user)
  }

  #holdingOf(user: User): Holding | null {
    if (user !== this.#lastUser) {
      const owner = ownerOf(user)
      this.#lastUser = user
      this.#lastOwner = owner
      this.#lastHolding = this.#holdings.get(owner) ?? null
    }
    return this.#lastHolding
  }
}

const NOTHING_HELD: Holding = {
  connections: 0,
  sessions: 0,
  subscriptions: 0,
  retainedMessages: 0,
  retainedBytes: 0,
  queuedBytes: 0,
  delayedMessages: 0,
  delayedBytes: 0,
  transactionBytes: 0,
  transactionNames: 0,
  messageIds: 0,
}

function isEmpty(holding: Holding): boolean {
  const { connections, sessions, subscriptions, retainedMessages } = holding
  const { delayedMessages, transactionBytes, transactionNames, messageIds } = holding
  const ofMessaging = delayedMessages + transactionBytes + transactionNames + messageIds
  return connections + sessions + subscriptions + retainedMessages + ofMessaging === 0
}

/** Returns a key that no other user or address has. */
export function ownerOf({ username, authentication, address }: User): string {
  if (username !== null && authentication !== 'none') {
    const realm = realmOf({ authentication })
    return realm === null ? `user ${username}` : `at ${JSON.stringify([realm, username])}`
  }
  return address === '' ? OF_NOBODY : `address ${networkOf(address)}`
}

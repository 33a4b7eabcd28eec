// Makes parts of a snapshot from the state of a store.

import type { Identity } from '../access/identity.ts'
import type { Will } from '../packet/packet.ts'
import type { StoredReplay, StoredSession } from './store.ts'

/** Returns the replays of a session. The store keeps a sequence for each filter. */
export function replaysIn(replays: ReadonlyMap<string, number>): readonly StoredReplay[] {
  return [...replays].map(([filter, sequenceMax]) => ({ filter, sequenceMax }))
}

/** Returns a client whose session is not durable, but whose will is stored. */
export function onlyWill(
  clientId: string,
  kept: { readonly will: Will; readonly at: number | null; readonly identity: Identity | null },
): StoredSession {
  return {
    clientId,
    identity: kept.identity,
    expiryIntervalSeconds: 0,
    expiresAt: null,
    will: kept.will,
    willAt: kept.at,
    subscriptions: [],
    replays: [],
    deliveries: [],
    remainder: { messages: 0, bytes: 0 },
    incoming: [],
  }
}

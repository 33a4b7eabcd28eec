// Parts of a snapshot, made of what a store keeps.

import type { Identity } from '../access/identity.ts'
import type { Will } from '../packet/packet.ts'
import type { StoredReplay, StoredSession } from './store.ts'

/** The replays of a session as the store keeps them: sequences by filter. */
export function replaysIn(replays: ReadonlyMap<string, number>): readonly StoredReplay[] {
  return [...replays].map(([filter, sequenceMax]) => ({ filter, sequenceMax }))
}

/** A client whose session was not to outlive its connection, but whose will was. */
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

// Parts of a snapshot, made of what a store keeps.

import type { WillEntry } from './ledger/ledger.ts'
import type { StoredReplay, StoredSession } from './store.ts'

/** The replays of a session as the store keeps them: sequences by filter. */
export function replaysIn(replays: ReadonlyMap<string, number>): readonly StoredReplay[] {
  return [...replays].map(([filter, sequenceMax]) => ({ filter, sequenceMax }))
}

/** A client whose session was not to outlive its connection, but whose will was. */
export function onlyWill(
  clientId: string,
  { will, at, identity }: Pick<WillEntry, 'will' | 'at' | 'identity'>,
): StoredSession {
  return {
    clientId,
    identity,
    expiryIntervalSeconds: 0,
    expiresAt: null,
    will,
    willAt: at,
    subscriptions: [],
    replays: [],
    deliveries: [],
    remainder: { messages: 0, bytes: 0 },
    incoming: [],
  }
}

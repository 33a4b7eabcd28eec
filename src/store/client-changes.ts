// What a change does to what a store keeps of one client, deliveries apart: the same in both state machines of stores.

import type { Will } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from './change.ts'

export interface ClientSession {
  readonly clientId: string
  expiryIntervalSeconds: number
  /** Milliseconds; null: the client is here. */
  expiresAt: number | null
  readonly subscriptions: Map<string, Subscription>
  /** The sequences up to which retained messages are owed, by filter. */
  readonly replays: Map<string, number>
  /** Packet identifiers of QoS 2 from the client that wait for PUBREL. */
  readonly incoming: Set<number>
}

export interface ClientWill {
  readonly will: Will
  /** Milliseconds; null: the connection still stands. */
  at: number | null
}

/** Changes that are about one client and no delivery. To open and to end a session touches deliveries as well. */
export type ClientChange = Extract<
  Change,
  {
    kind:
      | 'session-resumed'
      | 'session-left'
      | `will-${string}`
      | 'subscribed'
      | 'unsubscribed'
      | 'replay-begun'
      | 'replayed'
      | `incoming-${string}`
  }
>

/** Facts about a session or a will that is gone already are passed over. */
export function applyToClient(
  sessions: ReadonlyMap<string, ClientSession>,
  wills: Map<string, ClientWill>,
  change: ClientChange,
): void {
  const { clientId } = change
  switch (change.kind) {
    case 'will-set':
      wills.set(clientId, { will: change.will, at: null })
      return
    case 'will-cleared':
      wills.delete(clientId)
      return
    case 'will-delayed': {
      const kept = wills.get(clientId)
      if (kept !== undefined) kept.at = change.at
      return
    }
    default: {
      const session = sessions.get(clientId)
      if (session !== undefined) applyToSession(session, change)
    }
  }
}

function applyToSession(
  session: ClientSession,
  change: Exclude<ClientChange, { kind: `will-${string}` }>,
): void {
  switch (change.kind) {
    case 'session-resumed':
      session.expiryIntervalSeconds = change.expiryIntervalSeconds
      session.expiresAt = null
      return
    case 'session-left':
      session.expiresAt = change.expiresAt
      return
    case 'subscribed':
      session.subscriptions.set(change.subscription.filter, change.subscription)
      return
    case 'unsubscribed':
      session.subscriptions.delete(change.filter)
      session.replays.delete(change.filter)
      return
    case 'replay-begun':
      if (!session.subscriptions.has(change.filter)) return
      session.replays.delete(change.filter)
      session.replays.set(change.filter, change.sequenceMax)
      return
    case 'replayed':
      session.replays.delete(change.filter)
      return
    case 'incoming-opened':
      session.incoming.add(change.packetId)
      return
    case 'incoming-released':
      session.incoming.delete(change.packetId)
      return
  }
}

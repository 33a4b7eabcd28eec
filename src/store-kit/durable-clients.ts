// The state of clients without deliveries: a part of DurableState.

import type { Identity } from '../access/identity.ts'
import type { Will } from '../packet/packet.ts'
import type { Change, ChangeOf } from '../store/change.ts'
import type { StoredDecision, StoredMessageId } from '../store/store.ts'

export interface PlainSession {
  readonly clientId: string
  identity: Identity | null
  expiryIntervalSeconds: number
  /** Null while the client is connected. */
  expiresAt: number | null
  readonly subscriptions: Map<string, ChangeOf<'subscribed'>['subscription']>
  /** The replays that have not ended: the highest sequence by filter. */
  readonly replays: Map<string, number>
  readonly incoming: Set<number>
}

export interface PlainWill {
  readonly will: Will
  at: number | null
  identity: Identity | null
}

/** The changes of one client that are not about deliveries. */
type ClientChange = Exclude<
  Change,
  {
    kind:
      | 'message-stored'
      | 'queued'
      | 'sent'
      | 'returned'
      | 'received'
      | 'settled'
      | 'retained-set'
      | 'held'
      | 'released'
      | 'retained-cleared'
      | 'group-ended'
      | 'queue-set'
      | 'queue-ended'
      | 'moved'
      | 'locked'
      | 'unlocked'
      | 'partition-reached'
      | 'session-opened'
      | 'session-ended'
  }
>
type WillChange = Extract<
  Change,
  { kind: 'will-set' | 'will-cleared' | 'will-delayed' | 'identified' }
>
type MessageIdChange = Extract<Change, { kind: 'message-identified' | 'message-id-forgotten' }>
type DecisionChange = Extract<Change, { kind: 'decided' | 'decision-dropped' }>

export function applyToClient(
  sessions: ReadonlyMap<string, PlainSession>,
  wills: Map<string, PlainWill>,
  decisions: Map<string, StoredDecision>,
  messageIds: Map<string, StoredMessageId>,
  change: ClientChange,
): void {
  switch (change.kind) {
    case 'will-set':
      wills.set(change.clientId, {
        will: change.will,
        at: null,
        identity: sessions.get(change.clientId)?.identity ?? null,
      })
      return
    case 'will-cleared':
      wills.delete(change.clientId)
      return
    case 'will-delayed': {
      const kept = wills.get(change.clientId)
      if (kept !== undefined) kept.at = change.at
      return
    }
    case 'identified': {
      const { clientId, identity } = change
      for (const kept of [sessions.get(clientId), wills.get(clientId)]) {
        if (kept !== undefined) kept.identity = identity
      }
      return
    }
    case 'message-identified': {
      const { kind: _kind, ...stored } = change
      // The newest is the last.
      messageIds.delete(messageIdKey(change))
      messageIds.set(messageIdKey(change), stored)
      return
    }
    case 'message-id-forgotten':
      messageIds.delete(messageIdKey(change))
      return
    case 'decided': {
      const { kind: _kind, dropped, ...decision } = change
      decisions.set(decisionKey(change), decision)
      if (dropped !== null) decisions.delete(decisionKey({ ...change, number: dropped }))
      return
    }
    case 'decision-dropped':
      decisions.delete(decisionKey(change))
      return
    default: {
      const session = sessions.get(change.clientId)
      if (session !== undefined) applyToSession(session, change)
    }
  }
}

function messageIdKey({ clientId, id }: Pick<StoredMessageId, 'clientId' | 'id'>): string {
  return JSON.stringify([clientId, id])
}

function decisionKey({ clientId, name, number }: Omit<DecisionChange, 'kind'>): string {
  return `${clientId}\0${name}.${number}`
}

function applyToSession(
  session: PlainSession,
  change: Exclude<ClientChange, WillChange | DecisionChange | MessageIdChange>,
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
    case 'filtered': {
      const subscription = session.subscriptions.get(change.filter)
      if (subscription === undefined) return
      session.subscriptions.set(change.filter, { ...subscription, where: change.where })
      return
    }
    case 'conflated': {
      const subscription = session.subscriptions.get(change.filter)
      if (subscription === undefined) return
      const { milliseconds: conflateMs } = change
      session.subscriptions.set(change.filter, { ...subscription, conflateMs })
      return
    }
    case 'transactional': {
      const subscription = session.subscriptions.get(change.filter)
      if (subscription === undefined) return
      session.subscriptions.set(change.filter, { ...subscription, transactional: true })
      return
    }
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
    // If a kind is missing above, this line does not compile.
    default:
      change satisfies never
  }
}

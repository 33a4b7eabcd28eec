// What an administrator sees of each session: its client, its user, and how much it holds.

import type { Broker } from '../broker/broker.ts'
import type { Session } from '../session/session.ts'

export interface SessionFigures {
  readonly clientId: string
  /** The authenticated user; null for none. */
  readonly username: string | null
  readonly state: 'connected' | 'away'
  /** The last address of the client; empty if unknown. */
  readonly address: string
  /** How long the session outlives its connection; null for ever. */
  readonly sessionExpirySeconds: number | null
  readonly subscriptions: number
  readonly queuedMessages: number
  readonly inFlight: number
}

/** The iterator stays valid while sessions come and go. */
export function* sessionFiguresOf(broker: Broker): Iterable<SessionFigures> {
  for (const session of broker.sessions.all()) yield figuresOf(session, broker)
}

function figuresOf(session: Session, broker: Broker): SessionFigures {
  const { clientId, rights, exchanges } = session
  const { username, address } = rights.identity
  return {
    clientId,
    username,
    state: broker.sessions.holderOf(clientId) === null ? 'away' : 'connected',
    address,
    sessionExpirySeconds: expirySecondsOf(session.expiryIntervalSeconds),
    subscriptions: session.subscriptions.size,
    queuedMessages: session.queuedMessages,
    inFlight: exchanges.count,
  }
}

const NEVER_SECONDS = 0xffff_ffff

/** A session with the largest interval does not expire [MQTT-3.1.2-23]. */
export function expirySecondsOf(interval: number): number | null {
  return interval >= NEVER_SECONDS ? null : interval
}

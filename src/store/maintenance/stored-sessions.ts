// The sessions of a store whose broker is stopped. It changes nothing.

import type { Identity } from '../../access/identity.ts'
import type { Disk } from '../disk.ts'
import { LogStore } from '../log/log-store.ts'
import { ReadOnlyDisk } from './read-only-disk.ts'

interface StoredSessionFigures {
  readonly clientId: string
  readonly identity: Identity | null
  readonly expiryIntervalSeconds: number
  readonly subscriptions: number
  readonly queuedMessages: number
  readonly inFlight: number
}

/** Throws StoreDamaged. */
export function storedSessions(disk: Disk): readonly StoredSessionFigures[] {
  const log = new LogStore(new ReadOnlyDisk(disk))
  log.recover()
  const sessions = [...log.ledger.sessions.values()].map(session => ({
    clientId: session.clientId,
    identity: session.identity,
    expiryIntervalSeconds: session.expiryIntervalSeconds,
    subscriptions: session.subscriptions.size,
    queuedMessages: session.waiting.count,
    inFlight: session.sent.size,
  }))
  log.close()
  return sessions
}

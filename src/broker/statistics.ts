// Counters of the broker, for the web page, the API and later metrics.

import type { DropReason } from '../session/session-context.ts'

// Wide on purpose: each field is one counter, and there are no methods.
export class Statistics {
  connectionsAccepted = 0
  connectionsRefused = 0
  connectionsLost = 0
  /** Closed before CONNECT, for others that found no room. */
  strangersClosed = 0
  sessionsTakenOver = 0
  sessionsExpired = 0
  packetsReceived = 0
  packetsSent = 0
  bytesReceived = 0
  bytesSent = 0
  messagesReceived = 0
  messagesSent = 0
  messagesUnmatched = 0
  publishesRefused = 0
  subscribesRefused = 0
  willsPublished = 0
  protocolErrors = 0
  /** Faults of ours that ended one connection and nothing else. */
  internalErrors = 0
  /** Throws of what is not ours and was contained: rights, authentication, observers, logs, streams. */
  hookErrors = 0
  readonly dropped: Record<DropReason, number> = {
    'queue-full': 0,
    'memory-full': 0,
    'outbox-full': 0,
    'client-away': 0,
    'message-expired': 0,
    'packet-too-large': 0,
    'session-ended': 0,
    'group-ended': 0,
    'not-authorized': 0,
    'no-right-to-receive': 0,
    'no-packet-identifier': 0,
  }
}

// All sessions by client id, with the connections that hold them, and their expiry.

import type { ClientCertificate } from '../access/access.ts'
import { ChurnMap } from '../routing/churn-map.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Session } from '../session/session.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { ClientFacts } from './observer.ts'

/** What an administrator sees of a connection, besides the facts for observers. */
export interface ConnectionDetails {
  /** The time of the broker's clock at which the client was let in. */
  readonly connectedAt: number
  readonly listener: string
  /** 0 for none. */
  readonly keepAliveSeconds: number
  /** The most PUBLISH packets of QoS 1 and 2 in flight to the client. */
  readonly inFlightMax: number
  /** PUBLISH packets on this connection. */
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly certificate: ClientCertificate | null
}

/** The connection that holds a session. */
export interface SessionHolder {
  /** The far end, one object for each connection. */
  readonly peer: object
  readonly facts: ClientFacts
  /** Null before its client is let in, and when it has ended. */
  readonly details: ConnectionDetails | null
  /** Whether the client was heard of within its keep-alive; false for one without a keep-alive. */
  readonly isHeard: boolean
  /** The bytes that wait for its socket. */
  readonly waitingBytes: number
  /** Returns how many PUBLISH packets came from the client since the last call, or went to it. */
  takeReceived(): number
  takeSent(): number
  /** Tells the client that another connection has taken its session over, and closes [MQTT-3.1.4-3]. */
  takenOver(): void
  /** Ends the connection; a client of MQTT 5 gets this reason and sentence. */
  disconnect(reason: ReasonCode, sentence: string): void
}

class SessionEntry implements Deadline {
  readonly session: Session
  holder: SessionHolder | null = null
  place: Deadline['place'] = undefined
  readonly #sessionExpired: (session: Session) => void

  constructor(session: Session, sessionExpired: (session: Session) => void) {
    this.session = session
    this.#sessionExpired = sessionExpired
  }

  expired(): void {
    this.#sessionExpired(this.session)
  }
}

export class Sessions {
  readonly #entries = new ChurnMap<string, SessionEntry>()
  readonly #deadlines: Deadlines
  readonly #expired: (session: Session) => void
  #held = 0

  constructor(deadlines: Deadlines, expired: (session: Session) => void) {
    this.#deadlines = deadlines
    this.#expired = expired
  }

  get count(): number {
    return this.#entries.size
  }

  /** The number of sessions whose client is connected. */
  get connectedCount(): number {
    return this.#held
  }

  get(clientId: string): Session | undefined {
    return this.#entries.get(clientId)?.session
  }

  *all(): Iterable<Session> {
    for (const entry of this.#entries.values()) if (entry !== null) yield entry.session
  }

  holderOf(clientId: string): SessionHolder | null {
    return this.#entries.get(clientId)?.holder ?? null
  }

  add(session: Session): void {
    this.#entries.set(session.clientId, new SessionEntry(session, this.#expired))
  }

  hold(session: Session, holder: SessionHolder): void {
    const entry = this.#entries.get(session.clientId)
    if (entry === null || entry.session !== session) return
    if (entry.holder === null) this.#held += 1
    entry.holder = holder
    this.#deadlines.clear(entry)
  }

  /** The client has disconnected. Its session ends at `expiresAt` milliseconds; Infinity for never. */
  release(session: Session, expiresAt: number): void {
    const entry = this.#entries.get(session.clientId)
    if (entry === null || entry.session !== session) return
    if (entry.holder !== null) this.#held -= 1
    entry.holder = null
    this.#deadlines.set(entry, expiresAt)
  }

  remove(session: Session): void {
    const entry = this.#entries.get(session.clientId)
    if (entry === null || entry.session !== session) return
    if (entry.holder !== null) this.#held -= 1
    this.#deadlines.clear(entry)
    this.#entries.delete(session.clientId)
  }
}

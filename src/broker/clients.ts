// Opens and ends the sessions of clients, and handles takeovers, lost connections and expiry.

import { areSame, type Identity, mayHaveSessionOf } from '../access/identity.ts'
import { GONE, type Permissions } from '../access/permissions.ts'
import type { Will } from '../packet/packet.ts'
import { ClientRights, sessionBytes } from '../session/client-rights.ts'
import { Session } from '../session/session.ts'
import { QueueShare } from '../session/user-queues.ts'
import type { Broker } from './broker.ts'
import { ExpiringRights } from './expiring-rights.ts'
import type { ClientFacts } from './observer.ts'
import type { SessionHolder } from './sessions.ts'
import type { Wills } from './wills.ts'

/** The request of a CONNECT that was accepted. */
interface Opening {
  readonly identity: Identity
  readonly permissions: Permissions
  /** After this many milliseconds the permissions end; null if they do not end. */
  readonly validForMs: number | null
  readonly cleanStart: boolean
  readonly expiryIntervalSeconds: number
  readonly will: Will | null
  readonly holder: SessionHolder
}

interface Opened {
  readonly session: Session
  /** Whether an existing session is continued [MQTT-3.2.2-2]. */
  readonly sessionPresent: boolean
}

/** What the end of a connection means for the will. */
export type Departure = 'disconnected' | 'lost' | 'broker-stops'

export class Clients {
  readonly #broker: Broker
  readonly #wills: Wills
  readonly #expiringRights: ExpiringRights

  constructor(broker: Broker, wills: Wills) {
    this.#broker = broker
    this.#expiringRights = new ExpiringRights(broker)
    this.#wills = wills
  }

  /** Gives a client its session: takes it from another connection if one holds it, and keeps it or begins a new one [MQTT-3.1.2-4]. */
  open(opening: Opening): Opened {
    const { identity, permissions, expiryIntervalSeconds } = opening
    const { clientId } = identity
    const { sessions, statistics } = this.#broker
    this.#broker.changing += 1
    const holder = sessions.holderOf(clientId)
    if (holder !== null) {
      statistics.sessionsTakenOver += 1
      const newcomer = { ...opening.holder.facts, username: identity.username }
      this.#broker.observer.tookOver?.(holder.facts, newcomer)
      this.#countTakeover(holder.facts, newcomer)
      holder.takenOver()
    }
    const old = sessions.get(clientId)
    const isClean = opening.cleanStart || (old !== undefined && isOfAnother(old, identity))
    if (old !== undefined && isClean) {
      this.#wills.forgetDelayed(clientId)
      this.end(old)
    }
    const kept = isClean ? undefined : old
    const session = kept ?? this.#begin(identity, permissions, expiryIntervalSeconds)
    const isKnown = kept !== undefined && areSame(kept.rights.identity, identity)
    if (kept !== undefined) {
      this.#identify(kept, identity)
      kept.rights.grant(permissions)
      this.#resume(kept, expiryIntervalSeconds)
      this.#broker.observer.sessionResumed?.(clientId)
    }
    sessions.hold(session, opening.holder)
    this.#broker.transactions.undecided.askSoon(clientId)
    this.#expiringRights.set(session, opening.validForMs)
    this.#broker.holdings.add(identity, 'connections', 1)
    this.#wills.set(session.rights, opening.will)
    // The will is stored even when the session is not.
    if (session.isDurable ? !isKnown : opening.will !== null) {
      this.#broker.journal.record({ kind: 'identified', clientId, identity })
    }
    this.#broker.changing -= 1
    return { session, sessionPresent: kept !== undefined }
  }

  /** Sets the permissions after a re-authentication. */
  grant(session: Session, permissions: Permissions, validForMs: number | null): void {
    session.rights.grant(permissions)
    this.#expiringRights.set(session, validForMs)
  }

  /** Whether the client's session, if there is one, belongs to another user, who exists. */
  isOfAnother(identity: Identity): boolean {
    const session = this.#broker.sessions.get(identity.clientId)
    if (session === undefined || session.rights.permissions === GONE) return false
    return isOfAnother(session, identity)
  }

  /** Whether the client may have a session: it has one, or there is room for one more. */
  hasRoomFor(clientId: string): boolean {
    const { sessions, limits } = this.#broker
    return sessions.count < limits.sessionsMax || sessions.get(clientId) !== undefined
  }

  /** Handles the end of the client's connection. */
  leave(session: Session, departure: Departure): void {
    this.#broker.changing += 1
    this.#broker.transactions.left(session.clientId)
    this.#leave(session, departure)
    this.#broker.changing -= 1
  }

  /** Sets the Session Expiry Interval of a DISCONNECT [MQTT-3.1.2-11.2]. */
  changeExpiry(session: Session, expiryIntervalSeconds: number): void {
    if (session.expiryIntervalSeconds === expiryIntervalSeconds) return
    this.#resume(session, expiryIntervalSeconds)
  }

  /** The session has expired. */
  expire(session: Session): void {
    this.#broker.statistics.sessionsExpired += 1
    this.#broker.observer.sessionExpired?.(session.clientId)
    this.end(session)
  }

  /** Removes the session with its deliveries. A waiting will is published now [MQTT-3.1.2-8]. */
  end(session: Session): void {
    this.#discard(session)
    this.#wills.publish(session.clientId)
  }

  /** Restores a session from the store. If its client was connected when the broker ended, its connection ends now. */
  restore(session: Session, expiresAt: number | null): void {
    this.#add(session)
    // The client left before now, even if a wrong clock has stored a later time.
    const latest = expiryOf(session, this.#broker.now)
    const at = expiresAt === null ? this.#away(session) : Math.min(expiresAt, latest)
    this.#broker.sessions.release(session, at)
  }

  #countTakeover(present: ClientFacts, newcomer: ClientFacts): void {
    const { takeovers, limits, statistics, observer, now } = this.#broker
    const count = takeovers.count(present.clientId, now)
    if (count === 0) return
    if (count === limits.takeoversPerMinuteMax) statistics.clientIdsContested += 1
    observer.contested?.(present, newcomer, count)
  }

  #begin(identity: Identity, permissions: Permissions, expiryIntervalSeconds: number): Session {
    const rights = new ClientRights(identity, permissions, this.#broker)
    const session = new Session(rights, expiryIntervalSeconds, this.#broker)
    this.#add(session)
    this.#broker.observer.sessionCreated?.(session.clientId)
    if (session.isDurable) {
      const { clientId } = session
      this.#broker.journal.record({ kind: 'session-opened', clientId, expiryIntervalSeconds })
    }
    return session
  }

  #add(session: Session): void {
    const { sessions, holdings, memory, limits } = this.#broker
    const { rights } = session
    sessions.add(session)
    holdings.add(rights.identity, 'sessions', 1)
    memory.add('sessions', sessionBytes(rights.identity))
    const { queuedBytesPerUserMax: bytesMax } = limits
    if (bytesMax > 0)
      rights.queueShare = new QueueShare(holdings.queuesOf(rights.identity), bytesMax)
  }

  /** The client has reconnected, or it is the first client to adopt the session. */
  #identify(session: Session, identity: Identity): void {
    const { rights } = session
    const more = sessionBytes(identity) - sessionBytes(rights.identity)
    this.#broker.memory.add('sessions', more)
    const { holdings } = this.#broker
    for (const [owner, sign] of [[rights.identity, -1] as const, [identity, 1] as const]) {
      holdings.add(owner, 'sessions', sign)
      holdings.add(owner, 'subscriptions', sign * session.subscriptions.size)
    }
    rights.identity = identity
    rights.queueShare?.moveTo(holdings.queuesOf(identity))
  }

  #resume(session: Session, expiryIntervalSeconds: number): void {
    session.expiryIntervalSeconds = expiryIntervalSeconds
    if (!session.isDurable) return
    const { clientId } = session
    this.#broker.journal.record({ kind: 'session-resumed', clientId, expiryIntervalSeconds })
  }

  #leave(session: Session, departure: Departure): void {
    session.detach()
    this.#broker.holdings.add(session.rights.identity, 'connections', -1)
    if (departure === 'disconnected') this.#wills.forget(session.clientId)
    else if (departure === 'lost') this.#wills.connectionLost(session.clientId)
    if (session.expiryIntervalSeconds > 0) {
      this.#broker.sessions.release(session, this.#away(session))
    } else if (departure === 'broker-stops') {
      // The store keeps the will for the next start of the broker.
      this.#discard(session)
    } else {
      this.end(session)
    }
    this.#broker.takeovers.holderLeft(session.clientId)
  }

  /** Marks the client as disconnected. Returns when its session ends. */
  #away(session: Session): number {
    const expiresAt = expiryOf(session, this.#broker.now)
    const { clientId } = session
    this.#broker.journal.record({ kind: 'session-left', clientId, expiresAt })
    return expiresAt
  }

  #discard(session: Session): void {
    const { subscriptions, sessions, memory, journal } = this.#broker
    session.end()
    this.#expiringRights.set(session, null)
    subscriptions.end(session)
    sessions.remove(session)
    memory.add('sessions', -sessionBytes(session.rights.identity))
    this.#broker.holdings.add(session.rights.identity, 'sessions', -1)
    if (session.isDurable) journal.record({ kind: 'session-ended', clientId: session.clientId })
    this.#broker.observer.sessionEnded?.(session.clientId)
  }
}

function isOfAnother(session: Session, identity: Identity): boolean {
  return !mayHaveSessionOf(identity, session.rights.identity)
}

/** 0xFFFFFFFF seconds: the session never expires (5.0, section 3.1.2.11.2). */
const NEVER_SECONDS = 0xffff_ffff

function expiryOf(session: Session, now: number): number {
  if (session.expiryIntervalSeconds === NEVER_SECONDS) return Infinity
  return now + session.expiryIntervalSeconds * 1_000
}

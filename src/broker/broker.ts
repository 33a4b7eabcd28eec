// What all clients share: their sessions, who subscribes to what, what is retained. Connect, subscribe, leave.

import { areSame, type Identity, mayHaveSessionOf } from '../access/identity.ts'
import type { Permissions } from '../access/permissions.ts'
import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Will } from '../packet/packet.ts'
import { ClientRights, type Principal, sessionBytes } from '../session/client-rights.ts'
import { Session } from '../session/session.ts'
import { MemoryAccount } from '../session/memory-account.ts'
import type {
  DropReason,
  PageReader,
  Postponed,
  SessionContext,
} from '../session/session-context.ts'
import { RetainedReplay } from '../session/retained-replay.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Journal } from '../store/journal.ts'
import { Admission } from './admission.ts'
import { Deadlines } from './deadlines.ts'
import { Faults } from './faults.ts'
import type { Observer } from './observer.ts'
import { PostponedWork } from './postponed-work.ts'
import { Publishing } from './publishing.ts'
import { Retained } from './retained.ts'
import { type SessionHolder, Sessions } from './sessions.ts'
import type { ShareGroups, ShareSettings } from './share-groups.ts'
import { Statistics } from './statistics.ts'
import { Subscriptions } from './subscriptions.ts'
import { Wills } from './wills.ts'

interface BrokerOptions {
  readonly limits: Limits
  readonly share: ShareSettings
  readonly journal: Journal
  readonly observers: readonly Observer[]
  /** False when nothing is to outlive the broker: sessions leave no changes for a store. */
  readonly storesSessions?: boolean
}

/** What a CONNECT asks of the broker after it was found right and allowed. */
interface Opening {
  readonly identity: Identity
  readonly permissions: Permissions
  readonly cleanStart: boolean
  readonly expiryIntervalSeconds: number
  readonly will: Will | null
  readonly holder: SessionHolder
}

interface Opened {
  readonly session: Session
  /** There was a session, and it goes on [MQTT-3.2.2-2]. */
  readonly sessionPresent: boolean
}

/** How a connection ended, as far as the will is concerned. */
export type Departure = 'disconnected' | 'lost' | 'broker-stops'

const NO_READERS: readonly PageReader[] = []

export class Broker implements SessionContext {
  readonly limits: Limits
  readonly journal: Journal
  readonly observer: Observer
  readonly faults: Faults
  readonly admission: Admission = new Admission(this)
  readonly publishing: Publishing = new Publishing(this)
  readonly storesSessions: boolean
  readonly statistics: Statistics = new Statistics()
  readonly deadlines: Deadlines = new Deadlines()
  readonly memory: MemoryAccount
  readonly retained: Retained
  readonly sessions: Sessions
  readonly subscriptions: Subscriptions
  readonly postponed: PostponedWork = new PostponedWork(this)
  readonly #wills: Wills
  /** There is no room for what must be stored. Told by the turn. */
  storeIsFull = false
  /** Work that this turn may still do, weighed as `limits.turnWorkMax` says. */
  turnWorkLeft: number
  /**
   * Changes that have begun and are not done, each within the other. A throw leaves it above 0 for good: what the broker
   * knows may be wrong from then on, and nothing of it may be said.
   */
  changing = 0
  /** The number of the turn. */
  turn = 0
  #now = 0
  #lastSequence = 0
  #lastDelivery = 0
  #pagesWanted: PageReader[] = []

  constructor(options: BrokerOptions) {
    this.limits = options.limits
    this.turnWorkLeft = options.limits.turnWorkTotalMax
    this.journal = options.journal
    this.faults = new Faults(this.statistics, options.observers)
    this.observer = this.faults.observers.heard
    this.storesSessions = options.storesSessions ?? true
    this.memory = new MemoryAccount(this.limits)
    this.retained = new Retained(this.deadlines, this.journal, this.limits, this.memory)
    this.sessions = new Sessions(this.deadlines, session => this.#expire(session))
    this.subscriptions = new Subscriptions(options.share, this)
    this.#wills = new Wills(this.publishing, this.deadlines, this.journal, this.memory)
  }

  /** Milliseconds since 1970, read once a turn from a clock that never goes back. */
  get now(): number {
    return this.#now
  }

  get groups(): ShareGroups {
    return this.subscriptions.groups
  }

  /** How often a topic had to be searched for among the filters. */
  get searches(): number {
    return this.subscriptions.searches
  }

  /** Ways in which the `+` of all filters stand. */
  get filterShapes(): number {
    return this.subscriptions.filterShapes
  }

  /** Of clients, connected or away; each member of a share group has its own. */
  get subscriptionCount(): number {
    return this.subscriptions.count
  }

  /** What clients and programs have retained: what the broker says of itself is not among it. */
  get retainedCount(): number {
    return this.retained.count - this.publishing.announcedCount
  }

  nextSequence(): number {
    this.#lastSequence += 1
    return this.#lastSequence
  }

  nextDelivery(): number {
    this.#lastDelivery += 1
    return this.#lastDelivery
  }

  /** Numbers that earlier runs of the broker have used up. */
  restoreNumbers(lastSequence: number, lastDelivery: number): void {
    this.#lastSequence = lastSequence
    this.#lastDelivery = lastDelivery
  }

  /** Tells the time of the turn, and wakes who waited for it. */
  tick(now: number): void {
    this.#now = now
    this.turn += 1
    this.turnWorkLeft = this.limits.turnWorkTotalMax
    if (this.deadlines.next > now) return
    this.changing += 1
    // Wills may be dear to publish: half of the turn is for those who are connected.
    this.deadlines.tick(now, this, this.turnWorkLeft / 2)
    this.changing -= 1
  }

  /** Gives a client its session: takes it from whoever holds it, keeps it or begins anew [MQTT-3.1.2-4]. */
  open(opening: Opening): Opened {
    const { identity, permissions, expiryIntervalSeconds } = opening
    const { clientId } = identity
    this.changing += 1
    const holder = this.sessions.holderOf(clientId)
    if (holder !== null) {
      this.statistics.sessionsTakenOver += 1
      holder.takenOver()
    }
    const old = this.sessions.get(clientId)
    if (old !== undefined && opening.cleanStart) {
      this.#wills.forgetDelayed(clientId)
      this.end(old)
    }
    const kept = opening.cleanStart ? undefined : old
    const session =
      kept ?? this.#begin(new ClientRights(identity, permissions, this), expiryIntervalSeconds)
    const isKnown = kept !== undefined && areSame(kept.rights.identity, identity)
    if (kept !== undefined) {
      this.#identify(kept, identity)
      kept.rights.grant(permissions)
      this.#resume(kept, expiryIntervalSeconds)
    }
    this.sessions.hold(session, opening.holder)
    this.#wills.set(session.rights, opening.will)
    // A will outlives a broker that does not keep its session.
    if (session.isDurable ? !isKnown : opening.will !== null) {
      this.journal.record({ kind: 'identified', clientId, identity })
    }
    this.changing -= 1
    return { session, sessionPresent: kept !== undefined }
  }

  /** Whether the client's session, if there is one, is another user's. */
  isOfAnother(identity: Identity): boolean {
    const session = this.sessions.get(identity.clientId)
    return session !== undefined && !mayHaveSessionOf(identity, session.rights.identity)
  }

  /** Whether the client may have a session: it has one already, or there is room for another. */
  hasRoomFor(clientId: string): boolean {
    return (
      this.sessions.count < this.limits.sessionsMax || this.sessions.get(clientId) !== undefined
    )
  }

  /** The client's connection is over. */
  leave(session: Session, departure: Departure): void {
    this.changing += 1
    this.#leave(session, departure)
    this.changing -= 1
  }

  #leave(session: Session, departure: Departure): void {
    session.detach()
    if (departure === 'disconnected') this.#wills.forget(session.clientId)
    else if (departure === 'lost') this.#wills.connectionLost(session.clientId)
    if (session.expiryIntervalSeconds === 0) {
      // When the broker stops, the store keeps the will for the broker that comes after.
      if (departure === 'broker-stops') this.#discard(session)
      else this.end(session)
      return
    }
    this.sessions.release(session, this.#away(session))
  }

  /** The session and its deliveries are gone; a will that waited for it is published now [MQTT-3.1.2-8]. */
  end(session: Session): void {
    this.#discard(session)
    this.#wills.publish(session.clientId)
  }

  #discard(session: Session): void {
    session.end()
    this.subscriptions.end(session)
    this.sessions.remove(session)
    this.memory.add('sessions', -sessionBytes(session.rights.identity))
    if (session.isDurable)
      this.journal.record({ kind: 'session-ended', clientId: session.clientId })
  }

  /**
   * Enters or replaces a subscription [MQTT-3.8.4-3]. The retained messages that it asks for wait until the session is
   * pumped.
   */
  subscribe(session: Session, asked: Subscription): void {
    this.changing += 1
    const isNew = !session.subscriptions.has(asked.filter)
    const subscription = this.subscriptions.enter(session, asked)
    this.#replayRetained(session, subscription, isNew)
    this.observer.subscribed?.(session.clientId, subscription)
    this.changing -= 1
  }

  /** False when there was no such subscription. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.has(filter)) return false
    this.changing += 1
    this.subscriptions.leave(session, filter)
    this.observer.unsubscribed?.(session.clientId, filter)
    this.changing -= 1
    return true
  }

  mayReceive(permissions: Permissions, topic: string, clientId: string): boolean {
    return this.faults.mayReceive(permissions, topic, clientId)
  }

  dropped(reason: DropReason, message: Message, clientId: string | null): void {
    this.statistics.dropped[reason] += 1
    this.observer.dropped?.(reason, message, clientId)
  }

  droppedInStore(reason: DropReason, messages: number): void {
    this.statistics.dropped[reason] += messages
  }

  wantPage(reader: PageReader): void {
    this.#pagesWanted.push(reader)
  }

  /** Who waits for a page since this was last asked. */
  takePagesWanted(): readonly PageReader[] {
    if (this.#pagesWanted.length === 0) return NO_READERS
    const readers = this.#pagesWanted
    this.#pagesWanted = []
    return readers
  }

  postpone(work: Postponed): void {
    this.postponed.add(work)
  }

  /** The client changed its expiry as it left [MQTT-3.1.2-11.2]. */
  changeExpiry(session: Session, expiryIntervalSeconds: number): void {
    if (session.expiryIntervalSeconds === expiryIntervalSeconds) return
    this.#resume(session, expiryIntervalSeconds)
  }

  /** A session that the store kept: its client is away. One that was connected at the end leaves now. */
  restoreSession(session: Session, expiresAt: number | null): void {
    this.#add(session)
    // It was left before now, whatever a clock that was wrong has written down.
    const latest = expiryOf(session, this.#now)
    this.sessions.release(
      session,
      expiresAt === null ? this.#away(session) : Math.min(expiresAt, latest),
    )
  }

  /** Its retained messages were not all sent when the last broker ended. */
  restoreReplay(session: Session, filter: string, sequenceMax: number): void {
    const subscription = session.subscriptions.get(filter)
    if (subscription === undefined) return
    session.replays.restore(this.#newReplay(session, subscription, sequenceMax))
  }

  /** The connection that the will belonged to is gone, since `at` was set or since the last broker stopped. */
  restoreWill(owner: Principal, will: Will, at: number | null): void {
    this.#wills.restore(owner, will, at)
  }

  #begin(rights: ClientRights, expiryIntervalSeconds: number): Session {
    const session = new Session(rights, expiryIntervalSeconds, this)
    this.#add(session)
    if (session.isDurable) {
      const { clientId } = rights
      this.journal.record({ kind: 'session-opened', clientId, expiryIntervalSeconds })
    }
    return session
  }

  #add(session: Session): void {
    this.sessions.add(session)
    this.memory.add('sessions', sessionBytes(session.rights.identity))
  }

  /** Its client is here again, or is the first to adopt it. */
  #identify(session: Session, identity: Identity): void {
    const { rights } = session
    this.memory.add('sessions', sessionBytes(identity) - sessionBytes(rights.identity))
    rights.identity = identity
  }

  #resume(session: Session, expiryIntervalSeconds: number): void {
    session.expiryIntervalSeconds = expiryIntervalSeconds
    if (!session.isDurable) return
    const { clientId } = session
    this.journal.record({ kind: 'session-resumed', clientId, expiryIntervalSeconds })
  }

  /** The client is away from now on. Returns when its session ends. */
  #away(session: Session): number {
    const expiresAt = expiryOf(session, this.#now)
    this.journal.record({ kind: 'session-left', clientId: session.clientId, expiresAt })
    return expiresAt
  }

  #expire(session: Session): void {
    this.statistics.sessionsExpired += 1
    this.end(session)
  }

  /** Whether retained messages are to be sent: [MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11]. */
  #replayRetained(session: Session, subscription: Subscription, isNew: boolean): void {
    const { shareName, retainHandling } = subscription
    if (shareName !== null || this.retained.count === 0) return
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew)
    if (isWanted) {
      session.replays.begin(this.#newReplay(session, subscription, this.#lastSequence))
    } else if (!isNew && session.isReplaying) session.replays.resubscribed(subscription)
  }

  #newReplay(session: Session, subscription: Subscription, sequenceMax: number): RetainedReplay {
    return new RetainedReplay(subscription, sequenceMax, session.clientId, this.retained)
  }
}

/** 0xFFFFFFFF seconds: the session never expires (5.0, section 3.1.2.11.2). */
const NEVER_SECONDS = 0xffff_ffff

function expiryOf(session: Session, now: number): number {
  if (session.expiryIntervalSeconds === NEVER_SECONDS) return Infinity
  return now + session.expiryIntervalSeconds * 1_000
}

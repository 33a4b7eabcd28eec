// Where publishers meet subscribers: connect, publish, subscribe, leave. The one door for every message.

import type { Permissions } from '../access/permissions.ts'
import { type Limits, OVERLAPS_A_UNIT_BITS, PATH_CHARACTERS_A_UNIT_BITS, WORK } from '../limits.ts'
import { makeMessage, type Message, ownCopy } from '../message.ts'
import { NO_PROPERTIES } from '../packet/packet.ts'
import { Session, sessionBytes } from '../session/session.ts'
import { MemoryAccount } from '../session/memory-account.ts'
import type {
  DropReason,
  PageReader,
  Postponed,
  SessionContext,
} from '../session/session-context.ts'
import { RetainedReplay } from '../session/retained-replay.ts'
import type { Match } from '../routing/router.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Journal } from '../store/journal.ts'
import { Deadlines } from './deadlines.ts'
import { Faults } from './faults.ts'
import type { Observer } from './observer.ts'
import { PostponedWork } from './postponed-work.ts'
import { Retained } from './retained.ts'
import { type SessionHolder, Sessions } from './sessions.ts'
import type { ShareGroups, ShareSettings } from './share-groups.ts'
import { Statistics } from './statistics.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Target } from '../session/target.ts'
import { type WillOfClient, Wills } from './wills.ts'

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
  readonly clientId: string
  readonly cleanStart: boolean
  readonly expiryIntervalSeconds: number
  readonly will: WillOfClient | null
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
  /** Topics on which the broker speaks of itself. */
  readonly #announced = new Set<string>()
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
    this.#wills = new Wills(this, this.deadlines, this.journal, this.memory)
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
    return this.retained.count - this.#announced.size
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
    const { clientId, expiryIntervalSeconds } = opening
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
    const session = kept ?? this.#begin(clientId, expiryIntervalSeconds)
    if (kept !== undefined) this.#resume(kept, expiryIntervalSeconds)
    this.sessions.hold(session, opening.holder)
    this.#wills.set(clientId, opening.will)
    this.changing -= 1
    return { session, sessionPresent: kept !== undefined }
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
    this.memory.add('sessions', -sessionBytes(session.clientId))
    if (session.isDurable)
      this.journal.record({ kind: 'session-ended', clientId: session.clientId })
  }

  /** Retains the message if it says so and delivers it to all that match. Returns how many did. */
  publish(message: Message): number {
    this.changing += 1
    const matches = this.subscriptions.router.match(message.topic)
    const commitId = this.#store(message, matches)
    if (message.retain) {
      this.turnWorkLeft -= message.topic.length >> PATH_CHARACTERS_A_UNIT_BITS
      this.retained.keep(message)
    }
    let receivers = 0
    for (const match of matches) {
      const heard =
        match.noLocal && match.target.clientId === message.publisher
          ? this.subscriptions.withoutNoLocal(match)
          : match
      if (heard === null) continue
      receivers += 1
      if (heard.identifiers.length > 1) {
        this.turnWorkLeft -= heard.identifiers.length >> OVERLAPS_A_UNIT_BITS
      }
      heard.target.deliver(message, heard, commitId)
    }
    if (receivers === 0) this.statistics.messagesUnmatched += 1
    this.observer.published?.(message, receivers)
    this.changing -= 1
    return receivers
  }

  /** Whether the message would have to be stored before it may be acknowledged. */
  mustStore(message: Message): boolean {
    const isKept = message.retain && message.payload.length > 0
    return isKept || isQueuedDurably(message, this.subscriptions.router.match(message.topic))
  }

  /** Says something of the broker itself: heard by subscribers and kept as retained, and not stored. */
  announce(topic: string, payload: string): void {
    const bytes = ownCopy(Buffer.from(payload))
    const said = { payload: bytes, qos: 0, retain: true, properties: NO_PROPERTIES } as const
    const message = makeMessage(said, topic, null, this)
    this.retained.restore(message)
    this.#announced.add(topic)
    for (const match of this.subscriptions.router.match(topic))
      match.target.deliver(message, match, 0)
  }

  publishWill(message: Message, permissions: Permissions): void {
    // Its right may have been taken back since CONNECT.
    if (!this.faults.mayPublish(permissions, message.topic, message.publisher)) {
      this.dropped('not-authorized', message, message.publisher)
      return
    }
    this.statistics.willsPublished += 1
    const mayRetain = this.retained.hasRoomFor(message)
    const receivers = this.publish(mayRetain ? message : { ...message, retain: false })
    this.turnWorkLeft -= WORK.packet + receivers * WORK.deliveryAcknowledged
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
  restoreWill(clientId: string, will: WillOfClient, at: number | null): void {
    this.#wills.restore(clientId, will, at)
  }

  #begin(clientId: string, expiryIntervalSeconds: number): Session {
    const session = new Session(clientId, expiryIntervalSeconds, this)
    this.#add(session)
    if (session.isDurable) {
      this.journal.record({ kind: 'session-opened', clientId, expiryIntervalSeconds })
    }
    return session
  }

  #add(session: Session): void {
    this.sessions.add(session)
    this.memory.add('sessions', sessionBytes(session.clientId))
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

  /** Stores the message once, if it is retained or queued for somebody durable. Returns the commit that must be on disk before it may be delivered. */
  #store(message: Message, matches: readonly Match<Target>[]): number {
    const isKept = message.retain && message.payload.length > 0
    if (!isKept && !isQueuedDurably(message, matches)) return 0
    this.journal.record({ kind: 'message-stored', message })
    return this.journal.current
  }
}

function isQueuedDurably(message: Message, matches: readonly Match<Target>[]): boolean {
  if (message.qos === 0) return false
  for (const match of matches) if (match.qos > 0 && match.target.isDurable) return true
  return false
}

/** 0xFFFFFFFF seconds: the session never expires (5.0, section 3.1.2.11.2). */
const NEVER_SECONDS = 0xffff_ffff

function expiryOf(session: Session, now: number): number {
  if (session.expiryIntervalSeconds === NEVER_SECONDS) return Infinity
  return now + session.expiryIntervalSeconds * 1_000
}

// What all clients share: their sessions, who subscribes to what, what is retained. Connect, subscribe, leave.

import type { Permissions } from '../access/permissions.ts'
import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Session } from '../session/session.ts'
import { MemoryAccount } from '../session/memory-account.ts'
import type { DropReason, SessionContext } from '../session/session-context.ts'
import { RetainedReplay } from '../session/retained-replay.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Journal } from '../store/journal.ts'
import { Admission } from './admission.ts'
import { Clients } from './clients.ts'
import { Deadlines } from './deadlines.ts'
import { Faults } from './faults.ts'
import type { Observer } from './observer.ts'
import { Pages } from './pages.ts'
import { PostponedWork } from './postponed-work.ts'
import { Publishing } from './publishing.ts'
import { Retained } from './retained.ts'
import { Sessions } from './sessions.ts'
import type { ShareSettings } from './share-groups.ts'
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

// Wide on purpose: its fields are the parts of the broker by name, and the few numbers of the turn that all of them read.
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
  readonly pages: Pages = new Pages()
  readonly postponed: PostponedWork = new PostponedWork(this)
  readonly wills: Wills
  readonly clients: Clients
  /** There is no room for what must be stored. Told by the turn. */
  storeIsFull = false
  /** Work that this turn may still do, weighed as `limits.turnWorkMax` says. */
  turnWorkLeft: number
  /**
   * Changes that have begun and are not done, each within the other. A throw leaves it above 0 for good: what the broker
   * knows may be wrong from then on, and nothing of it may be said.
   */
  changing = 0
  /** Milliseconds since 1970, read once a turn from a clock that never goes back. */
  now = 0
  /** The number of the turn. */
  turn = 0
  #lastSequence = 0
  #lastDelivery = 0

  constructor(options: BrokerOptions) {
    this.limits = options.limits
    this.turnWorkLeft = options.limits.turnWorkTotalMax
    this.journal = options.journal
    this.faults = new Faults(this.statistics, options.observers)
    this.observer = this.faults.observers.heard
    this.storesSessions = options.storesSessions ?? true
    this.memory = new MemoryAccount(this.limits)
    this.retained = new Retained(this.deadlines, this.journal, this.limits, this.memory)
    this.sessions = new Sessions(this.deadlines, session => this.clients.expire(session))
    this.subscriptions = new Subscriptions(options.share, this)
    this.wills = new Wills(this.publishing, this.deadlines, this.journal, this.memory)
    this.clients = new Clients(this, this.wills)
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
    this.now = now
    this.turn += 1
    this.turnWorkLeft = this.limits.turnWorkTotalMax
    if (this.deadlines.next > now) return
    this.changing += 1
    // Wills may be dear to publish: half of the turn is for those who are connected.
    this.deadlines.tick(now, this, this.turnWorkLeft / 2)
    this.changing -= 1
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

  /** Whether retained messages are to be sent: [MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11]. */
  #replayRetained(session: Session, subscription: Subscription, isNew: boolean): void {
    const { shareName, retainHandling } = subscription
    if (shareName !== null || this.retained.count === 0) return
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew)
    if (isWanted) {
      const { clientId, replays } = session
      const sequenceMax = this.#lastSequence
      replays.begin(new RetainedReplay(subscription, sequenceMax, clientId, this.retained))
    } else if (!isNew && session.isReplaying) session.replays.resubscribed(subscription)
  }
}

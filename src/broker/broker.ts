// The broker: the state that all clients share. It has the sessions, the subscriptions and the retained messages.

import { strict as assert } from 'node:assert'
import type { Permissions } from '../access/permissions.ts'
import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Session } from '../session/session.ts'
import { MemoryAccount } from '../session/memory-account.ts'
import { LockedDeliveries } from '../session/named-queue/locked-deliveries.ts'
import type { DropReason, SessionContext } from '../session/session-context.ts'
import { RetainedReplay } from '../session/retained-replay.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isRetainedComplete } from '../routing/topic.ts'
import type { CommitId, Journal } from '../store/journal.ts'
import { Admission } from './admission.ts'
import { Bans } from './bans.ts'
import { Conflations } from './conflations.ts'
import type { ControlTopic } from './control.ts'
import { Clients } from './clients.ts'
import { Deadlines } from './deadlines.ts'
import { Delayed } from './delayed.ts'
import { Expressions, PLAIN_SUBSCRIPTIONS, type SubscriptionSettings } from './expressions.ts'
import { Faults } from './faults.ts'
import { Holdings } from './holdings.ts'
import type { HookPoints } from './hook-points.ts'
import type { Leaving } from './leaving.ts'
import { MessageIds } from './message-ids.ts'
import type { Observer } from './observer.ts'
import { Overload } from './overload.ts'
import { Pages } from './pages.ts'
import type { Peers } from './peers.ts'
import { PostponedWork } from './postponed-work.ts'
import { Publishing } from './publishing.ts'
import { Retained } from './retained.ts'
import { type AuthorRights, RetainedAuthors } from './retained-authors.ts'
import { Sessions } from './sessions.ts'
import type { QueuesSettings } from './named-queues.ts'
import type { ShareSettings } from './share-groups.ts'
import { Statistics } from './statistics.ts'
import { Subscriptions } from './subscriptions.ts'
import { Takeovers } from './takeovers.ts'
import { HeldMessages } from './transactions/held-messages.ts'
import { UNDECIDED } from './transactions/transaction-topic.ts'
import { Transactions } from './transactions/transactions.ts'
import { Wills } from './wills.ts'

interface BrokerOptions {
  readonly limits: Limits
  readonly share: ShareSettings
  /** Left out: no expressions in topic filters. */
  readonly subscriptions?: SubscriptionSettings
  readonly queues: QueuesSettings
  readonly journal: Journal
  readonly observers: readonly Observer[]
  /** False when no session outlives the broker: then sessions record no changes. */
  readonly storesSessions?: boolean
  /** Returns the present rights of a publisher. Left out: nothing is known of those without a session. */
  readonly authorRights?: AuthorRights | null
  /** Whether publishers of retained messages are asked for. Left out: they are, where `authorRights` is given. */
  readonly checksRetainSource?: boolean
}

// Wide on purpose: its fields are the parts of the broker, and a few numbers of the turn that all parts read.
export class Broker implements SessionContext {
  readonly limits: Limits
  readonly journal: Journal
  readonly observer: Observer
  readonly faults: Faults
  readonly hooks: HookPoints = { publish: null, subscribe: null, deliver: null }
  /** Null unless clients may give commands about the broker. */
  control: ControlTopic | null = null
  /** Null unless this broker is one of several partitions. */
  peers: Peers | null = null
  readonly admission: Admission = new Admission(this)
  readonly publishing: Publishing = new Publishing(this)
  readonly storesSessions: boolean
  /** Whether a message is refused when a queue for it is full: of sessions, of share groups, or a named queue. */
  refusesOverflow: boolean
  /** The same without named queues: `queueOverflow` is `refuse`. */
  readonly #refusesByLimits: boolean
  readonly statistics: Statistics = new Statistics()
  readonly deadlines: Deadlines = new Deadlines()
  readonly memory: MemoryAccount
  readonly holdings: Holdings = new Holdings()
  readonly overload: Overload = new Overload()
  readonly bans: Bans = new Bans()
  readonly expressions: Expressions
  readonly retained: Retained
  readonly sessions: Sessions
  readonly subscriptions: Subscriptions
  readonly pages: Pages = new Pages()
  readonly postponed: PostponedWork = new PostponedWork(this)
  readonly takeovers: Takeovers
  readonly wills: Wills
  readonly clients: Clients
  readonly authors: RetainedAuthors | null
  /** Whether publishers of delayed messages have their right still. */
  readonly publishers: RetainedAuthors
  readonly delayed: Delayed = new Delayed(this)
  /** What transactional consumers hold. */
  readonly heldMessages: HeldMessages
  readonly locked: LockedDeliveries = new LockedDeliveries()
  readonly messageIds: MessageIds = new MessageIds(this)
  readonly transactions: Transactions = new Transactions(this)
  transactionCommit: CommitId = 0
  lastTransactionCommit: CommitId = 0
  readonly conflating: Conflations
  /** Whether the store has no room for messages. The turn sets it. */
  storeIsFull = false
  /** Set when the broker stops or drains: clients are disconnected, and no more are let in. */
  leaving: Leaving | null = null
  /** The work that this turn may still do, in the units of `limits.turnWorkMax`. */
  turnWorkLeft: number
  /**
   * The number of changes that have begun and not ended; one can begin within another. After a throw it stays above 0: the
   * broker's state may be wrong, and nothing may be sent any more.
   */
  changing = 0
  /** The time of the turn in milliseconds since 1970, from a clock that never goes back. */
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
    this.#refusesByLimits = [options.limits, options.share.bounds].some(
      ({ queueOverflow }) => queueOverflow === 'refuse',
    )
    this.refusesOverflow = this.#refusesByLimits
    this.memory = new MemoryAccount(this.limits)
    this.expressions = new Expressions(options.subscriptions ?? PLAIN_SUBSCRIPTIONS, this)
    this.conflating = new Conflations(options.subscriptions?.conflate ?? [], this)
    this.retained = new Retained(this)
    this.sessions = new Sessions(this.deadlines, session => this.clients.expire(session))
    this.heldMessages = new HeldMessages(this.sessions, this.locked)
    this.subscriptions = new Subscriptions(options.share, options.queues, this)
    this.takeovers = new Takeovers(this.limits)
    this.wills = new Wills(this.publishing, this.deadlines, this.journal, this.memory)
    this.clients = new Clients(this, this.wills)
    const { authorRights = null, checksRetainSource = true } = options
    this.publishers = new RetainedAuthors(authorRights ?? (() => null), this.sessions, this.faults)
    this.authors = authorRights !== null && checksRetainSource ? this.publishers : null
  }

  /** Retained messages of clients and programs, without those that the broker publishes about itself. */
  get retainedCount(): number {
    return this.retained.ofClients
  }

  /** The number of the newest message. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  nextSequence(): number {
    this.#lastSequence += 1
    return this.#lastSequence
  }

  nextDelivery(): number {
    this.#lastDelivery += 1
    return this.#lastDelivery
  }

  /** Continues the numbers of earlier runs of the broker. */
  restoreNumbers(lastSequence: number, lastDelivery: number): void {
    this.#lastSequence = lastSequence
    this.#lastDelivery = lastDelivery
  }

  get isTakingOver(): boolean {
    return this.peers !== null && this.peers.isApplying
  }

  /** Whether a message might be owed to nobody, because not all other partitions are heard of: nothing is due before. */
  get mustWaitForPeers(): boolean {
    return this.peers?.isComplete === false
  }

  /** Sets the time of the turn and wakes the deadlines that are due. */
  tick(now: number): void {
    this.now = now
    this.turn += 1
    this.turnWorkLeft = this.limits.turnWorkTotalMax
    if (this.deadlines.next > now || this.mustWaitForPeers) return
    this.changing += 1
    // Publishing wills can be much work: half of the turn is kept for connected clients.
    this.deadlines.tick(now, this, this.turnWorkLeft / 2)
    this.changing -= 1
  }

  /**
   * Adds or replaces a subscription [MQTT-3.8.4-3]. Its retained messages are sent when the session is pumped.
   */
  subscribe(session: Session, asked: Subscription): void {
    this.changing += 1
    const isNew = !session.subscriptions.has(asked.filter)
    const subscription = this.subscriptions.enter(session, asked)
    this.#replayRetained(session, subscription, isNew)
    if (subscription.filter === UNDECIDED) this.transactions.undecided.askSoon(session.clientId)
    this.observer.subscribed?.(session.clientId, subscription)
    this.changing -= 1
  }

  /** Removes a subscription. Returns false when there was none. */
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

  queuesRefuse(isRefusing: boolean): void {
    this.refusesOverflow = this.#refusesByLimits || isRefusing || this.peers !== null
  }

  /** A transaction is applied until `apply` returns: nobody sees anything of it before its commit, which is returned. */
  withinTransaction(apply: () => void): CommitId {
    this.changing += 1
    this.transactionCommit = this.journal.current
    this.lastTransactionCommit = this.transactionCommit
    apply()
    assert(this.journal.length > 0, 'a transaction records that it was decided')
    this.transactionCommit = 0
    this.changing -= 1
    return this.lastTransactionCommit
  }

  /** Whether the client has the right to subscribe to each of the filters. */
  mayConsume({ clientId, rights }: Session, filters: readonly string[]): boolean {
    const { permissions } = rights
    return filters.every(topicFilter =>
      this.faults.maySubscribe(permissions, { topicFilter, shareName: null }, clientId),
    )
  }

  dropped(reason: DropReason, message: Message, clientId: string | null): void {
    this.statistics.dropped[reason] += 1
    this.observer.dropped?.(reason, message, clientId)
  }

  droppedInStore(reason: DropReason, messages: number): void {
    this.statistics.dropped[reason] += messages
  }

  replayFor(subscription: Subscription, sequenceMax: number, session: Session): RetainedReplay {
    const { peers, retained } = this
    const elsewhere = peers?.retainedElsewhere(subscription.topicFilter, sequenceMax) ?? null
    return new RetainedReplay(subscription, sequenceMax, session.clientId, retained, elsewhere)
  }

  /** Whether the subscription gets retained messages [MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11]. */
  #replayRetained(session: Session, subscription: Subscription, isNew: boolean): void {
    const { shareName, retainHandling, queue } = subscription
    if (isRetainedComplete(subscription.filter)) {
      session.replays.mark(subscription)
      return
    }
    const { peers } = this
    const isNone = peers === null && this.retained.count === 0
    if (shareName !== null || queue !== undefined || isNone) return
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew)
    if (isWanted) {
      session.replays.begin(this.replayFor(subscription, this.#lastSequence, session))
    } else if (!isNew && session.isReplaying) session.replays.resubscribed(subscription)
  }
}

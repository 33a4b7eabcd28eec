// The state of one client, connected or not: its subscriptions, its queue, and its messages in flight in both directions.

import type { CommitId } from '../store/journal.ts'
import { strict as assert } from 'node:assert'
import { type Message, withOwnBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { SessionOwner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import type { ClientRights } from './client-rights.ts'
import { Conflation } from './conflation.ts'
import { type Delivery, newDelivery } from './delivery.ts'
import { recordSettled } from './delivery-journal.ts'
import { type ExchangeOwner, Exchanges } from './exchanges.ts'
import { IncomingWindow } from './incoming-window.ts'
import type { Link } from './link.ts'
import { Memberships } from './memberships.ts'
import type { HeldDelivery } from './named-queue/held-delivery.ts'
import { OwnedQueue, type QueueOwner } from './waiting/owned-queue.ts'
import { type Recipient, RetainedReplays } from './retained-replays.ts'
import { type DropReason, isExpired, lossBy, type SessionContext } from './session-context.ts'
import type { DeliveryOptions, Target } from './target.ts'

// Wide on purpose: its fields are the parts of a client's state. Most parts are made when they are first needed, because most
// clients are idle.
export class Session implements Target, QueueOwner, ExchangeOwner, Recipient {
  readonly clientId: string
  // What each delivery reads lies together, so that it takes few lines of the processor's cache.
  readonly rights: ClientRights
  /** Whether it was to outlive its connection when it began. Then the store keeps it and its deliveries until it ends. */
  readonly isDurable: boolean
  /** The messages of QoS 1 and 2 that were sent and are not settled. */
  readonly exchanges: Exchanges
  readonly #context: SessionContext
  #link: Link | null = null
  #queue: OwnedQueue | null = null
  /** Made with the first subscription that gets retained messages. */
  #replays: RetainedReplays | null = null
  /** Made with the first message for a conflated subscription. */
  #conflation: Conflation | null = null
  readonly subscriptions: Map<string, Subscription>
  expiryIntervalSeconds: number
  /** Whether retained messages must wait because SUBACK was not sent yet. */
  holdsReplays = false
  #owner: SessionOwner | null = null
  #incoming: IncomingWindow | null = null
  #memberships: Memberships<Session> | null = null
  #held: Map<string, HeldDelivery> | null = null

  constructor(rights: ClientRights, expiryIntervalSeconds: number, context: SessionContext) {
    this.clientId = rights.clientId
    this.rights = rights
    this.subscriptions = rights.subscriptions
    this.isDurable = expiryIntervalSeconds > 0 && context.storesSessions
    this.expiryIntervalSeconds = expiryIntervalSeconds
    this.#context = context
    this.exchanges = new Exchanges(this, context)
  }

  get owner(): SessionOwner {
    this.#owner ??= { kind: 'session', clientId: this.clientId }
    return this.#owner
  }

  get link(): Link | null {
    return this.#link
  }

  get incoming(): IncomingWindow {
    this.#incoming ??= new IncomingWindow(this, this.#context.journal, this.#context.memory)
    return this.#incoming
  }

  /** The share groups that it is a member of. */
  get memberships(): Memberships<Session> {
    this.#memberships ??= new Memberships()
    return this.#memberships
  }

  /** What it holds of named queues until a transaction settles it, by delivery id. */
  get held(): Map<string, HeldDelivery> {
    this.#held ??= new Map<string, HeldDelivery>()
    return this.#held
  }

  get holdsAny(): boolean {
    return this.#held !== null && this.#held.size > 0
  }

  /** The retained messages that its subscriptions still get. They are sent before messages that are published later. */
  get replays(): RetainedReplays {
    this.#replays ??= new RetainedReplays(this, this.#context)
    return this.#replays
  }

  /** Its queue: messages of QoS 1 and 2, and messages of QoS 0 that wait behind retained messages. */
  get queue(): OwnedQueue {
    this.#queue ??= new OwnedQueue(this, this.#context, {
      bounds: this.#context.limits,
      origin: null,
      deliveries: null,
      share: this.rights.queueShare,
      saves: null,
    })
    return this.#queue
  }

  /** The messages in its queue, in memory and in the store. */
  get queuedMessages(): number {
    return this.#queue?.messages ?? 0
  }

  /** Their bytes, as the bounds count them. */
  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0
  }

  /** The bytes of its queue that are in memory. */
  get queuedInMemoryBytes(): number {
    return this.#queue === null ? 0 : this.#queue.waiting.bytes
  }

  /** Whether it could send a message now, without queueing it. */
  get canTake(): boolean {
    return (
      this.#link !== null && this.#link.isFlowing && this.exchanges.hasPlace && !this.#isBehind()
    )
  }

  /** Whether a message of QoS 0 could be sent now, behind no other. */
  get canSendQoS0(): boolean {
    const isBehind =
      this.#holdsReplayed() || (this.#queue !== null && this.#queue.waiting.holdsQoS0)
    return this.#link !== null && !isBehind && this.#link.hasRoom
  }

  get isConnected(): boolean {
    return this.#link !== null
  }

  /** The topics of which it got a message less than an interval ago, or one waits: see `Conflation`. */
  get conflatedTopics(): number {
    return this.#conflation?.topics ?? 0
  }

  /** Whether older messages must be sent before a new one. */
  #isBehind(): boolean {
    const isWaitedFor = this.#queue !== null && this.#queue.messages > 0
    return isWaitedFor || this.#holdsReplayed() || this.exchanges.isResending
  }

  /** Whether retained messages are still to be sent. */
  get isReplaying(): boolean {
    return this.#replays !== null && this.#replays.count > 0
  }

  /** Whether retained messages must be sent before anything else. */
  #holdsReplayed(): boolean {
    return this.#replays !== null && this.#replays.areReady
  }

  // It is short, and what few deliveries need is elsewhere, because V8 inlines so many instructions and no more: 1 → 500 at QoS 0 took a
  // tenth longer when the parts of a delivery were calls.
  deliver(message: Message, options: DeliveryOptions, commitId: CommitId): void {
    const { identifiers } = options
    const retain = message.retain && options.retainAsPublished
    // The smaller QoS of message and subscription [MQTT-3.8.4-8].
    const qos = message.qos < options.qos ? message.qos : options.qos
    const { rights } = this
    const { rules } = rights
    if (
      (rules.allowedSet !== rights.ruleSet || rules.allowedTopic !== message.topic) &&
      rights.coverage.coveredAt !== rules.version &&
      this.#withholds(message)
    ) {
      return
    }
    const mayConflate = options.conflateMs !== 0 || this.#conflation !== null
    // Otherwise it was sent, or waits.
    if (mayConflate && this.#conflated().take(message, retain, options)) return
    if (qos > 0) this.#deliverAcknowledged(message, qos, retain, identifiers, commitId)
    else if (
      this.#link === null ||
      // Otherwise the client would receive the retained message after a newer one.
      (this.#replays !== null && this.#replays.areReady) ||
      (this.#queue !== null && this.#queue.waiting.holdsQoS0)
    ) {
      this.#keepQoS0(message, retain, identifiers)
    } else this.sendQoS0(message, retain, identifiers, this.#context.transactionCommit)
  }

  /** Whether the client has no right to receive the message, which is dropped then. */
  #withholds(message: Message): boolean {
    if (!this.rights.withholdsNew(message)) return false
    this.#context.dropped('no-right-to-receive', message, this.clientId)
    return true
  }

  #deliverAcknowledged(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void {
    const stored = this.isDurable ? this.#context.nextDelivery() : 0
    const delivery = newDelivery(message, qos, retain, identifiers, null, stored, commitId)
    if (this.exchanges.mayBegin && !this.#isBehind()) this.exchanges.beginNew(delivery)
    else this.queue.pushNew(delivery)
  }

  #keepQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void {
    if (this.#link === null && !this.#context.limits.queueQoS0WhileAway) {
      this.#context.dropped('client-away', message, this.clientId)
      return
    }
    const owning = withOwnBytes(message)
    const { transactionCommit } = this.#context
    this.queue.pushNew(newDelivery(owning, 0, retain, identifiers, null, 0, transactionCommit))
  }

  hasRoomFor(message: Message, { identifiers }: DeliveryOptions): boolean {
    if (this.#context.limits.queueOverflow !== 'refuse') return true
    if (this.exchanges.mayBegin && !this.#isBehind()) return true
    return this.queue.hasRoomFor(message, identifiers, this.isDurable)
  }

  sendQoS0(
    message: Message,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void {
    if (this.#link === null) return
    if (!this.#link.hasRoom) this.#context.dropped(this.#link.lack, message, this.clientId)
    else {
      const outcome = this.#link.publishQoS0(message, retain, identifiers, commitId)
      if (outcome !== 'sent') this.#context.dropped(lossBy(outcome), message, this.clientId)
    }
  }

  /** Sends a message of a named queue at QoS 0. Returns false, and drops nothing, when it is too large for the client's packets. */
  takeOnce({ message, retain, identifiers, commitId }: Delivery): boolean {
    const link = this.#link
    if (link === null) return true
    const outcome = link.hasRoom ? link.publishQoS0(message, retain, identifiers, commitId) : null
    if (outcome === 'too-large') return false
    if (outcome === 'sent') return true
    this.#context.dropped(outcome === null ? link.lack : lossBy(outcome), message, this.clientId)
    return true
  }

  /** Takes a delivery that its share group has bound to this member. The caller has checked `canTake`. */
  take(delivery: Delivery): void {
    const { message, qos, retain, identifiers } = delivery
    if (qos > 0) {
      this.exchanges.begin(delivery)
      return
    }
    this.sendQoS0(message, retain, identifiers, delivery.commitId)
    // Only an import from another broker stores deliveries of QoS 0.
    if (delivery.origin === null) recordSettled(this.#context.journal, delivery, this.owner)
  }

  /** Settles a delivery: PUBACK, PUBCOMP, or a PUBREC that refuses. Returns false when the packet identifier is not in flight. */
  settle(packetId: number): boolean {
    if (!this.exchanges.settle(packetId)) return false
    this.pump()
    return true
  }

  /** The client refuses a message of QoS 1 by its PUBACK. */
  refuse(packetId: number): boolean {
    if (!this.exchanges.refuse(packetId)) return false
    this.pump()
    return true
  }

  /** The client has connected: sends unsettled messages again, then continues with the queue. */
  attach(link: Link, windowMax: number): void {
    assert(this.#link === null, 'a session has one link at a time')
    this.#link = link
    this.exchanges.attached(windowMax)
    if (this.#memberships !== null) {
      for (const group of this.#memberships.groups) group.attached(this)
    }
    this.pump()
  }

  /** The client has disconnected. */
  detach(): void {
    this.#link = null
    this.holdsReplays = false
    this.exchanges.detached()
    this.#replays?.detached()
    if (this.#memberships === null) return
    for (const group of this.#memberships.groups) group.detached(this)
  }

  /** Ends the session: its queue and messages in flight are dropped and counted, deliveries of share groups go back to them. */
  end(): void {
    this.#link = null
    this.#conflation?.end()
    this.#conflation = null
    this.#replays?.clear()
    this.#replays = null
    this.exchanges.end()
    if (this.#held !== null) for (const held of [...this.#held.values()]) held.return()
    this.#incoming?.clear()
    this.#queue?.discard('session-ended')
    this.#queue = null
  }

  /** Sends as much as possible now: unsettled messages, retained messages, the queue. Then reports to its share groups. */
  pump(): void {
    if (this.#link === null) return
    if (this.#isBehind()) {
      this.exchanges.resend()
      this.#replays?.pump()
      if (this.#queue !== null) this.#sendWaiting(this.#queue)
    }
    this.#conflation?.sendReady()
    this.#memberships?.tell(this)
  }

  /** Requests another pump in a later turn. */
  postpone(): void {
    this.#link?.postpone()
  }

  /** Restores deliveries from the store, first those in flight, then queued ones. `remainder` stays in the store until needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const waiting: Delivery[] = []
    for (const delivery of deliveries) {
      if (delivery.packetId === 0) waiting.push(delivery)
      else this.exchanges.restore(delivery)
    }
    if (waiting.length > 0 || remainder.messages > 0) this.queue.restore(waiting, remainder)
  }

  #conflated(): Conflation {
    this.#conflation ??= new Conflation(this, this.#context)
    return this.#conflation
  }

  /** Sends messages of the queue, as far as the window allows. */
  #sendWaiting(queue: OwnedQueue): void {
    const { waiting } = queue
    const { exchanges } = this
    let next = waiting.peek()
    while (next !== undefined && exchanges.mayBegin) {
      if (exchanges.isResending || this.#holdsReplayed()) break
      waiting.shift()
      const reason = this.lossOf(next.message)
      if (reason === null) this.take(next)
      else {
        queue.dropTaken(next, reason)
        if (this.#context.turnWorkLeft <= 0) {
          this.#link?.postpone()
          break
        }
      }
      next = waiting.peek()
    }
    // Pages are requested here at the latest: messages of QoS 0 and expired ones get no acknowledgement that would lead here again.
    queue.wantIfShort()
  }

  /** Returns why a message that waited is not sent any more, or null. */
  lossOf(message: Message): DropReason | null {
    if (isExpired(message, this.#context.now)) return 'message-expired'
    const isWithheld = this.rights.receivesBy !== null && this.rights.withholds(message)
    return isWithheld ? 'no-right-to-receive' : null
  }
}

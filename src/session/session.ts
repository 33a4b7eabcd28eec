// The state that the broker keeps for one client, connected or away: its queue, what it has in flight, its subscriptions.

import type { CommitId } from '../store/journal.ts'
import { strict as assert } from 'node:assert'
import { type Message, owningBytes, textBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Owner, SessionOwner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import { type ExchangeStage, type Delivery, type DeliveryOrigin, newDelivery } from './delivery.ts'
import { Discarding } from './discarding.ts'
import type { GroupOfMember } from './group-of-member.ts'
import { IncomingWindow } from './incoming-window.ts'
import type { Link } from './link.ts'
import { Memberships } from './memberships.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import { OutgoingWindow } from './outgoing-window.ts'
import { afterIdentifier, recordQueued, recordSent, recordSettled } from './delivery-journal.ts'
import { type Recipient, RetainedReplays } from './retained-replays.ts'
import { drop, dropPushedOut, isExpired, type SessionContext } from './session-context.ts'
import { type TailReader, QueueTail } from './queue-tail.ts'

const NONE: readonly never[] = []
const NO_GROUPS: ReadonlySet<GroupOfMember<Session>> = new Set()

/** A session with its maps, before anything waits in it; and its client id, which stands in the store's changes as well. */
export function sessionBytes(clientId: string): number {
  return SESSION_BYTES + 2 * textBytes(clientId)
}

const SESSION_BYTES = 1_100

export class Session implements TailReader, Recipient {
  readonly clientId: string
  /** It was to outlive its connection when it began: the store keeps it and its deliveries until it ends. */
  readonly isDurable: boolean
  readonly subscriptions: Map<string, Subscription> = new Map()
  expiryIntervalSeconds: number
  /** SUBACK goes before the retained messages of its filters, and is not said yet. */
  holdsReplays = false
  readonly #context: SessionContext
  readonly #window: OutgoingWindow
  // These are made when they are first needed: most clients are only there.
  #owner: SessionOwner | null = null
  #incoming: IncomingWindow | null = null
  #memberships: Memberships<Session> | null = null
  #queue: MessageQueue | null = null
  #link: Link | null = null
  #windowMax = 0
  /** What was unsettled when the client came back and is not sent again yet. */
  #resend: readonly Delivery[] = NONE
  /** Made with the first subscription that there are retained messages for. */
  #replays: RetainedReplays | null = null

  constructor(clientId: string, expiryIntervalSeconds: number, context: SessionContext) {
    this.clientId = clientId
    this.isDurable = expiryIntervalSeconds > 0 && context.storesSessions
    this.expiryIntervalSeconds = expiryIntervalSeconds
    this.#context = context
    this.#window = new OutgoingWindow(context.memory)
  }

  get owner(): SessionOwner {
    this.#owner ??= { kind: 'session', clientId: this.clientId }
    return this.#owner
  }

  get incoming(): IncomingWindow {
    this.#incoming ??= new IncomingWindow(this, this.#context.journal, this.#context.memory)
    return this.#incoming
  }

  get isAttached(): boolean {
    return this.#link !== null
  }

  /** The share groups that it is a member of. */
  get groups(): ReadonlySet<GroupOfMember<Session>> {
    return this.#memberships?.groups ?? NO_GROUPS
  }

  get memberships(): Memberships<Session> {
    this.#memberships ??= new Memberships()
    return this.#memberships
  }

  get inFlight(): number {
    return this.#window.size
  }

  get windowMax(): number {
    return this.#windowMax
  }

  get queuedMessages(): number {
    return this.#queue === null ? 0 : this.#queue.messages
  }

  get queuedBytes(): number {
    return this.#queue === null ? 0 : this.#queue.bytesInAll
  }

  /** Could send a message at this moment without letting it wait. */
  get canTake(): boolean {
    return this.#link !== null && this.#link.isFlowing && this.#hasPlace && !this.#isBehind
  }

  /** Something older must be sent before what comes now. */
  get #isBehind(): boolean {
    const isWaitedFor = this.#queue !== null && !this.#queue.isEmpty
    return isWaitedFor || this.#isReplaying || this.#resend.length > 0
  }

  /**
   * Owes the client a message, at the smaller QoS of message and subscription [MQTT-3.8.4-8].
   * `commitId` is what the message's own storage waits for, 0 when nobody stored it.
   */
  deliver(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void {
    if (qos === 0) {
      this.#deliverQoS0(message, retain, identifiers)
      return
    }
    const delivery = this.#newDelivery(message, qos, retain, identifiers, commitId)
    if (this.hasWindow && !this.#isBehind) this.#startNew(delivery)
    else this.#wait(delivery)
  }

  /** Takes a delivery that its share group has bound to this member. `canTake` was true. */
  take(delivery: Delivery): void {
    if (delivery.qos === 0) {
      this.#sendQoS0(delivery.message, delivery.retain, delivery.identifiers)
      return
    }
    this.#start(delivery)
  }

  /** The retained messages of its subscriptions, which go before all that is published from now on. */
  get replays(): RetainedReplays {
    this.#replays ??= new RetainedReplays(this, this.#context)
    return this.#replays
  }

  /** The subscription has other options now; what it asked for before is still sent [MQTT-3.8.4-4]. */
  resubscribed(subscription: Subscription): void {
    this.#replays?.resubscribed(subscription)
  }

  /** No subscription, no replay [MQTT-3.10.4-2]. */
  unsubscribed(filter: string): void {
    this.#replays?.unsubscribed(filter)
  }

  get #isReplaying(): boolean {
    return this.#replays !== null && this.#replays.count > 0
  }

  /** PUBACK, PUBCOMP, or a PUBREC that refuses. False when no such packet identifier is in flight. */
  settle(packetId: number): boolean {
    const delivery = this.#window.get(packetId)
    if (delivery === undefined) return false
    this.#forget(delivery)
    this.pump()
    return true
  }

  /** PUBREC: answers with PUBREL once that is stored [MQTT-4.3.3-4]. False for an unknown identifier. */
  receive(packetId: number): boolean {
    const delivery = this.#window.get(packetId)
    if (delivery === undefined || delivery.qos !== 2) return false
    if (!delivery.isReceived) {
      this.#window.received(delivery)
      if (delivery.stored !== 0) {
        const { clientId } = this
        this.#context.journal.record({ kind: 'received', delivery: delivery.stored, clientId })
        delivery.commitId = this.#context.journal.current
      }
    }
    this.#link?.pubrel(packetId, delivery.commitId)
    return true
  }

  /** How far the exchange under this identifier has come. */
  stageOf(packetId: number): ExchangeStage {
    const delivery = this.#window.get(packetId)
    if (delivery === undefined) return 'none'
    if (delivery.qos !== 2) return 'at-least-once'
    return delivery.isReceived ? 'exactly-once-received' : 'exactly-once-sent'
  }

  /** The client is here: resends what was unsettled, in order [MQTT-4.4.0-1], then goes on. */
  attach(link: Link, windowMax: number): void {
    assert(this.#link === null, 'a session has one link at a time')
    this.#link = link
    this.#windowMax = windowMax
    this.#resend = this.#window.unsettled()
    for (const group of this.groups) group.attached(this)
    this.pump()
  }

  /** The client is away. */
  detach(): void {
    this.#link = null
    this.#resend = NONE
    this.holdsReplays = false
    this.#window.disconnected()
    for (const group of this.groups) group.detached(this)
  }

  /** Gives back to a share group the QoS 1 messages that were sent and not settled; QoS 2 must stay [MQTT-4.8.2-4]. */
  giveBack(group: DeliveryOrigin): void {
    const returned: Delivery[] = []
    for (const delivery of this.#window.unsettled()) {
      if (delivery.origin !== group || delivery.qos !== 1 || delivery.isOnWire) continue
      this.#window.settle(delivery)
      returned.push(delivery)
    }
    if (returned.length > 0) group.returned(this.clientId, returned)
  }

  /** The session is over: what it had queued or in flight is dropped and counted, what came through groups goes back. */
  end(): void {
    this.#link = null
    this.#window.disconnected()
    this.#replays?.clear()
    this.#replays = null
    // Also to a group that it has left since.
    for (const group of this.#window.groups()) this.giveBack(group)
    for (const delivery of this.#window.unsettled()) {
      // One change removes a stored session with its deliveries. What a group gave another session is the group's in the store.
      if (!this.isDurable) recordSettled(this.#context.journal, delivery, this.#placeOf(delivery))
      this.#release(delivery)
      if (!delivery.isReceived)
        this.#context.dropped('session-ended', delivery.message, this.clientId)
    }
    this.#window.clear()
    this.#incoming?.clear()
    if (this.#queue === null) return
    new Discarding(this.#context, this.#queue, 'session-ended', this.clientId).proceed()
    this.#queue = null
  }

  /** Sends what can be sent now: resends, retained messages, the queue; then lets its groups know. */
  pump(): void {
    if (this.#link === null) return
    if (this.#isBehind) {
      this.#pumpResends()
      this.#replays?.pump()
      this.#pumpQueue()
    }
    this.#memberships?.tell(this)
  }

  /** What the store kept, those sent before those that wait; `remainder` stays there until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const waiting = deliveries.filter(({ packetId }) => packetId === 0)
    for (const delivery of deliveries) {
      if (delivery.packetId !== 0) this.#window.restore(delivery)
    }
    if (waiting.length === 0 && remainder.messages === 0) return
    this.#openQueue.restore(waiting)
    this.#openQueue.tail.restore(waiting, remainder.messages, remainder.bytes)
  }

  /** The next page of the queue has come from the store. */
  paged(deliveries: readonly Delivery[]): void {
    dropPushedOut(this.#context, this.#openQueue.paged(deliveries, this.#bounds), this.owner)
    this.pump()
  }

  /** The queue, made if there is none. */
  get #openQueue(): MessageQueue {
    this.#queue ??= new MessageQueue(new QueueTail(this.owner, null, this.#context, this))
    return this.#queue
  }

  get mayReplay(): boolean {
    if (this.holdsReplays || this.#resend.length > 0) return false
    return this.#link !== null && this.#link.hasRoom
  }

  get hasWindow(): boolean {
    return this.#link !== null && this.#link.hasRoom && this.#hasPlace
  }

  get #hasPlace(): boolean {
    return this.#window.hasRoom(this.#windowMax, this.#context.limits.inFlightBytesMax)
  }

  sendRetained(message: Message, qos: QoS, identifiers: readonly number[]): void {
    if (qos === 0) {
      this.#sendQoS0(message, true, identifiers)
      return
    }
    const { latest } = this.#context.journal
    this.#startNew(this.#newDelivery(message, qos, true, identifiers, latest))
  }

  postpone(): void {
    this.#link?.postpone()
  }

  #deliverQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void {
    // Behind a replay it waits, so that the retained value is not heard after a newer one; and behind its like.
    if (this.#link !== null && !this.#isReplaying && this.#queue?.holdsQoS0 !== true) {
      this.#sendQoS0(message, retain, identifiers)
    } else if (this.#link !== null || this.#context.limits.queueQoS0WhileAway) {
      this.#wait(this.#unstored(message, retain, identifiers))
    } else {
      this.#context.dropped('client-away', message, this.clientId)
    }
  }

  #sendQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void {
    if (this.#link === null) return
    if (!this.#link.hasRoom) this.#context.dropped('outbox-full', message, this.clientId)
    else if (this.#link.publishQoS0(message, retain, identifiers) === 'too-large') {
      this.#context.dropped('packet-too-large', message, this.clientId)
    }
  }

  #newDelivery(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): Delivery {
    const stored = this.isDurable ? this.#context.nextDelivery() : 0
    return newDelivery(message, qos, retain, identifiers, null, stored, commitId)
  }

  #unstored(message: Message, retain: boolean, identifiers: readonly number[]): Delivery {
    return newDelivery(owningBytes(message), 0, retain, identifiers, null, 0, 0)
  }

  #wait(delivery: Delivery): void {
    const pushedOut = this.#openQueue.push(delivery, this.#bounds, this.#context.now)
    if (pushedOut.length > 0) {
      // What was never queued need not be settled.
      const isLost = pushedOut.at(-1) === delivery
      if (isLost) delivery.stored = 0
      dropPushedOut(this.#context, pushedOut, this.owner, this.#openQueue.lostTo)
      if (isLost) return
    }
    recordQueued(this.#context.journal, delivery, this.owner)
  }

  get #bounds(): QueueBounds {
    const { queuedMessagesMax, queuedBytesMax, queueOverflow } = this.#context.limits
    return { messagesMax: queuedMessagesMax, bytesMax: queuedBytesMax, overflow: queueOverflow }
  }

  /** Sends a new delivery at once. */
  #startNew(delivery: Delivery): void {
    if (!this.#window.open(delivery)) {
      this.#context.dropped('no-packet-identifier', delivery.message, this.clientId)
      return
    }
    recordQueued(this.#context.journal, delivery, this.owner)
    afterIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  /** Sends for the first time a delivery that has waited. */
  #start(delivery: Delivery): void {
    if (!this.#window.open(delivery)) {
      this.#release(delivery)
      const owner = delivery.origin?.owner ?? this.owner
      drop(this.#context, 'no-packet-identifier', delivery, owner)
      return
    }
    recordSent(this.#context.journal, delivery, delivery.origin?.owner ?? this.owner, this.clientId)
    afterIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  #send(delivery: Delivery, duplicate: boolean): void {
    if (this.#link === null) return
    this.#window.sent(delivery)
    if (delivery.isReceived) {
      this.#link.pubrel(delivery.packetId, delivery.commitId)
    } else if (this.#link.publish(delivery, duplicate) === 'too-large') {
      this.#forget(delivery)
      this.#context.dropped('packet-too-large', delivery.message, this.clientId)
    }
  }

  /** Settled, one way or the other. */
  #forget(delivery: Delivery): void {
    this.#window.settle(delivery)
    recordSettled(this.#context.journal, delivery, this.#placeOf(delivery))
    this.#release(delivery)
  }

  /** Where the store has a delivery that was sent: it stays with a group whose member has no stored session. */
  #placeOf(delivery: Delivery): Owner {
    return this.isDurable || delivery.origin === null ? this.owner : delivery.origin.owner
  }

  #release(delivery: Delivery): void {
    delivery.origin?.released(this.clientId)
  }

  #pumpResends(): void {
    let next = 0
    while (next < this.#resend.length && this.hasWindow) {
      const delivery = this.#resend[next]
      next += 1
      if (delivery === undefined || this.#window.get(delivery.packetId) !== delivery) continue
      // Expiry does not matter any more: its delivery was started [MQTT-3.3.2-5].
      this.#send(delivery, true)
    }
    if (next > 0) this.#resend = this.#resend.slice(next)
  }

  #pumpQueue(): void {
    this.#sendWaiting()
    // Asked last: what was sent at QoS 0, or has expired, brings no answer that would let us ask later.
    if (this.#queue?.tail.isNeeded(this.#queue.length, this.#queue.bytes) === true)
      this.#queue.tail.want()
  }

  #sendWaiting(): void {
    while (this.#resend.length === 0 && !this.#isReplaying) {
      const delivery = this.#queue?.peek()
      if (delivery === undefined || !this.hasWindow) return
      this.#queue?.shift()
      if (isExpired(delivery.message, this.#context.now)) {
        this.#release(delivery)
        drop(this.#context, 'message-expired', delivery, this.owner)
        this.#context.turnWorkLeft -= 1
        if (this.#context.turnWorkLeft > 0) continue
        this.#link?.postpone()
        return
      } else if (delivery.qos === 0) {
        this.#sendQoS0(delivery.message, delivery.retain, delivery.identifiers)
      } else {
        this.#start(delivery)
      }
    }
  }
}

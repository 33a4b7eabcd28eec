// What the broker owes one client, connected or away: deliver, settle, attach, detach.

import { strict as assert } from 'node:assert'
import { type Message, owningBytes, textBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Owner, SessionOwner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import { type Delivery, type DeliveryOrigin, newDelivery } from './delivery.ts'
import type { GroupOfMember } from './group-of-member.ts'
import { IncomingWindow } from './incoming-window.ts'
import type { Link } from './link.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import { OutgoingWindow } from './outgoing-window.ts'
import { promiseIdentifier, recordOwed, recordSent } from './records.ts'
import type { Replay } from './replay.ts'
import { drop, isExpired, type SessionContext } from './session-context.ts'
import { type RestOfLine, StoredRest } from './stored-rest.ts'

const NONE: readonly never[] = []
const NO_GROUPS: ReadonlySet<GroupOfMember<Session>> = new Set()

/** A session with its maps, before anything waits in it; and its client id, which stands in the store's facts as well. */
export function sessionBytes(clientId: string): number {
  return SESSION_BYTES + 2 * textBytes(clientId)
}

const SESSION_BYTES = 1_100

export class Session implements RestOfLine {
  readonly clientId: string
  /** It was to outlive its connection when it began: the store keeps it and what it is owed until it ends. */
  readonly isDurable: boolean
  readonly subscriptions: Map<string, Subscription> = new Map()
  expiryIntervalSeconds: number
  #groups: Set<GroupOfMember<Session>> | null = null
  readonly #context: SessionContext
  readonly #window: OutgoingWindow
  // These are made when they are first needed: most clients are only there.
  #owner: SessionOwner | null = null
  #incoming: IncomingWindow | null = null
  #line: MessageQueue | null = null
  #link: Link | null = null
  #windowMax = 0
  /** What was unsettled when the client came back and is not sent again yet. */
  #resend: readonly Delivery[] = NONE
  #replays: Replay[] = []

  constructor(clientId: string, expiryIntervalSeconds: number, context: SessionContext) {
    this.clientId = clientId
    this.isDurable = expiryIntervalSeconds > 0 && context.storesSessions
    this.expiryIntervalSeconds = expiryIntervalSeconds
    this.#context = context
    this.#window = new OutgoingWindow(context.kept)
  }

  get owner(): SessionOwner {
    this.#owner ??= { kind: 'session', clientId: this.clientId }
    return this.#owner
  }

  get incoming(): IncomingWindow {
    this.#incoming ??= new IncomingWindow(this, this.#context.journal, this.#context.kept)
    return this.#incoming
  }

  get isAttached(): boolean {
    return this.#link !== null
  }

  /** The share groups that it is a member of. */
  get groups(): ReadonlySet<GroupOfMember<Session>> {
    return this.#groups ?? NO_GROUPS
  }

  joined(group: GroupOfMember<Session>): void {
    this.#groups ??= new Set()
    this.#groups.add(group)
  }

  left(group: GroupOfMember<Session>): void {
    this.#groups?.delete(group)
  }

  get inFlight(): number {
    return this.#window.size
  }

  get windowMax(): number {
    return this.#windowMax
  }

  get queuedMessages(): number {
    return this.#line === null ? 0 : this.#line.messages
  }

  get queuedBytes(): number {
    return this.#line === null ? 0 : this.#line.bytesInAll
  }

  /** Could send a message at this moment without letting it wait. */
  get canTake(): boolean {
    return this.#link !== null && this.#link.isFlowing && this.#hasPlace && !this.#isBehind
  }

  /** Something older must be sent before what comes now. */
  get #isBehind(): boolean {
    const isWaitedFor = this.#line !== null && !this.#line.isEmpty
    return isWaitedFor || this.#replays.length > 0 || this.#resend.length > 0
  }

  /**
   * Owes the client a message, at the smaller QoS of message and subscription [MQTT-3.8.4-8].
   * `promise` is what the message's own storage waits for, 0 when nobody stored it.
   */
  deliver(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    promise: number,
  ): void {
    if (qos === 0) {
      this.#deliverQoS0(message, retain, identifiers)
      return
    }
    const delivery = this.#newDelivery(message, qos, retain, identifiers, promise)
    if (this.#hasWindow && !this.#isBehind) this.#startOwed(delivery)
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

  /** Sends the retained messages of a new subscription before all that is published from now on. */
  replay(replay: Replay): void {
    this.#replays.push(replay)
    this.pump()
  }

  /** PUBACK, or a PUBREC that refuses. False when no such packet identifier is in flight. */
  settle(packetId: number): boolean {
    const delivery = this.#window.get(packetId)
    if (delivery === undefined) return false
    this.#forget(delivery)
    this.pump()
    return true
  }

  /** PUBREC: answers with PUBREL once the fact is safe [MQTT-4.3.3-4]. False for an unknown identifier. */
  receive(packetId: number): boolean {
    const delivery = this.#window.get(packetId)
    if (delivery === undefined || delivery.qos !== 2) return false
    if (!delivery.isReceived) {
      this.#window.received(delivery)
      if (delivery.stored !== 0) {
        const { clientId } = this
        this.#context.journal.record({ kind: 'received', delivery: delivery.stored, clientId })
        delivery.promise = this.#context.journal.current
      }
    }
    this.#link?.pubrel(packetId, delivery.promise)
    return true
  }

  /** The QoS of what is in flight under this identifier, or null. */
  inFlightQoS(packetId: number): QoS | null {
    return this.#window.get(packetId)?.qos ?? null
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
    this.#window.disconnected()
    for (const group of this.groups) group.detached(this)
  }

  /** Gives back to a share group the QoS 1 messages that were sent and not settled; QoS 2 must stay [MQTT-4.8.2-4]. */
  surrender(group: DeliveryOrigin): void {
    const returned: Delivery[] = []
    for (const delivery of this.#window.unsettled()) {
      if (delivery.origin !== group || delivery.qos !== 1 || delivery.isOnWire) continue
      this.#window.settle(delivery)
      returned.push(delivery)
    }
    if (returned.length > 0) group.returned(this.clientId, returned)
  }

  /** The session is over: all that it owed is dropped and counted, what groups lent it goes back. */
  end(): void {
    this.#link = null
    this.#window.disconnected()
    for (const group of this.groups) this.surrender(group)
    for (const delivery of [...this.#window.unsettled(), ...(this.#line?.drain() ?? NONE)]) {
      delivery.origin?.released(this.clientId)
      // The store forgets them with the session, in one fact.
      if (!delivery.isReceived)
        this.#context.dropped('session-ended', delivery.message, this.clientId)
    }
    this.#context.droppedInStore('session-ended', this.#line?.rest.clear() ?? 0)
    this.#window.clear()
    this.#incoming?.clear()
    this.#replays = []
  }

  /** Sends what can be sent now: resends, retained messages, the waiting line; then lets its groups know. */
  pump(): void {
    if (this.#link === null) return
    if (this.#isBehind) {
      this.#pumpResends()
      this.#pumpReplays()
      this.#pumpQueue()
    }
    if (this.groups.size > 0 && this.canTake) {
      for (const group of this.groups) group.ready(this)
    }
  }

  /** What the store kept, those sent before those that wait; `remainder` stays there until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const waiting = deliveries.filter(({ packetId }) => packetId === 0)
    for (const delivery of deliveries) {
      if (delivery.packetId !== 0) this.#window.restore(delivery)
    }
    if (waiting.length === 0 && remainder.messages === 0) return
    this.#queue.putBack(waiting)
    this.#queue.rest.restore(waiting, remainder.messages, remainder.bytes)
  }

  /** The next page of the waiting line has come from the store. */
  paged(deliveries: readonly Delivery[]): void {
    const pushedOut = this.#queue.paged(deliveries, this.#bounds)
    for (const lost of pushedOut) drop(this.#context, 'queue-full', lost, this.owner)
    this.pump()
  }

  /** The waiting line. */
  get #queue(): MessageQueue {
    this.#line ??= new MessageQueue(new StoredRest(this.owner, null, this.#context, this))
    return this.#line
  }

  get #hasWindow(): boolean {
    return this.#link !== null && this.#link.hasRoom && this.#hasPlace
  }

  get #hasPlace(): boolean {
    return this.#window.hasRoom(this.#windowMax, this.#context.limits.inFlightBytesMax)
  }

  #deliverQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void {
    // Behind a replay it waits, so that the retained value is not heard after a newer one; and behind its like.
    if (this.#link !== null && this.#replays.length === 0 && this.#line?.holdsQoS0 !== true) {
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
    promise: number,
  ): Delivery {
    const stored = this.isDurable ? this.#context.nextDelivery() : 0
    return newDelivery(message, qos, retain, identifiers, null, stored, promise)
  }

  #unstored(message: Message, retain: boolean, identifiers: readonly number[]): Delivery {
    return newDelivery(owningBytes(message), 0, retain, identifiers, null, 0, 0)
  }

  #wait(delivery: Delivery): void {
    for (const lost of this.#queue.push(delivery, this.#bounds)) {
      // What was never owed need not be settled.
      if (lost !== delivery) drop(this.#context, this.#queue.lostTo, lost, this.owner)
      else {
        this.#context.dropped(this.#queue.lostTo, lost.message, this.clientId)
        return
      }
    }
    recordOwed(this.#context.journal, delivery, this.owner)
  }

  get #bounds(): QueueBounds {
    const { queuedMessagesMax, queuedBytesMax, queueOverflow } = this.#context.limits
    return {
      messagesMax: queuedMessagesMax,
      bytesMax: queuedBytesMax,
      overflow: queueOverflow,
    }
  }

  /** Sends at once what becomes owed with it. */
  #startOwed(delivery: Delivery): void {
    if (!this.#window.open(delivery)) {
      this.#context.dropped('no-packet-identifier', delivery.message, this.clientId)
      return
    }
    recordOwed(this.#context.journal, delivery, this.owner)
    promiseIdentifier(this.#context.journal, delivery)
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
    promiseIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  #send(delivery: Delivery, duplicate: boolean): void {
    if (this.#link === null) return
    this.#window.sent(delivery)
    if (delivery.isReceived) {
      this.#link.pubrel(delivery.packetId, delivery.promise)
    } else if (this.#link.publish(delivery, duplicate) === 'too-large') {
      this.#forget(delivery)
      this.#context.dropped('packet-too-large', delivery.message, this.clientId)
    }
  }

  /** Settled, one way or the other. */
  #forget(delivery: Delivery): void {
    this.#window.settle(delivery)
    if (delivery.stored !== 0) {
      const owner = this.#placeOf(delivery)
      this.#context.journal.record({ kind: 'settled', delivery: delivery.stored, owner })
    }
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
    while (next < this.#resend.length && this.#hasWindow) {
      const delivery = this.#resend[next]
      next += 1
      if (delivery === undefined || this.#window.get(delivery.packetId) !== delivery) continue
      // Expiry does not matter any more: its delivery was started [MQTT-3.3.2-5].
      this.#send(delivery, true)
    }
    if (next > 0) this.#resend = this.#resend.slice(next)
  }

  #pumpReplays(): void {
    while (this.#resend.length === 0 && this.#link !== null && this.#link.hasRoom) {
      const replay = this.#replays[0]
      if (replay === undefined) return
      const message = replay.peek()
      if (message === 'later') {
        this.#link.postpone()
        return
      }
      if (message === null) this.#replays.shift()
      else if (!this.#replayOne(replay, message)) return
    }
  }

  /** False when it must wait for room in the window. */
  #replayOne(replay: Replay, message: Message): boolean {
    if (isExpired(message, this.#context.now)) {
      replay.take()
      return true
    }
    const qos = replay.qosOf(message)
    if (qos > 0 && !this.#hasWindow) return false
    replay.take()
    if (qos === 0) this.#sendQoS0(message, true, replay.identifiers)
    else {
      const { latest } = this.#context.journal
      this.#startOwed(this.#newDelivery(message, qos, true, replay.identifiers, latest))
    }
    return true
  }

  #pumpQueue(): void {
    this.#sendWaiting()
    // Asked last: what was sent at QoS 0, or has expired, brings no answer that would let us ask later.
    if (this.#line?.rest.isNeeded(this.#line.length, this.#line.bytes) === true)
      this.#line.rest.want()
  }

  #sendWaiting(): void {
    while (this.#resend.length === 0 && this.#replays.length === 0) {
      const delivery = this.#line?.peek()
      if (delivery === undefined || !this.#hasWindow) return
      this.#line?.shift()
      if (isExpired(delivery.message, this.#context.now)) {
        this.#release(delivery)
        drop(this.#context, 'message-expired', delivery, this.owner)
      } else if (delivery.qos === 0) {
        this.#sendQoS0(delivery.message, delivery.retain, delivery.identifiers)
      } else {
        this.#start(delivery)
      }
    }
  }
}

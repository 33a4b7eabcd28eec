// What the broker owes one client, connected or away: deliver, settle, attach, detach.

import { strict as assert } from 'node:assert'
import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Delivery, DeliveryOrigin } from './delivery.ts'
import { IncomingWindow } from './incoming-window.ts'
import type { Link } from './link.ts'
import { MessageQueue } from './message-queue.ts'
import { OutgoingWindow } from './outgoing-window.ts'
import type { Replay } from './replay.ts'
import { drop, isExpired, type SessionContext } from './session-context.ts'

/** A share group, as its member sees it. */
export interface GroupOfMember extends DeliveryOrigin {
  /** The member can take a message: the group may hand it one. */
  ready(session: Session): void
  attached(session: Session): void
  detached(session: Session): void
  /** A member's durability has changed. */
  membershipChanged(): void
}

const NO_IDENTIFIERS: readonly number[] = []

export class Session {
  readonly clientId: string
  readonly incoming: IncomingWindow
  readonly subscriptions: Map<string, Subscription> = new Map()
  readonly groups: Set<GroupOfMember> = new Set()
  expiryIntervalSeconds: number
  readonly #context: SessionContext
  readonly #window = new OutgoingWindow()
  readonly #queue = new MessageQueue()
  #link: Link | null = null
  #windowMax = 0
  /** What was unsettled when the client came back and is not sent again yet. */
  #resend: Delivery[] = []
  #replays: Replay[] = []

  constructor(clientId: string, expiryIntervalSeconds: number, context: SessionContext) {
    this.clientId = clientId
    this.expiryIntervalSeconds = expiryIntervalSeconds
    this.#context = context
    this.incoming = new IncomingWindow(this, context.journal)
  }

  /** Outlives its connection, so what it is owed must survive a crash. */
  get isDurable(): boolean {
    return this.expiryIntervalSeconds > 0
  }

  get isAttached(): boolean {
    return this.#link !== null
  }

  get inFlight(): number {
    return this.#window.size
  }

  get windowMax(): number {
    return this.#windowMax
  }

  get queuedMessages(): number {
    return this.#queue.length
  }

  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Could send a message at this moment without letting it wait. */
  get canTake(): boolean {
    return (
      this.#link !== null &&
      this.#link.isFlowing &&
      this.#window.onWire < this.#windowMax &&
      !this.#isBehind
    )
  }

  /** Something older must be sent before what comes now. */
  get #isBehind(): boolean {
    return this.#queue.length > 0 || this.#replays.length > 0 || this.#resend.length > 0
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
    const delivery = this.#owe(message, qos, retain, identifiers, promise)
    if (this.#hasWindow && !this.#isBehind) this.#start(delivery)
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
        this.#context.journal.record({ kind: 'received', delivery: delivery.stored })
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
    this.#resend = [...this.#window.unsettled()]
    for (const group of this.groups) group.attached(this)
    this.pump()
  }

  /** The client is away. */
  detach(): void {
    this.#link = null
    this.#resend = []
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
    for (const delivery of [...this.#window.unsettled(), ...this.#queue.drain()]) {
      delivery.origin?.released(this.clientId)
      // The store forgets them with the session, in one fact.
      if (!delivery.isReceived)
        this.#context.dropped('session-ended', delivery.message, this.clientId)
    }
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

  /** A delivery that the store kept; sent before or still waiting. */
  restore(delivery: Delivery): void {
    if (delivery.packetId !== 0) this.#window.restore(delivery)
    else this.#queue.putBack([...this.#queue.drain(), delivery])
  }

  get #hasWindow(): boolean {
    return this.#link !== null && this.#link.hasRoom && this.#window.onWire < this.#windowMax
  }

  #deliverQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void {
    // Behind a replay it waits, so that the retained value is not heard after a newer one.
    if (this.#link !== null && this.#replays.length === 0) {
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

  #owe(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    promise: number,
  ): Delivery {
    const stored = this.isDurable ? this.#context.nextDelivery() : 0
    if (stored !== 0) {
      const owner = { kind: 'session', clientId: this.clientId } as const
      const { sequence } = message
      this.#context.journal.record({
        kind: 'owed',
        delivery: stored,
        owner,
        sequence,
        qos,
        retain,
        identifiers,
      })
    }
    return newDelivery(message, qos, retain, identifiers, null, stored, promise)
  }

  #unstored(message: Message, retain: boolean, identifiers: readonly number[]): Delivery {
    return newDelivery(owningBytes(message), 0, retain, identifiers, null, 0, 0)
  }

  #wait(delivery: Delivery): void {
    const { queuedMessagesMax, queuedBytesMax, queueOverflow } = this.#context.limits
    const pushedOut = this.#queue.push(delivery, {
      messagesMax: queuedMessagesMax,
      bytesMax: queuedBytesMax,
      overflow: queueOverflow,
    })
    for (const lost of pushedOut) drop(this.#context, 'queue-full', lost, this.clientId)
  }

  /** Sends a delivery for the first time. */
  #start(delivery: Delivery): void {
    if (!this.#window.open(delivery)) {
      this.#release(delivery)
      drop(this.#context, 'no-packet-identifier', delivery, this.clientId)
      return
    }
    this.#recordSent(delivery)
    this.#send(delivery, false)
  }

  #recordSent(delivery: Delivery): void {
    if (delivery.stored === 0) return
    const { clientId } = this
    const { packetId } = delivery
    this.#context.journal.record({ kind: 'sent', delivery: delivery.stored, clientId, packetId })
    // The identifier of a QoS 2 message must come back the same after a crash, or it is delivered twice.
    if (delivery.qos === 2) delivery.promise = this.#context.journal.current
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
    if (delivery.stored !== 0)
      this.#context.journal.record({ kind: 'settled', delivery: delivery.stored })
    this.#release(delivery)
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
    else
      this.#start(this.#owe(message, qos, true, replay.identifiers, this.#context.journal.latest))
    return true
  }

  #pumpQueue(): void {
    while (this.#resend.length === 0 && this.#replays.length === 0) {
      const delivery = this.#queue.peek()
      if (delivery === undefined || !this.#hasWindow) return
      this.#queue.shift()
      if (isExpired(delivery.message, this.#context.now)) {
        this.#release(delivery)
        drop(this.#context, 'message-expired', delivery, this.clientId)
      } else if (delivery.qos === 0) {
        this.#sendQoS0(delivery.message, delivery.retain, delivery.identifiers)
      } else {
        this.#start(delivery)
      }
    }
  }
}

export function newDelivery(
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[],
  origin: DeliveryOrigin | null,
  stored: number,
  promise: number,
): Delivery {
  return {
    message,
    qos,
    retain,
    identifiers: identifiers.length === 0 ? NO_IDENTIFIERS : identifiers,
    origin,
    stored,
    promise,
    packetId: 0,
    isReceived: false,
    isOnWire: false,
  }
}

/** A message of QoS 0 shares memory with the socket's chunk; one that waits must own its bytes. */
export function owningBytes(message: Message): Message {
  return { ...message, payload: Buffer.from(message.payload) }
}

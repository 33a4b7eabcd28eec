// A client that is connected: what it may send from here on, and what it is answered.

import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import { makeMessage, textBytes } from '../message.ts'
import type {
  AcknowledgementPacket,
  AuthPacket,
  DisconnectPacket,
  Packet,
  PublishPacket,
  SubscribePacket,
  UnsubscribePacket,
} from '../packet/packet.ts'
import { NO_PROPERTIES } from '../packet/packet.ts'
import {
  isFailure,
  NO_MATCHING_SUBSCRIBERS,
  PACKET_IDENTIFIER_NOT_FOUND,
  PROTOCOL_ERROR,
  type ReasonCode,
  RECEIVE_MAXIMUM_EXCEEDED,
} from '../packet/reason.ts'
import type { Session } from '../session/session.ts'
import type { Agreement } from './agreement.ts'
import { CannotServe, ProtocolError } from './protocol-error.ts'
import {
  type Publisher,
  type Refusal,
  refusalOf,
  retainRefusal,
  storeRefusal,
  topicOf,
} from './publish.ts'
import type { Sender } from './sender.ts'
import { subscribe, unsubscribe } from './subscribe.ts'
import { IncomingAliases } from './topic-aliases.ts'

/** Work of one delivery at each QoS, and of one filter that is entered or left: see `limits.turnWorkMax`. */
const QOS_0_WORK = 1
const ACKNOWLEDGED_WORK = 2
const FILTER_WORK = 4

export class Conversation implements Publisher {
  readonly session: Session
  readonly agreement: Agreement
  permissions: Permissions
  readonly #broker: Broker
  readonly #sender: Sender
  #aliases: IncomingAliases | null = null
  /** QoS 2 messages begun on this connection: what the Receive Maximum counts, besides answers not sent yet. */
  #begunQoS2 = 0

  constructor(
    session: Session,
    agreement: Agreement,
    permissions: Permissions,
    broker: Broker,
    sender: Sender,
  ) {
    this.session = session
    this.agreement = agreement
    this.permissions = permissions
    this.#broker = broker
    this.#sender = sender
    broker.kept.add('sessions', this.#nameBytes)
  }

  get aliases(): IncomingAliases {
    const { topicAliasMax, topicAliasBytesMax } = this.#broker.limits
    this.#aliases ??= new IncomingAliases(
      { max: topicAliasMax, bytesMax: topicAliasBytesMax },
      this.#broker.kept,
    )
    return this.#aliases
  }

  /** The connection is over: what was kept for it alone is not kept any more. */
  ended(): void {
    this.#aliases?.clear()
    this.#sender.forgetAliases()
    this.#broker.kept.add('sessions', -this.#nameBytes)
  }

  get #nameBytes(): number {
    const { username, authenticationMethod } = this.agreement
    return textBytes(username ?? '') + textBytes(authenticationMethod ?? '')
  }

  get clientId(): string {
    return this.agreement.clientId
  }

  /** Returns the work that the packet made beyond itself: deliveries to subscribers, or filters. */
  handle(packet: Exclude<Packet, DisconnectPacket | AuthPacket>): number {
    switch (packet.type) {
      case 'publish':
        return this.#publish(packet)
      case 'puback':
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
        this.#acknowledged(packet)
        return 0
      case 'subscribe':
        this.#subscribe(packet)
        return packet.subscriptions.length * FILTER_WORK
      case 'unsubscribe':
        this.#unsubscribe(packet)
        return packet.filters.length * FILTER_WORK
      case 'pingreq':
        this.#sender.send({ type: 'pingresp' }, 0)
        return 0
      case 'connect':
        // [MQTT-3.1.0-2]
        throw new ProtocolError(PROTOCOL_ERROR, 'a second CONNECT')
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
        throw new ProtocolError(PROTOCOL_ERROR, `${packet.type} is not for a client to send`)
    }
  }

  #publish(packet: PublishPacket): number {
    const topic = topicOf(packet, this)
    this.#broker.statistics.messagesReceived += 1
    if (packet.qos > 0) this.#assertReceiveMaximum(packet)
    if (packet.qos === 2 && this.session.incoming.has(packet.packetId)) {
      // A repetition: it was routed when it came first [MQTT-4.3.3-10].
      this.#sender.pubrec(packet.packetId, this.#broker.journal.latest)
      return 0
    }
    const refusal = refusalOf(packet, topic, this, this.#broker)
    if (refusal !== null) return this.#refuse(packet, topic, refusal)
    const message = makeMessage(packet, topic, this.clientId, this.#broker)
    const noRoom = retainRefusal(message, this.#broker)
    if (noRoom !== null) return this.#refuse(packet, topic, noRoom)
    const notStored = storeRefusal(message, this.#broker)
    if (notStored !== null) return this.#cannotStore(packet, topic, notStored)

    const factsBefore = this.#broker.journal.length
    if (packet.qos === 2) {
      this.session.incoming.open(packet.packetId)
      this.#begunQoS2 += 1
    }
    const receivers = this.#broker.publish(message)
    if (packet.qos === 0) return receivers * QOS_0_WORK
    const { journal } = this.#broker
    // One that found nothing to clear may owe that to another whose clearing is not committed yet.
    const leastPromise = message.retain ? journal.latest : 0
    const promise = journal.length > factsBefore ? journal.current : leastPromise
    this.#accept(packet, receivers, promise)
    return receivers * ACKNOWLEDGED_WORK
  }

  #acknowledged(packet: AcknowledgementPacket): void {
    switch (packet.type) {
      case 'puback':
        if (this.session.inFlightQoS(packet.packetId) === 1) this.session.settle(packet.packetId)
        return
      case 'pubrec':
        this.#received(packet)
        return
      case 'pubrel':
        this.#released(packet)
        return
      case 'pubcomp':
        if (this.session.inFlightQoS(packet.packetId) === 2) this.session.settle(packet.packetId)
        return
    }
  }

  #subscribe(packet: SubscribePacket): void {
    const { session, permissions } = this
    const { reasons, granted } = subscribe(packet, session, permissions, this.#broker)
    const { packetId } = packet
    this.#sender.send(
      { type: 'suback', packetId, reasons, properties: NO_PROPERTIES },
      this.#promise,
    )
    for (const { subscription, isNew } of granted) {
      this.#broker.replayRetained(session, subscription, isNew)
    }
    // A share group that it joined may have messages waiting: they follow SUBACK.
    session.pump()
  }

  #unsubscribe(packet: UnsubscribePacket): void {
    const reasons = unsubscribe(packet.filters, this.session, this.#broker)
    const { packetId } = packet
    this.#sender.send(
      { type: 'unsuback', packetId, reasons, properties: NO_PROPERTIES },
      this.#promise,
    )
  }

  /** What an answer to a durable session waits for: all that was recorded so far. */
  get #promise(): number {
    return this.session.isDurable ? this.#broker.journal.latest : 0
  }

  /** A client may have no more than the Receive Maximum unanswered [MQTT-3.3.4-7]. */
  #assertReceiveMaximum(packet: PublishPacket): void {
    if (this.agreement.version < 5) return
    const { receiveMax } = this.#broker.limits
    if (this.#begunQoS2 + this.#sender.outbox.acknowledgements < receiveMax) return
    if (this.session.incoming.has(packet.packetId)) return
    throw new ProtocolError(
      RECEIVE_MAXIMUM_EXCEEDED,
      `more than ${receiveMax} messages of QoS 1 and 2 without an answer`,
    )
  }

  #accept(packet: PublishPacket, receivers: number, promise: number): void {
    const { packetId } = packet
    if (this.agreement.version === 5 && receivers === 0) {
      this.#answer(packet, NO_MATCHING_SUBSCRIBERS, '', promise)
    } else if (packet.qos === 1) {
      this.#sender.puback(packetId, promise)
    } else {
      this.#sender.pubrec(packetId, promise)
    }
  }

  /** A client of MQTT 5 hears why; another is answered as if all were well, and the refusal is logged [MQTT-3.3.5-2]. */
  #refuse(packet: PublishPacket, topic: string, refusal: Refusal): number {
    const { statistics, observer } = this.#broker
    statistics.publishesRefused += 1
    observer.publishRefused?.(this.clientId, topic, refusal.reason, refusal.sentence)
    if (packet.qos === 0) return 0
    if (this.agreement.version === 5) this.#answer(packet, refusal.reason, refusal.sentence, 0)
    else if (packet.qos === 1) this.#sender.puback(packet.packetId, 0)
    else {
      this.session.incoming.open(packet.packetId)
      this.#begunQoS2 += 1
      this.#sender.pubrec(packet.packetId, this.#promise)
    }
    return 0
  }

  /** A client of MQTT 3 must not take it for stored: its connection ends without an acknowledgement. */
  #cannotStore(packet: PublishPacket, topic: string, refusal: Refusal): number {
    if (packet.qos === 0 || this.agreement.version === 5)
      return this.#refuse(packet, topic, refusal)
    this.#broker.statistics.publishesRefused += 1
    throw new CannotServe(refusal.reason, refusal.sentence)
  }

  #answer(packet: PublishPacket, reason: ReasonCode, sentence: string, promise: number): void {
    const type = packet.qos === 1 ? 'puback' : 'pubrec'
    const properties = sentence === '' ? NO_PROPERTIES : { reasonString: sentence }
    this.#sender.send({ type, packetId: packet.packetId, reason, properties }, promise)
    // PUBREC that does not refuse is followed by PUBREL and PUBCOMP.
    if (type === 'puback' || isFailure(reason)) this.#sender.outbox.countAcknowledgement()
  }

  #received(packet: AcknowledgementPacket): void {
    const { packetId, reason } = packet
    if (isFailure(reason)) {
      // The client will not have it: that settles it [MQTT-4.4.0-2].
      if (this.session.inFlightQoS(packetId) === 2) this.session.settle(packetId)
      return
    }
    if (this.session.receive(packetId)) return
    // PUBREL all the same, so that the client can end its side of the exchange [MQTT-4.3.3-4].
    const notFound = PACKET_IDENTIFIER_NOT_FOUND
    this.#sender.send({ type: 'pubrel', packetId, reason: notFound, properties: NO_PROPERTIES }, 0)
  }

  #released(packet: AcknowledgementPacket): void {
    const { packetId } = packet
    const factsBefore = this.#broker.journal.length
    const wasOpen = this.session.incoming.release(packetId)
    if (wasOpen && this.#begunQoS2 > 0) this.#begunQoS2 -= 1
    const { journal } = this.#broker
    const promise = journal.length > factsBefore ? journal.current : 0
    if (wasOpen || this.agreement.version < 5) {
      this.#sender.pubcomp(packetId, promise)
      return
    }
    this.#sender.send(
      {
        type: 'pubcomp',
        packetId,
        reason: PACKET_IDENTIFIER_NOT_FOUND,
        properties: NO_PROPERTIES,
      },
      promise,
    )
  }
}

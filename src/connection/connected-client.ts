// A connected client: handles its packets after CONNACK, and answers them.

import type { CommitId } from '../store/journal.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import { WORK } from '../limits.ts'
import { textBytes } from '../message.ts'
import { FilterList, hasFilters } from '../packet/decode-filters.ts'
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
import type { TransactionTopic } from '../packet/transaction-topics.ts'
import type { Session } from '../session/session.ts'
import { acknowledged, acknowledgedOnce } from './acknowledgements.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import { FilterWork } from './filter-work.ts'
import { LateAnswers } from './late-answers.ts'
import { admittedFrom, HookDecisions } from './hook-decisions.ts'
import { MUST_WAIT, notAdmitted, requested } from './not-admitted.ts'
import { ProtocolError } from './protocol-error.ts'
import { mountedTopic } from './mount-point.ts'
import { assertQoS, type Publisher, topicOf } from './publish.ts'
import type { Sender } from './sender.ts'
import { PUBLISH_BYTES, Spending } from './spending.ts'
import {
  assertFilter,
  type Subscriber,
  Subscribing,
  Unsubscribing,
  workOfFilter,
} from './subscribe.ts'
import { IncomingAliases } from './topic-aliases.ts'

/** A SUBSCRIBE or UNSUBSCRIBE of up to this many bytes is processed in one step: it has at most a thousand filters. */
export const WHOLE_FILTERS_BYTES_MAX = 4_096

/** Instead of the work of a packet: it must be read again when the hook has answered. */
const AWAITS_HOOK = -2

// Wide on purpose: its fields are the parts of a connected client, most of them made when they are first needed.
export class ConnectedClient implements Publisher, Subscriber {
  readonly session: Session
  readonly negotiated: NegotiatedLimits
  /** PUBLISH packets on this connection. */
  messagesReceived = 0
  /** Whether the socket has closed while earlier packets are still being read. */
  isUnanswered = false
  readonly #broker: Broker
  readonly #sender: Sender
  #aliases: IncomingAliases | null = null
  /** The packet identifier of the PUBLISH that last had to wait for room; 0 for none. */
  waitedFor = 0
  /** QoS 2 messages that began on this connection. The Receive Maximum counts them and the answers that were not sent yet. */
  #begunQoS2 = 0
  #hasEnded = false
  /** Made with the first answer that waits for another partition. */
  #lateAnswers: LateAnswers | null = null
  /** An unfinished SUBSCRIBE or UNSUBSCRIBE. Later packets are not read before it is done. */
  filterWork: FilterWork | null = null
  /** Made with the first PUBLISH. */
  spending: Spending | null = null
  /** Made when the first hook is asked about this client. */
  hookDecisions: HookDecisions | null = null

  constructor(session: Session, negotiated: NegotiatedLimits, broker: Broker, sender: Sender) {
    this.session = session
    this.negotiated = negotiated
    this.#broker = broker
    this.#sender = sender
    broker.memory.add('sessions', nameBytes(negotiated))
  }

  get aliases(): IncomingAliases {
    const { topicAliasMax, topicAliasBytesMax } = this.#broker.limits
    this.#aliases ??= new IncomingAliases(
      { max: topicAliasMax, bytesMax: topicAliasBytesMax },
      this.#broker.memory,
    )
    return this.#aliases
  }

  /** Ends with the connection: releases the memory that was kept for it. */
  ended(): void {
    this.#hasEnded = true
    this.filterWork = null
    this.#lateAnswers?.end()
    this.#aliases?.clear()
    this.#sender.end()
    this.#broker.memory.add('sessions', -nameBytes(this.negotiated))
  }

  /** Handles a packet. Returns its additional work: deliveries to subscribers, or filters. */
  handle(packet: Exclude<Packet, DisconnectPacket | AuthPacket>): number {
    switch (packet.type) {
      case 'publish':
        return this.#publish(packet)
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        this.#broker.changing += 1
        acknowledged(packet, this.session, this.#sender)
        this.#broker.changing -= 1
        return 0
      case 'pubrel':
        this.#broker.changing += 1
        this.#released(packet)
        this.#broker.changing -= 1
        return 0
      case 'subscribe':
        return this.#subscribe(packet)
      case 'unsubscribe':
        return this.#unsubscribe(packet)
      case 'pingreq':
        this.#sender.send({ type: 'pingresp' }, 0)
        this.#broker.observer.pinged?.(this.negotiated.clientId)
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

  /** Handles a PUBACK of success, without a packet. Returns its additional work. */
  acknowledges(packetId: number): number {
    this.#broker.statistics.packetsReceived += 1
    this.#broker.changing += 1
    acknowledgedOnce(packetId, this.session)
    this.#broker.changing -= 1
    return 0
  }

  /** Whether a large packet is a SUBSCRIBE or UNSUBSCRIBE, which is then processed in several turns. */
  takesApart(bytes: Buffer, start: number, end: number): boolean {
    if (!hasFilters(bytes, start)) return false
    this.#broker.statistics.packetsReceived += 1
    if (this.isUnanswered) return true
    const { userPropertiesMax } = this.#broker.limits
    const terms = { version: this.negotiated.version, userPropertiesMax }
    const list = new FilterList(Buffer.from(bytes.subarray(start, end)), terms)
    this.filterWork = new FilterWork(list, this, this.#broker)
    this.session.holdsReplays = true
    return true
  }

  /** The socket has closed: filters that were not processed yet are skipped, because nobody receives the answer. */
  goesWithoutAnswers(): void {
    this.isUnanswered = true
    this.filterWork = null
  }

  /** Continues a SUBSCRIBE or UNSUBSCRIBE. Returns the work that was done. */
  workOnFilters(): number {
    const filterWork = this.filterWork
    if (filterWork === null) return 0
    const work = filterWork.step()
    if (filterWork.isOver) {
      this.filterWork = null
      const { type, packetId } = filterWork.list
      const answer = type === 'subscribe' ? 'suback' : 'unsuback'
      this.#filtersDone(answer, packetId, filterWork.reasons, filterWork.reasonString)
      this.#tellFilters(answer, () => filterWork.filters(), filterWork.reasons)
    }
    return work
  }

  #publish(packet: PublishPacket): number {
    const { mountPoint } = this.negotiated
    const named = packet.properties === NO_PROPERTIES ? packet.topic : topicOf(packet, this)
    const topic = mountPoint === null ? named : mountedTopic(named, mountPoint)
    const { statistics } = this.#broker
    statistics.messagesReceived += 1
    statistics.publishBytesReceived += packet.payload.length
    this.messagesReceived += 1
    if (packet.qos > 0) this.#assertReceiveMaximum(packet)
    if (packet.qos === 2 && this.session.incoming.has(packet.packetId)) {
      // A repetition: the message was routed when it came first [MQTT-4.3.3-10].
      return this.#answersRepetition(packet, topic)
    }
    const spending = (this.spending ??= new Spending())
    const cost = PUBLISH_BYTES + packet.payload.length
    const { admission, hooks } = this.#broker
    if (hooks.publish !== null) this.hookDecisions ??= new HookDecisions(hooks, this.session.rights)
    const hooked = this.hookDecisions === null ? null : this.hookDecisions.publish(packet, topic)
    if (hooked === 'later') return this.#awaitsHook()
    const { transaction } = packet
    if (transaction !== undefined && hooked === null && topic === packet.topic) {
      spending.spent += cost
      return this.#stages(packet, transaction)
    }
    const message =
      hooked === null
        ? admission.publishDecoded(packet, topic, this.session.rights)
        : admittedFrom(hooked, this.session.rights, admission)
    if (message instanceof NotAdmitted) {
      spending.spent += cost
      const said = hooked === null || hooked instanceof NotAdmitted ? packet : hooked.said
      const parts = { client: this, broker: this.#broker, said }
      const work = notAdmitted(packet, topic, message, parts)
      if (work === MUST_WAIT && hooked !== null) this.hookDecisions?.keep(hooked)
      return work
    }

    const { publishing } = this.#broker
    if (packet.qos === 0) {
      const receivers =
        message.properties === NO_PROPERTIES
          ? publishing.publish(message)
          : publishing.accept(message)
      spending.spent += cost * (1 + receivers)
      return workOf(receivers)
    }
    const { journal } = this.#broker
    const factsBefore = journal.length
    if (packet.qos === 2) this.begin(packet.packetId)
    const receivers =
      message.properties === NO_PROPERTIES
        ? publishing.publish(message)
        : publishing.accept(message)
    spending.spent += cost * (1 + receivers)
    // If there was nothing to clear, another client may have cleared it in a commit that is not done yet.
    const leastCommitId = message.retain ? journal.latest : 0
    const commitId = journal.length > factsBefore ? journal.current : leastCommitId
    this.accept(packet, receivers, commitId, message.retain ? message.topic : null)
    return workOf(receivers)
  }

  #answersRepetition({ packetId, retain }: PublishPacket, topic: string): number {
    const { latest } = this.#broker.journal
    this.#inOrder(retain ? topic : null, () => this.#sender.pubrec(packetId, latest))
    return 0
  }

  /** Nobody may hear that a message is retained, and then publish another one that is retained before it. `keptTopic`: of such a message. */
  #inOrder(keptTopic: string | null, answer: () => void): void {
    const { peers } = this.#broker
    if (peers === null) answer()
    else (this.#lateAnswers ??= new LateAnswers(peers)).give(keptTopic, answer)
  }

  /** The topic is as the client has named it, so its parts are those that the decoder has read. */
  #stages(packet: PublishPacket, read: TransactionTopic): number {
    const taken = this.#broker.transactions.takeRead(packet, read, this.session.rights)
    if (taken instanceof NotAdmitted || packet.qos !== 1) {
      const parts = { client: this, broker: this.#broker, said: packet }
      return requested(packet, packet.topic, taken, parts)
    }
    // Most are messages of QoS 1.
    this.accept(packet, 1, taken)
    return WORK.message
  }

  #awaitsHook(): number {
    this.#broker.statistics.messagesReceived -= 1
    this.messagesReceived -= 1
    return AWAITS_HOOK
  }

  /** An exchange of QoS 2. */
  begin(packetId: number): void {
    this.#broker.changing += 1
    this.session.incoming.open(packetId)
    this.#begunQoS2 += 1
    this.#broker.changing -= 1
  }

  #subscribe(packet: SubscribePacket): number {
    const { properties, packetId, subscriptions } = packet
    const subscribing = new Subscribing(properties, this, this.#broker)
    const checked = subscriptions.map(request => subscribing.check(request))
    const { hooks } = this.#broker
    if (hooks.subscribe !== null) {
      this.hookDecisions ??= new HookDecisions(hooks, this.session.rights)
    }
    const decisions = this.hookDecisions?.subscribe(checked) ?? checked
    if (decisions === 'later') return AWAITS_HOOK
    let work = 0
    for (const [index, decided] of decisions.entries()) {
      const filter = packet.subscriptions[index]?.filter ?? ''
      subscribing.enter(decided, filter)
      work += workOfFilter(filter)
    }
    this.#filtersDone('suback', packetId, subscribing.reasons, subscribing.reasonString)
    this.#tellFilters(
      'suback',
      () => subscriptions.map(({ filter }) => filter),
      subscribing.reasons,
    )
    return work
  }

  #unsubscribe(packet: UnsubscribePacket): number {
    let work = 0
    for (const filter of packet.filters) {
      assertFilter(this.#broker.expressions.dividedFilter(filter).filter)
      work += workOfFilter(filter)
    }
    const unsubscribing = new Unsubscribing(this, this.#broker)
    for (const filter of packet.filters) unsubscribing.remove(filter)
    this.#filtersDone('unsuback', packet.packetId, unsubscribing.reasons, '')
    this.#tellFilters('unsuback', () => packet.filters, unsubscribing.reasons)
    return work
  }

  /** After SUBACK, sends retained messages, and messages that wait in share groups that the client joined. */
  #filtersDone(
    type: 'suback' | 'unsuback',
    packetId: number,
    reasons: readonly ReasonCode[],
    reasonString: string,
  ): void {
    this.session.holdsReplays = false
    const properties = reasonString === '' ? NO_PROPERTIES : { reasonString }
    const { commitId } = this
    const { peers } = this.#broker
    if (peers === null || type === 'unsuback') {
      this.#sender.send({ type, packetId, reasons, properties }, commitId)
    } else {
      peers.whenTold(() => {
        if (!this.#hasEnded) this.#sender.send({ type, packetId, reasons, properties }, commitId)
      })
    }
    this.#broker.changing += 1
    this.session.pump()
    this.#broker.changing -= 1
  }

  /** `filters` is called when somebody listens. */
  #tellFilters(
    type: 'suback' | 'unsuback',
    filters: () => readonly string[],
    reasons: readonly ReasonCode[],
  ): void {
    const { filtersAnswered } = this.#broker.observer
    filtersAnswered?.(type, this.negotiated.clientId, filters(), reasons)
  }

  /** Returns the commit that an answer to a durable session waits for: the commit of all changes so far. */
  get commitId(): number {
    return this.session.isDurable ? this.#broker.journal.latest : 0
  }

  /**
   * A client may have at most the Receive Maximum of unanswered messages [MQTT-3.3.4-7]. MQTT.js and programs that use it ignore
   * that, so more are tolerated. `publishBacklogBytesMax` bounds their memory.
   */
  #assertReceiveMaximum(packet: PublishPacket): void {
    assertQoS(packet.qos, this.negotiated)
    if (this.negotiated.version < 5) return
    const { receiveMax, receiveToleratedMax } = this.#broker.limits
    const max = Math.max(receiveMax, receiveToleratedMax)
    const unsent = this.#lateAnswers?.count ?? 0
    if (this.#begunQoS2 + unsent + this.#sender.outbox.acknowledgements < max) return
    if (this.session.incoming.has(packet.packetId)) return
    throw new ProtocolError(
      RECEIVE_MAXIMUM_EXCEEDED,
      `more than ${max} messages of QoS 1 and 2 without an answer (limits.receiveToleratedMax)`,
    )
  }

  accept(
    packet: PublishPacket,
    receivers: number,
    commitId: CommitId,
    keptTopic: string | null = null,
  ): void {
    if (this.#broker.peers === null) this.#accept(packet, receivers, commitId)
    else this.#inOrder(keptTopic, () => this.#accept(packet, receivers, commitId))
  }

  #accept(packet: PublishPacket, receivers: number, commitId: CommitId): void {
    const { packetId } = packet
    if (this.negotiated.version === 5 && receivers === 0) {
      this.#answer(packet, NO_MATCHING_SUBSCRIBERS, '', commitId)
    } else if (packet.qos === 1) {
      this.#sender.puback(packetId, commitId)
    } else {
      this.#sender.pubrec(packetId, commitId)
    }
  }

  answer(packet: PublishPacket, reason: ReasonCode, sentence: string, commitId: CommitId): void {
    this.#inOrder(null, () => this.#answer(packet, reason, sentence, commitId))
  }

  #answer(packet: PublishPacket, reason: ReasonCode, sentence: string, commitId: CommitId): void {
    const type = packet.qos === 1 ? 'puback' : 'pubrec'
    const properties = sentence === '' ? NO_PROPERTIES : { reasonString: sentence }
    this.#sender.send({ type, packetId: packet.packetId, reason, properties }, commitId)
    // After a PUBREC that does not refuse, PUBREL and PUBCOMP follow.
    if (type === 'puback' || isFailure(reason)) this.#sender.outbox.countAcknowledgement()
  }

  #released(packet: AcknowledgementPacket): void {
    const { packetId } = packet
    const factsBefore = this.#broker.journal.length
    const wasOpen = this.session.incoming.release(packetId)
    if (wasOpen && this.#begunQoS2 > 0) this.#begunQoS2 -= 1
    const { journal } = this.#broker
    const commitId = journal.length > factsBefore ? journal.current : 0
    if (wasOpen || this.negotiated.version < 5) {
      this.#sender.pubcomp(packetId, commitId)
      return
    }
    this.#sender.send(
      {
        type: 'pubcomp',
        packetId,
        reason: PACKET_IDENTIFIER_NOT_FOUND,
        properties: NO_PROPERTIES,
      },
      commitId,
    )
  }
}

function nameBytes({ username, authenticationMethod }: NegotiatedLimits): number {
  return textBytes(username ?? '') + textBytes(authenticationMethod ?? '')
}

/** Of a message, besides its packet. */
function workOf(receivers: number): number {
  return WORK.message + receivers * WORK.delivery
}

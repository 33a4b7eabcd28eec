// The path of every admitted message: it is stored, retained, and delivered to all matching targets.

import { OVERLAPS_PER_UNIT_BITS, PATH_CHARACTERS_PER_UNIT_BITS, WORK } from '../limits.ts'
import { makeMessage, type Message, ownCopy } from '../message.ts'
import { NO_PROPERTIES, type Will } from '../packet/packet.ts'
import { NOT_AUTHORIZED } from '../packet/reason.ts'
import type { Match } from '../routing/router.ts'
import type { Principal } from '../session/client-rights.ts'
import type { DropReason } from '../session/session-context.ts'
import { NotAdmitted } from './not-admitted.ts'
import type { Broker } from './broker.ts'
import { isDelayed } from './delayed.ts'
import type { Hooked } from './hook-points.ts'
import { messageIdOf } from './message-ids.ts'
import type { Session } from '../session/session.ts'
import type { CommitId } from '../store/journal.ts'
import type { DeliveryOptions, Target } from '../session/target.ts'
import type { WillPublisher } from './wills.ts'

const DOLLAR = 0x24

/** The options of a delivery without a subscription. */
export const TO_ONE = {
  qos: 2,
  retainAsPublished: false,
  identifiers: [],
  conflateMs: 0,
  subscriptions: [],
} as const

/** The most wills for which hooks have not answered. More are dropped and counted. */
const WILLS_ASKED_MAX = 1_000

export class Publishing implements WillPublisher {
  readonly #broker: Broker
  #willsAsked = 0

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get now(): number {
    return this.#broker.now
  }

  get mustWaitForPeers(): boolean {
    return this.#broker.mustWaitForPeers
  }

  /** Publishes what a client has sent, and remembers its `$message-id` in the same commit. Admission has dropped repetitions. */
  accept(message: Message): number {
    const { publisher, properties } = message
    const id = properties.userProperties === undefined ? null : messageIdOf(properties)
    if (id === null || publisher === null) return this.publish(message)
    const { journal, messageIds } = this.#broker
    this.#broker.changing += 1
    const before = journal.length
    const receivers = this.publish(message)
    messageIds.add(publisher, id, journal.length > before)
    this.#broker.changing -= 1
    return receivers
  }

  /** The same for what was staged: admission has not asked whether it is a repetition. */
  acceptStaged(message: Message): number {
    const { publisher, properties } = message
    if (!this.#broker.messageIds.isRepeated(properties, publisher)) return this.accept(message)
    this.#broker.dropped('duplicate', message, publisher)
    return 0
  }

  /** Retains the message if it has RETAIN, and delivers it to all matching targets. Returns how many matched. */
  publish(message: Message): number {
    const broker = this.#broker
    const { topic } = message
    if (topic.charCodeAt(0) === DOLLAR && isDelayed(topic)) return broker.delayed.hold(message)
    broker.changing += 1
    const { router } = broker.subscriptions
    const found = router.match(topic)
    const matches = router.filteredCount === 0 ? found : broker.subscriptions.wanted(message, found)
    // A message of QoS 0 is not stored for any target.
    const mayBeStored = message.qos > 0 || message.retain
    const stored = mayBeStored ? this.#store(message, matches) : 0
    const commitId = stored === 0 ? broker.transactionCommit : stored
    if (message.retain) this.#retain(message, commitId)
    const dropsQoS0 = broker.overload.pausesAll
    let receivers = 0
    for (const match of matches) {
      const heard =
        match.noLocal && match.target.clientId === message.publisher
          ? broker.subscriptions.withoutNoLocal(match)
          : match
      if (heard === null) continue
      receivers += 1
      if (dropsQoS0 && (message.qos === 0 || heard.qos === 0)) {
        broker.dropped('overload', message, heard.target.clientId)
        continue
      }
      if (heard.identifiers.length > 1) {
        broker.turnWorkLeft -= heard.identifiers.length >> OVERLAPS_PER_UNIT_BITS
      }
      heard.target.deliver(message, heard, commitId)
    }
    if (receivers === 0 && !this.#broker.retained.isAnnounced(message))
      broker.statistics.messagesUnmatched += 1
    broker.observer.published?.(message, receivers)
    broker.changing -= 1
    return receivers
  }

  /**
   * Publishes a will that is due, if the hooks want it and its client has the right now. Otherwise the will is dropped and counted. While
   * a hook has not answered, it is in memory only: its client has gone, and nobody waits for an acknowledgement.
   */
  publishWill(will: Will, owner: Principal): void {
    const { hooks } = this.#broker
    if (hooks.publish === null) {
      this.#publishWill(will, owner)
      return
    }
    if (this.#willsAsked === WILLS_ASKED_MAX) {
      this.#dropWill(will, owner, 'will-refused')
      return
    }
    const decided = (answer: Hooked | NotAdmitted): void => {
      if (answer instanceof NotAdmitted) this.#dropWill(will, owner, 'dropped-by-hook')
      else this.#publishWill({ ...will, ...answer.said, topic: answer.topic }, owner)
    }
    this.#willsAsked += 1
    const asked = { said: will, topic: will.topic, asker: owner, isWill: true }
    const answer = hooks.publish(asked, late => {
      this.#willsAsked -= 1
      decided(late)
    })
    if (answer === null) return
    this.#willsAsked -= 1
    decided(answer)
  }

  #dropWill(will: Will, owner: Principal, reason: DropReason): void {
    const message = makeMessage(will, will.topic, owner.clientId, this.#broker)
    this.#broker.dropped(reason, message, owner.clientId)
  }

  #publishWill(will: Will, owner: Principal): void {
    const broker = this.#broker
    const admitted = broker.admission.will(will, owner)
    if (admitted instanceof NotAdmitted) {
      const reason = admitted.reason === NOT_AUTHORIZED ? 'not-authorized' : 'will-refused'
      this.#dropWill(will, owner, reason)
      return
    }
    broker.statistics.willsPublished += 1
    const receivers = this.publish(admitted)
    broker.observer.willPublished?.(owner.clientId, will.topic, receivers)
    broker.turnWorkLeft -= WORK.packet + WORK.message + receivers * WORK.delivery
  }

  /** Delivers the message to one session, whatever it has subscribed to. */
  publishTo(session: Session, message: Message, options: DeliveryOptions = TO_ONE): void {
    const broker = this.#broker
    const { journal } = broker
    broker.changing += 1
    const mustBeStored = message.qos > 0 && options.qos > 0 && session.isDurable
    if (mustBeStored) journal.record({ kind: 'message-stored', message })
    session.deliver(message, options, mustBeStored ? journal.current : broker.transactionCommit)
    broker.changing -= 1
  }

  /** Delivers what the broker answers to one client alone, by the subscriptions that match. */
  answer(session: Session, topic: string, payload: Buffer): void {
    const broker = this.#broker
    const said = { payload, qos: 0, retain: false, properties: NO_PROPERTIES } as const
    const message = makeMessage(said, topic, null, broker)
    broker.changing += 1
    for (const match of broker.subscriptions.router.match(topic)) {
      if (match.target === session) session.deliver(message, match, 0)
    }
    broker.changing -= 1
  }

  /** Publishes a message of the broker about itself. It is delivered and retained, but not stored. */
  announce(topic: string, payload: string | Buffer): void {
    const bytes = ownCopy(typeof payload === 'string' ? Buffer.from(payload) : payload)
    const said = { payload: bytes, qos: 0, retain: true, properties: NO_PROPERTIES } as const
    this.#broker.retained.reserve(topic)
    this.publish(makeMessage(said, topic, null, this.#broker))
  }

  /** Whether the message must be stored before it may be acknowledged. */
  mustStore(message: Message): boolean {
    return this.#isKept(message) || isQueuedDurably(message, this.#matchesOf(message))
  }

  /** Returns the first target whose queue has no room for the message and refuses it; null if there is none. */
  firstFull(message: Message): Target | null {
    const broker = this.#broker
    // A full queue drops what has expired.
    broker.changing += 1
    const full = this.#firstFull(message)
    broker.changing -= 1
    return full
  }

  /** Returns the targets that the message would be delivered to. */
  targetsOf(message: Message): readonly Target[] {
    return this.#matchesOf(message).map(({ target }) => target)
  }

  #matchesOf(message: Message): readonly Match<Target>[] {
    const { subscriptions } = this.#broker
    return subscriptions.wanted(message, subscriptions.router.match(message.topic))
  }

  #firstFull(message: Message): Target | null {
    const broker = this.#broker
    for (const match of this.#matchesOf(message)) {
      if (match.qos === 0) continue
      const isOwn = match.noLocal && match.target.clientId === message.publisher
      if (isOwn && broker.subscriptions.withoutNoLocal(match) === null) continue
      broker.turnWorkLeft -= WORK.queueStep
      if (!match.target.hasRoomFor(message, match)) return match.target
    }
    return null
  }

  /** Stores the message once, if needed. Returns the commit that must be done before it is acknowledged or delivered. */
  #store(message: Message, matches: readonly Match<Target>[]): number {
    const isKept = message.retain && this.#isKept(message)
    if (!isKept && !isQueuedDurably(message, matches)) return 0
    const { journal } = this.#broker
    journal.record({ kind: 'message-stored', message })
    return journal.current
  }

  #retain(message: Message, commitId: CommitId): void {
    const { retained, peers } = this.#broker
    this.#broker.turnWorkLeft -= message.topic.length >> PATH_CHARACTERS_PER_UNIT_BITS
    if (retained.isAnnounced(message)) retained.announce(message)
    else {
      if (peers === null || peers.keptWhere(message.topic) === 'here') retained.keep(message)
      peers?.retained(message, commitId)
    }
  }

  /** Whether the message is stored because it is retained, here or in another partition. */
  #isKept(message: Message): boolean {
    const { retained, peers } = this.#broker
    if (!message.retain || retained.isAnnounced(message)) return false
    const where = peers === null ? 'here' : peers.keptWhere(message.topic)
    return where === 'elsewhere' || (where === 'here' && message.payload.length > 0)
  }
}

function isQueuedDurably(message: Message, matches: readonly Match<Target>[]): boolean {
  if (message.qos === 0) return false
  for (const match of matches) if (match.qos > 0 && match.target.isDurable) return true
  return false
}

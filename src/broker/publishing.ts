// The one way of every message that was admitted: stored, retained, delivered to all that match.

import { OVERLAPS_PER_UNIT_BITS, PATH_CHARACTERS_PER_UNIT_BITS, WORK } from '../limits.ts'
import { makeMessage, type Message, ownCopy } from '../message.ts'
import { NO_PROPERTIES, type Will } from '../packet/packet.ts'
import type { Match } from '../routing/router.ts'
import type { Principal } from '../session/client-rights.ts'
import { NotAdmitted } from './admission.ts'
import type { Broker } from './broker.ts'
import type { Target } from '../session/target.ts'
import type { WillPublisher } from './wills.ts'

export class Publishing implements WillPublisher {
  readonly #broker: Broker
  /** Topics on which the broker speaks of itself. */
  readonly #announced = new Set<string>()

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get now(): number {
    return this.#broker.now
  }

  get announcedCount(): number {
    return this.#announced.size
  }

  /** Retains the message if it says so and delivers it to all that match. Returns how many did. */
  publish(message: Message): number {
    const broker = this.#broker
    broker.changing += 1
    const matches = broker.subscriptions.router.match(message.topic)
    // A message of QoS 0 is stored for nobody.
    const mayBeStored = message.qos > 0 || message.retain
    const commitId = mayBeStored ? this.#store(message, matches) : 0
    if (message.retain) this.#retain(message)
    let receivers = 0
    for (const match of matches) {
      const heard =
        match.noLocal && match.target.clientId === message.publisher
          ? broker.subscriptions.withoutNoLocal(match)
          : match
      if (heard === null) continue
      receivers += 1
      if (heard.identifiers.length > 1) {
        broker.turnWorkLeft -= heard.identifiers.length >> OVERLAPS_PER_UNIT_BITS
      }
      heard.target.deliver(message, heard, commitId)
    }
    if (receivers === 0 && !this.#isAnnounced(message)) broker.statistics.messagesUnmatched += 1
    broker.observer.published?.(message, receivers)
    broker.changing -= 1
    return receivers
  }

  /** A will that is due: published by the rights that its owner has now, or dropped and counted. */
  publishWill(will: Will, owner: Principal): void {
    const broker = this.#broker
    const admitted = broker.admission.will(will, owner)
    if (admitted instanceof NotAdmitted) {
      const message = makeMessage(will, will.topic, owner.clientId, broker)
      broker.dropped('not-authorized', message, owner.clientId)
      return
    }
    broker.statistics.willsPublished += 1
    const receivers = this.publish(admitted)
    broker.turnWorkLeft -= WORK.packet + WORK.message + receivers * WORK.delivery
  }

  /** Says something of the broker itself: heard by subscribers and kept as retained, and not stored. */
  announce(topic: string, payload: string): void {
    const bytes = ownCopy(Buffer.from(payload))
    const said = { payload: bytes, qos: 0, retain: true, properties: NO_PROPERTIES } as const
    this.#announced.add(topic)
    this.publish(makeMessage(said, topic, null, this.#broker))
  }

  /** Whether the message would have to be stored before it may be acknowledged. */
  mustStore(message: Message): boolean {
    return (
      this.#isKept(message) ||
      isQueuedDurably(message, this.#broker.subscriptions.router.match(message.topic))
    )
  }

  /** Stores the message once, if it is to be kept. Returns the commit that must be done before it is acknowledged or delivered. */
  #store(message: Message, matches: readonly Match<Target>[]): number {
    const isKept = message.retain && this.#isKept(message)
    if (!isKept && !isQueuedDurably(message, matches)) return 0
    const { journal } = this.#broker
    journal.record({ kind: 'message-stored', message })
    return journal.current
  }

  #retain(message: Message): void {
    const { retained } = this.#broker
    this.#broker.turnWorkLeft -= message.topic.length >> PATH_CHARACTERS_PER_UNIT_BITS
    if (this.#isAnnounced(message)) retained.restore(message)
    else retained.keep(message)
  }

  #isKept(message: Message): boolean {
    return message.retain && message.payload.length > 0 && !this.#isAnnounced(message)
  }

  /** It is of the broker itself, which says it anew when it starts. */
  #isAnnounced({ topic, publisher }: Message): boolean {
    return publisher === null && this.#announced.has(topic)
  }
}

function isQueuedDurably(message: Message, matches: readonly Match<Target>[]): boolean {
  if (message.qos === 0) return false
  for (const match of matches) if (match.qos > 0 && match.target.isDurable) return true
  return false
}

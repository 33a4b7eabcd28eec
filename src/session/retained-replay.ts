// Retained messages on their way to a new subscription: drawn from a cursor as the client can take them,
// so that a set of any size reaches it whole and no queue limit cuts it.

import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isExpired } from './session-context.ts'

export interface RetainedSource {
  /** The next retained message that matches the subscription, null at the end, or `later`: `stepsMax` were in vain. */
  next(stepsMax: number): Message | null | 'later'
  /** Topics and levels that were looked at so far. */
  readonly steps: number
  /** Whether the message is still the retained one of its topic. */
  isCurrent(message: Message): boolean
}

/** The retained messages, as replays see them. */
export interface RetainedSet {
  /** Opens what matches the filter and was retained no later than `sequenceMax`. */
  matching(topicFilter: string, sequenceMax: number): RetainedSource
  /** A replay keeps the message, whatever becomes of it among the retained ones; and does so no longer. */
  hold(message: Message): void
  release(message: Message): void
}

/** Topics and levels that one draw looks at in vain. */
const STEPS_MAX = 256

export class RetainedReplay {
  /** Replaced with another one of the same filter that asks for no replay of its own. */
  subscription: Subscription
  /** What is retained later is delivered as it comes. */
  readonly sequenceMax: number
  readonly #clientId: string
  readonly #retained: RetainedSet
  /** Null until it is its turn: a client may wait for thousands. */
  #source: RetainedSource | null = null
  #drawn: Message | null = null

  constructor(
    subscription: Subscription,
    sequenceMax: number,
    clientId: string,
    retained: RetainedSet,
  ) {
    this.subscription = subscription
    this.sequenceMax = sequenceMax
    this.#clientId = clientId
    this.#retained = retained
  }

  get identifiers(): readonly number[] {
    return this.subscription.identifier === 0 ? [] : [this.subscription.identifier]
  }

  /** Topics and levels that were looked at since it was opened. */
  get steps(): number {
    return this.#source === null ? 0 : this.#source.steps
  }

  /** The message whose turn it is, without taking it; null when all were taken; `later`: ask again. */
  peek(now: number): Message | null | 'later' {
    this.#source ??= this.#retained.matching(this.subscription.topicFilter, this.sequenceMax)
    // While it waited for room it may have been replaced: the newer one was delivered as it came.
    const isStill = this.#drawn !== null && this.#source.isCurrent(this.#drawn)
    const next = isStill ? this.#drawn : this.#source.next(STEPS_MAX)
    const isNone = next === null || next === 'later'
    if (isNone || isExpired(next, now) || this.#isOwn(next)) {
      this.take()
      return next === null ? null : 'later'
    }
    if (next !== this.#drawn) {
      this.take()
      this.#retained.hold(next)
      this.#drawn = next
    }
    return next
  }

  take(): void {
    if (this.#drawn !== null) this.#retained.release(this.#drawn)
    this.#drawn = null
  }

  /** Goes back to the beginning, with nothing open. */
  close(): void {
    this.#source = null
    this.take()
  }

  qosOf(message: Message): QoS {
    return message.qos < this.subscription.qos ? message.qos : this.subscription.qos
  }

  /** Under No Local a client is not sent what it has published itself, retained or not [MQTT-3.8.3-3]. */
  #isOwn(message: Message): boolean {
    return this.subscription.noLocal && message.publisher === this.#clientId
  }
}

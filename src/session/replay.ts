// Retained messages on their way to a new subscription: drawn from a cursor as the client can take them,
// so that a set of any size reaches it whole and no queue limit cuts it.

import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'

export interface RetainedSource {
  /** The next retained message that matches the subscription, null at the end, or `later`: ask again in another turn. */
  next(): Message | null | 'later'
  /** Whether the message is still the retained one of its topic. */
  isCurrent(message: Message): boolean
}

export class Replay {
  readonly subscription: Subscription
  readonly identifiers: readonly number[]
  readonly #source: RetainedSource
  #drawn: Message | null = null

  constructor(subscription: Subscription, source: RetainedSource) {
    this.subscription = subscription
    this.identifiers = subscription.identifier === 0 ? [] : [subscription.identifier]
    this.#source = source
  }

  /** The message whose turn it is, without taking it; null when all were taken. */
  peek(): Message | null | 'later' {
    // While it waited for room it may have been replaced: the newer one was delivered as it came.
    if (this.#drawn !== null && this.#source.isCurrent(this.#drawn)) return this.#drawn
    this.#drawn = null
    const next = this.#source.next()
    if (next !== 'later') this.#drawn = next
    return next
  }

  take(): void {
    this.#drawn = null
  }

  qosOf(message: Message): QoS {
    return message.qos < this.subscription.qos ? message.qos : this.subscription.qos
  }
}

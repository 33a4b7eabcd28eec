// A replay: the retained messages for a new subscription. They are read from a cursor as fast as the client can take them,
// so a set of any size arrives completely and is not cut by a queue limit.

import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import { isExpired } from './session-context.ts'

export interface RetainedSource {
  /** Returns the next retained message that matches, null at the end, or `later` after `stepsMax` steps without a match. */
  next(stepsMax: number): Message | null | 'later'
  /** The topics and levels that were visited so far. */
  readonly steps: number
  /** Whether the message that `next` returned last is still the retained message of its topic. */
  isCurrent(message: Message): boolean
}

/** The retained messages of other partitions that match a filter. They come later, in parts. */
export interface RetainedElsewhere {
  /** Is called when `next` may return something else than `waiting`. */
  arrived: () => void
  /** Returns the next message, with a number of this broker's; null at the end. */
  next(): Message | null | 'waiting'
  isCurrent(message: Message): boolean
  /** Returns to the beginning of what has not come as a whole, and asks for nothing until `next`. */
  close(): void
  end(): void
}

/** The retained messages, as replays use them. */
export interface RetainedSet {
  /** Opens a cursor over the messages that match the filter and have a sequence up to `sequenceMax`. */
  matching(topicFilter: string, sequenceMax: number): RetainedSource
  /** Whether the subscription's expression wants the message. */
  isWanted(subscription: Subscription, message: Message): boolean
  /** A replay holds the message, even if it is replaced as retained message; and releases it. */
  hold(message: Message): void
  release(message: Message): void
}

/** The most topics and levels without a match that one call visits. */
const STEPS_MAX = 256

export class RetainedReplay {
  /** May be replaced with another subscription of the same filter that requests no replay. */
  subscription: Subscription
  /** Messages that are retained later are delivered live. */
  readonly sequenceMax: number
  readonly #clientId: string
  readonly #retained: RetainedSet
  /** The cursor; null until the replay begins, because a client may have thousands of replays. */
  #source: RetainedSource | null = null
  readonly #elsewhere: RetainedElsewhere | null
  /** Whether all that this broker keeps was drawn. */
  #isDrawnHere = false
  #drawn: Message | null = null

  constructor(
    subscription: Subscription,
    sequenceMax: number,
    clientId: string,
    retained: RetainedSet,
    elsewhere: RetainedElsewhere | null = null,
  ) {
    this.#elsewhere = elsewhere
    this.subscription = subscription
    this.sequenceMax = sequenceMax
    this.#clientId = clientId
    this.#retained = retained
  }

  get identifiers(): readonly number[] {
    return this.subscription.identifier === 0 ? [] : [this.subscription.identifier]
  }

  /** The topics and levels that were visited since it was opened. */
  get steps(): number {
    return this.#source === null ? 0 : this.#source.steps
  }

  /** Whether the store of this broker does not have the message that was drawn last. */
  get isFromElsewhere(): boolean {
    return this.#isDrawnHere
  }

  /** `arrived` is called when it need not wait any more. */
  whenArrived(arrived: () => void): void {
    if (this.#elsewhere !== null) this.#elsewhere.arrived = arrived
  }

  /**
   * Returns the next message without taking it; null when all were taken; `later` to try again later; `waiting` if other partitions
   * have not answered.
   */
  peek(now: number): Message | null | 'later' | 'waiting' {
    const next = this.#next()
    const isNone = next === null || next === 'later' || next === 'waiting'
    if (isNone || isExpired(next, now) || this.#isOwn(next) || !this.#isWanted(next)) {
      this.take()
      return next === null || next === 'waiting' ? next : 'later'
    }
    if (next !== this.#drawn) {
      this.take()
      this.#retained.hold(next)
      this.#drawn = next
    }
    return next
  }

  #next(): Message | null | 'later' | 'waiting' {
    const drawn = this.#drawn
    if (!this.#isDrawnHere) {
      this.#source ??= this.#retained.matching(this.subscription.topicFilter, this.sequenceMax)
      // The message may have been replaced while it waited for room. The newer one was delivered live.
      if (drawn !== null && this.#source.isCurrent(drawn)) return drawn
      const next = this.#source.next(STEPS_MAX)
      if (next !== null || this.#elsewhere === null) return next
      this.#isDrawnHere = true
    }
    if (this.#elsewhere === null) return null
    if (drawn !== null && this.#elsewhere.isCurrent(drawn)) return drawn
    return this.#elsewhere.next()
  }

  take(): void {
    if (this.#drawn !== null) this.#retained.release(this.#drawn)
    this.#drawn = null
  }

  /** Closes the cursor and returns to the beginning. */
  close(): void {
    this.#source = null
    this.#isDrawnHere = false
    this.closeElsewhere()
    this.take()
  }

  /** The client has gone: other partitions keep nothing open for it. */
  closeElsewhere(): void {
    this.#elsewhere?.close()
    if (this.#isDrawnHere) this.take()
  }

  end(): void {
    this.close()
    this.#elsewhere?.end()
  }

  qosOf(message: Message): QoS {
    return message.qos < this.subscription.qos ? message.qos : this.subscription.qos
  }

  #isWanted(message: Message): boolean {
    if (message === this.#drawn) return true
    return this.#retained.isWanted(this.subscription, message)
  }

  /** With No Local a client does not get its own messages, retained or not [MQTT-3.8.3-3]. */
  #isOwn(message: Message): boolean {
    return this.subscription.noLocal && message.publisher === this.#clientId
  }
}

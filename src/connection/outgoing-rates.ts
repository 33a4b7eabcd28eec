// How fast messages are sent to one client. Beyond that messages of QoS 0 are dropped, and the others wait in its queue. It is made
// only where the configuration has a rate.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import type { Limits } from '../limits.ts'
import { RATE_BURST_SECONDS, TokenBucket } from './token-bucket.ts'

type OutgoingLimit = keyof Pick<
  Limits,
  'outgoingMessagesPerSecondMax' | 'outgoingBytesPerSecondMax'
>

export class OutgoingRates implements Deadline {
  place: Deadline['place'] = undefined
  /** Whether nothing may be sent now. */
  isReached = false
  readonly #broker: Broker
  readonly #clientId: string
  readonly #over: () => void
  readonly #messages: TokenBucket | null
  readonly #bytes: TokenBucket | null

  /** `over` is called when more may be sent again. */
  private constructor(broker: Broker, clientId: string, over: () => void) {
    const { limits, now } = broker
    this.#broker = broker
    this.#clientId = clientId
    this.#over = over
    this.#messages = TokenBucket.of(limits.outgoingMessagesPerSecondMax, RATE_BURST_SECONDS, now)
    this.#bytes = TokenBucket.of(limits.outgoingBytesPerSecondMax, RATE_BURST_SECONDS, now)
  }

  /** Returns null where there is no bound. */
  static of(broker: Broker, clientId: string, over: () => void): OutgoingRates | null {
    const { outgoingMessagesPerSecondMax, outgoingBytesPerSecondMax } = broker.limits
    const isBounded = outgoingMessagesPerSecondMax > 0 || outgoingBytesPerSecondMax > 0
    return isBounded ? new OutgoingRates(broker, clientId, over) : null
  }

  /** Counts a message that was sent. */
  charge(bytes: number): void {
    const { now, deadlines } = this.#broker
    const messageMs = this.#messages?.charge(1, now) ?? 0
    const byteMs = this.#bytes?.charge(bytes, now) ?? 0
    const ms = Math.max(messageMs, byteMs)
    if (ms === 0) return
    if (!this.isReached) {
      this.#report(
        messageMs >= byteMs ? 'outgoingMessagesPerSecondMax' : 'outgoingBytesPerSecondMax',
      )
    }
    this.isReached = true
    deadlines.set(this, now + ms)
  }

  expired(): void {
    this.isReached = false
    this.#over()
  }

  end(): void {
    this.#broker.deadlines.clear(this)
  }

  #report(limit: OutgoingLimit): void {
    const { statistics, observer } = this.#broker
    statistics.limited[limit] += 1
    observer.slowed?.(this.#clientId, limit)
  }
}

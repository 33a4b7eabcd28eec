// How fast messages are sent to one client, and to all clients of its user together. Beyond that messages of QoS 0 are dropped, and
// the others wait in the client's queue. It is made only where the configuration has a rate.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import type { Limits } from '../limits.ts'
import { RATE_BURST_SECONDS, TokenBucket } from './token-bucket.ts'
import type { UserRate } from './user-rates.ts'

type OutgoingLimit = keyof Pick<
  Limits,
  | 'outgoingMessagesPerSecondMax'
  | 'outgoingBytesPerSecondMax'
  | 'outgoingMessagesPerSecondPerUserMax'
  | 'outgoingBytesPerSecondPerUserMax'
>

type RatedBroker = Pick<Broker, 'limits' | 'now' | 'deadlines' | 'statistics' | 'observer'>

/** The client that is sent to. */
interface RatedClient {
  readonly clientId: string
  /** Null where the rates of users have no bound. */
  readonly user: UserRate | null
  /** Is called when more may be sent again. */
  readonly over: () => void
}

const LIMITS = {
  client: { messages: 'outgoingMessagesPerSecondMax', bytes: 'outgoingBytesPerSecondMax' },
  user: {
    messages: 'outgoingMessagesPerSecondPerUserMax',
    bytes: 'outgoingBytesPerSecondPerUserMax',
  },
} as const

export class OutgoingRates implements Deadline {
  place: Deadline['place'] = undefined
  /** Whether nothing may be sent now. */
  isReached = false
  readonly #broker: RatedBroker
  readonly #client: RatedClient
  readonly #messages: TokenBucket | null
  readonly #bytes: TokenBucket | null

  private constructor(broker: RatedBroker, client: RatedClient) {
    const { limits, now } = broker
    this.#broker = broker
    this.#client = client
    this.#messages = TokenBucket.of(limits.outgoingMessagesPerSecondMax, RATE_BURST_SECONDS, now)
    this.#bytes = TokenBucket.of(limits.outgoingBytesPerSecondMax, RATE_BURST_SECONDS, now)
  }

  /** Returns null where there is no bound. */
  static of(broker: RatedBroker, client: RatedClient): OutgoingRates | null {
    const { outgoingMessagesPerSecondMax, outgoingBytesPerSecondMax } = broker.limits
    const isBounded = outgoingMessagesPerSecondMax > 0 || outgoingBytesPerSecondMax > 0
    return isBounded || client.user !== null ? new OutgoingRates(broker, client) : null
  }

  /** Counts a message that was sent. */
  charge(bytes: number): void {
    const { now, deadlines } = this.#broker
    const { user } = this.#client
    const messageMs = this.#messages?.charge(1, now) ?? 0
    const byteMs = this.#bytes?.charge(bytes, now) ?? 0
    const userMessageMs = user?.messages?.charge(1, now) ?? 0
    const userByteMs = user?.bytes?.charge(bytes, now) ?? 0
    const ownMs = Math.max(messageMs, byteMs)
    const userMs = Math.max(userMessageMs, userByteMs)
    const ms = Math.max(ownMs, userMs)
    if (ms === 0) return
    if (!this.isReached) {
      const isOfMessages = ownMs >= userMs ? messageMs >= byteMs : userMessageMs >= userByteMs
      this.#report(LIMITS[ownMs >= userMs ? 'client' : 'user'][isOfMessages ? 'messages' : 'bytes'])
    }
    this.isReached = true
    deadlines.set(this, now + ms)
  }

  /**
   * Ends the wait, or extends it if other clients of the user were sent messages meanwhile. When the debt of the user is paid,
   * each of its clients may be sent one message more, which makes the next debt: so none waits for ever.
   */
  expired(now: number): void {
    const ms = this.#client.user?.debtMs(now) ?? 0
    if (ms > 0) {
      this.#broker.deadlines.set(this, now + ms)
      return
    }
    this.isReached = false
    this.#client.over()
  }

  /** Its connection has ended. */
  end(): void {
    this.#broker.deadlines.clear(this)
    if (this.#client.user !== null) this.#client.user.connections -= 1
  }

  #report(limit: OutgoingLimit): void {
    const { statistics, observer } = this.#broker
    statistics.limited[limit] += 1
    observer.slowed?.(this.#client.clientId, limit)
  }
}

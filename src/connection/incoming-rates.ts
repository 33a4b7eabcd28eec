// How fast one client may send, and all clients of its user together. Beyond that the client is read more slowly. If it exceeds its own
// rates for too long without a break, it is disconnected. It is made only where the configuration has a rate.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import type { Limits } from '../limits.ts'
import { RATE_BURST_SECONDS, TokenBucket } from './token-bucket.ts'
import type { UserRate } from './user-rates.ts'

/** A socket that is not read does not report its end, so no pause is longer. */
const PAUSE_MS_MAX = 60_000

type RateLimit = keyof Pick<
  Limits,
  | 'messagesPerSecondMax'
  | 'bytesPerSecondMax'
  | 'messagesPerSecondPerUserMax'
  | 'bytesPerSecondPerUserMax'
>

type RatedBroker = Pick<Broker, 'limits' | 'now' | 'deadlines'>

/** A pause that what the client has sent makes necessary. */
interface Pause {
  readonly limit: RateLimit
  /** How long it is not to be read. */
  readonly ms: number
  /** Whether it was over its own rate for too long without a break. */
  readonly isTooLong: boolean
}

export class IncomingRates implements Deadline {
  place: Deadline['place'] = undefined
  readonly #deadlines: Broker['deadlines']
  readonly #messages: TokenBucket | null
  readonly #bytes: TokenBucket | null
  readonly #user: UserRate | null
  readonly #slowedMsMax: number
  readonly #over: () => void
  #slowedSince: number | null = null
  #pauseEndsMax = 0

  private constructor(
    { limits, now, deadlines }: RatedBroker,
    user: UserRate | null,
    over: () => void,
  ) {
    const { messagesPerSecondMax, bytesPerSecondMax, slowedSecondsMax } = limits
    this.#deadlines = deadlines
    this.#messages = TokenBucket.of(messagesPerSecondMax, RATE_BURST_SECONDS, now)
    this.#bytes = TokenBucket.of(bytesPerSecondMax, RATE_BURST_SECONDS, now)
    this.#user = user
    this.#slowedMsMax = slowedSecondsMax === 0 ? Infinity : slowedSecondsMax * 1_000
    this.#over = over
  }

  /** Returns null where there is no bound. `over` is called when a pause is over. */
  static of(broker: RatedBroker, user: UserRate | null, over: () => void): IncomingRates | null {
    const { messagesPerSecondMax, bytesPerSecondMax } = broker.limits
    const isBounded = messagesPerSecondMax > 0 || bytesPerSecondMax > 0 || user !== null
    return isBounded ? new IncomingRates(broker, user, over) : null
  }

  /** Ends the pause, or extends it if other clients of the user have sent meanwhile. */
  expired(now: number): void {
    const ms = this.#user?.debtMs(now) ?? 0
    if (ms > 0 && now < this.#pauseEndsMax) this.#deadlines.set(this, now + ms)
    else this.#over()
  }

  /** Its connection has ended. */
  end(): void {
    this.#deadlines.clear(this)
    if (this.#user !== null) this.#user.connections -= 1
  }

  /** Counts what has arrived. Returns null while the client and its user keep to their rates. */
  charge(messages: number, bytes: number, now: number): Pause | null {
    const messageMs = this.#messages?.charge(messages, now) ?? 0
    const byteMs = this.#bytes?.charge(bytes, now) ?? 0
    const userMessageMs = this.#user?.messages?.charge(messages, now) ?? 0
    const userByteMs = this.#user?.bytes?.charge(bytes, now) ?? 0
    const ownMs = Math.max(messageMs, byteMs)
    const userMs = Math.max(userMessageMs, userByteMs)
    // Which client of a user sends too much is not known, so the rates of users disconnect none.
    if (ownMs === 0) this.#slowedSince = null
    else this.#slowedSince ??= now
    if (ownMs === 0 && userMs === 0) return null
    const ms = Math.min(PAUSE_MS_MAX, Math.max(ownMs, userMs))
    const isTooLong = this.#slowedSince !== null && now - this.#slowedSince >= this.#slowedMsMax
    this.#pauseEndsMax = now + PAUSE_MS_MAX
    this.#deadlines.set(this, now + ms)
    if (ownMs >= userMs) {
      return {
        limit: messageMs >= byteMs ? 'messagesPerSecondMax' : 'bytesPerSecondMax',
        ms,
        isTooLong,
      }
    }
    const isOfMessages = userMessageMs >= userByteMs
    return {
      limit: isOfMessages ? 'messagesPerSecondPerUserMax' : 'bytesPerSecondPerUserMax',
      ms,
      isTooLong,
    }
  }
}

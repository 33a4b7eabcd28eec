// How fast one client may send. It is read more slowly beyond that, and is disconnected if it never makes a pause. It is made
// only where the configuration has a rate.

import type { Deadline } from '../broker/deadlines.ts'
import type { Limits } from '../limits.ts'
import { TokenBucket } from './token-bucket.ts'

/** How many seconds of a rate may come at once. */
const BURST_SECONDS = 2
/** A socket that is not read does not report its end, so no pause is longer. */
const PAUSE_MS_MAX = 60_000

type RateLimit = 'messagesPerSecondMax' | 'bytesPerSecondMax'

/** The effect of what the client has sent. */
interface Pause {
  readonly limit: RateLimit
  /** How long it is not to be read. */
  readonly ms: number
  /** Whether it was over its rate for too long without a break. */
  readonly isTooLong: boolean
}

export class IncomingRates implements Deadline {
  place: Deadline['place'] = undefined
  readonly #messages: TokenBucket | null
  readonly #bytes: TokenBucket | null
  readonly #slowedMsMax: number
  readonly #over: () => void
  #slowedSince: number | null = null

  /** `over` is called when a pause is over. */
  private constructor(limits: Limits, now: number, over: () => void) {
    const { messagesPerSecondMax, bytesPerSecondMax, slowedSecondsMax } = limits
    this.#messages = bucket(messagesPerSecondMax, now)
    this.#bytes = bucket(bytesPerSecondMax, now)
    this.#slowedMsMax = slowedSecondsMax === 0 ? Infinity : slowedSecondsMax * 1_000
    this.#over = over
  }

  /** Returns null where there is no bound. */
  static of(limits: Limits, now: number, over: () => void): IncomingRates | null {
    const isBounded = limits.messagesPerSecondMax > 0 || limits.bytesPerSecondMax > 0
    return isBounded ? new IncomingRates(limits, now, over) : null
  }

  expired(): void {
    this.#over()
  }

  /** Counts what has arrived. Returns null while the client keeps to its rates. */
  charge(messages: number, bytes: number, now: number): Pause | null {
    const messageMs = this.#messages?.charge(messages, now) ?? 0
    const byteMs = this.#bytes?.charge(bytes, now) ?? 0
    const ms = Math.min(PAUSE_MS_MAX, Math.max(messageMs, byteMs))
    if (ms === 0) {
      this.#slowedSince = null
      return null
    }
    this.#slowedSince ??= now
    const isTooLong = now - this.#slowedSince >= this.#slowedMsMax
    return {
      limit: messageMs >= byteMs ? 'messagesPerSecondMax' : 'bytesPerSecondMax',
      ms,
      isTooLong,
    }
  }
}

function bucket(perSecond: number, now: number): TokenBucket | null {
  return perSecond === 0 ? null : new TokenBucket(perSecond, BURST_SECONDS, now)
}

// Keys at the URL of an identity provider. They are read again from time to time, and when a token names an unknown one. While they
// cannot be had, those of before hold for a bounded time.

import { HttpFailure, HttpService } from '../http/http-request.ts'
import { type Algorithm, type KeySet, parseJwks, WrongKeys } from './key-set.ts'
import type { KeySource } from './jwt-authenticator.ts'

const ANSWER_BYTES_MAX = 262_144
const TIMEOUT_MS = 5_000
/** An unknown key makes the broker ask no more often. */
const UNKNOWN_KEY_PAUSE_MS = 30_000
const FIRST_RETRY_MS = 1_000
const RETRY_MS_MAX = 60_000

interface RemoteKeysOptions {
  readonly url: string
  readonly ca: Buffer | undefined
  readonly algorithms: readonly Algorithm[] | undefined
  readonly refreshSeconds: number
  /** How long keys hold that cannot be read again. */
  readonly keysValidSeconds: number
  /** Is called when the keys cannot be read, or can be read again (null). */
  readonly changed: (trouble: string | null) => void
  /** A clock that never goes back, in milliseconds, and timers: tests replace them. */
  readonly now?: () => number
  readonly later?: (work: () => void, milliseconds: number) => NodeJS.Timeout
}

export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions
  readonly #service: HttpService
  readonly #now: () => number
  readonly #later: (work: () => void, milliseconds: number) => NodeJS.Timeout
  #keys: KeySet | null = null
  #readAt = -Infinity
  #askedAt = -Infinity
  #asking: Promise<void> | null = null
  #failures = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#service = new HttpService(options.url, options.ca, {
      connectionsMax: 1,
      timeoutMs: TIMEOUT_MS,
      answerBytesMax: ANSWER_BYTES_MAX,
    })
    this.#now = options.now ?? (() => performance.now())
    this.#later = options.later ?? ((work, milliseconds) => setTimeout(work, milliseconds).unref())
  }

  /** Null before the keys were read for the first time, and when they are too old. */
  get keys(): KeySet | null {
    const isOld = this.#now() - this.#readAt > this.#options.keysValidSeconds * 1_000
    return isOld ? null : this.#keys
  }

  get isTroubled(): boolean {
    return this.#failures > 0
  }

  get counters(): Readonly<Record<string, number>> {
    return { tokenKeys: this.keys?.size ?? 0, tokenKeysFailures: this.#failures }
  }

  /** Begins to read the keys now and from time to time. */
  start(): void {
    void this.#ask()
  }

  renewed(): Promise<void> | null {
    if (this.#asking !== null) return this.#asking
    if (this.#now() - this.#askedAt < UNKNOWN_KEY_PAUSE_MS) return null
    return this.#ask()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#service.close()
  }

  #ask(): Promise<void> {
    clearTimeout(this.#timer)
    this.#askedAt = this.#now()
    this.#asking = this.#read().finally(() => {
      this.#asking = null
      this.#timer = this.#later(() => void this.#ask(), this.#pauseMs())
    })
    return this.#asking
  }

  #pauseMs(): number {
    const { refreshSeconds } = this.#options
    if (this.#failures === 0) return refreshSeconds * 1_000
    return Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10), RETRY_MS_MAX)
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { algorithms, changed } = this.#options
    try {
      const { status, body } = await this.#service.ask({
        method: 'GET',
        headers: { accept: 'application/json' },
      })
      if (status !== 200) throw new HttpFailure(`an answer with status ${status}`)
      this.#keys = parseJwks(body, algorithms)
      this.#readAt = this.#now()
      if (this.#failures > 0) changed(null)
      this.#failures = 0
    } catch (error) {
      this.#failures++
      const isSaid = error instanceof HttpFailure || error instanceof WrongKeys
      changed(isSaid ? error.message : 'a fault of the broker itself')
    }
  }
}

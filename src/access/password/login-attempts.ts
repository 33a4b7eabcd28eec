// The attempts to log in: one after the other for a user at an address, later after failures, and their failures counted.

import { setTimeout as sleep } from 'node:timers/promises'
import { FailedLogins } from './failed-logins.ts'
import { TriesInTurn } from './tries-in-turn.ts'

/** `unknown` only where others know users as well. */
export type LoginAnswer = 'right' | 'wrong' | 'unknown' | 'busy' | 'failed'

export interface AttemptBounds {
  readonly failedLoginsMax?: number
  /** The clock and the timers, which tests replace. */
  readonly now?: () => number
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

export class LoginAttempts {
  readonly failures: FailedLogins
  readonly tries = new TriesInTurn()
  readonly #now: () => number
  readonly #pause: (milliseconds: number) => Promise<unknown>
  /** The number of attempts that were delayed because of earlier failures. */
  slowed = 0

  constructor(bounds: AttemptBounds = {}) {
    this.failures = new FailedLogins(bounds.failedLoginsMax)
    this.#now = bounds.now ?? (() => performance.now())
    this.#pause = bounds.pause ?? (milliseconds => sleep(milliseconds, undefined, { ref: false }))
  }

  /** Verifies in its turn and after its delay. Returns null when too many attempts of this user at this address wait. */
  make(
    username: string,
    network: string,
    verify: () => Promise<LoginAnswer> | LoginAnswer,
  ): Promise<LoginAnswer> | null {
    return this.tries.make(`${network}\0${username}`, async () => {
      await this.#waitFor(username, network)
      const answer = await verify()
      if (answer === 'wrong') this.fail(username, network)
      if (answer === 'right') this.failures.succeed(username, network)
      return answer
    })
  }

  fail(username: string, network: string): void {
    this.failures.fail(username, network, this.#now())
  }

  get counters(): Readonly<Record<string, number>> {
    const { failures, tries, slowed } = this
    return {
      loginsFailed: failures.failed,
      loginsSlowed: slowed,
      loginsTurnedAway: tries.turnedAway,
      failuresRemembered: failures.size,
      failuresForgotten: failures.forgotten,
    }
  }

  async #waitFor(username: string, network: string): Promise<void> {
    const delay = this.failures.delayBefore(username, network, this.#now())
    if (delay === 0) return
    this.slowed++
    await this.#pause(delay)
  }
}

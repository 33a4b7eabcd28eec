// Verifies passwords of users. An unknown name takes as long as a wrong password, and the answers are equal, so that nobody can
// find out which users exist.

import { setTimeout as sleep } from 'node:timers/promises'
import { FailedLogins, networkOf } from './failed-logins.ts'
import { HashWorker } from './hash-worker.ts'
import { PasswordDirectory } from './password-directory.ts'
import type { PasswordFile } from './password-file.ts'
import { TriesInTurn } from './tries-in-turn.ts'
import { VerifiedCredentials } from './verified-credentials.ts'

/** `unknown` only where others know users as well. */
export type PasswordAnswer = 'right' | 'wrong' | 'unknown' | 'busy' | 'failed'

export interface PasswordBounds {
  readonly hashesQueuedMax?: number
  readonly verifiedMax?: number
  readonly failedLoginsMax?: number
  /** Whether unknown users are asked for elsewhere, after their decoy hash. Then `refused` tells of those that nobody knows. */
  readonly othersFollow?: boolean
  /** The clock and the timers, which tests replace. */
  readonly now?: () => number
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

export class PasswordUsers {
  readonly directory: PasswordDirectory
  readonly worker: HashWorker
  readonly verified: VerifiedCredentials
  readonly failures: FailedLogins
  readonly tries = new TriesInTurn()
  readonly #othersFollow: boolean
  readonly #now: () => number
  readonly #pause: (milliseconds: number) => Promise<unknown>
  /** The verifications in progress: many clients with one password that connect at once need one hash. */
  readonly #asked = new Map<string, Promise<PasswordAnswer>>()
  /** The number of attempts that were delayed because of earlier failures. */
  slowed = 0

  constructor(file: PasswordFile, bounds: PasswordBounds = {}) {
    this.directory = new PasswordDirectory(file)
    this.worker = new HashWorker(bounds.hashesQueuedMax)
    this.verified = new VerifiedCredentials(bounds.verifiedMax)
    this.failures = new FailedLogins(bounds.failedLoginsMax)
    this.#othersFollow = bounds.othersFollow ?? false
    this.#now = bounds.now ?? (() => performance.now())
    this.#pause = bounds.pause ?? (milliseconds => sleep(milliseconds, undefined, { ref: false }))
  }

  /** Verifies a password. A password that was verified before is not delayed by others who guess at the address. */
  check(
    username: string,
    password: Buffer,
    address: string,
  ): PasswordAnswer | Promise<PasswordAnswer> {
    const written = this.directory.writtenFor(username)
    const digest = this.verified.digestOf(username, password, written)
    if (this.verified.has(digest)) return 'right'
    const asked = this.#asked.get(digest)
    if (asked !== undefined) return asked
    const network = networkOf(address)
    const answer = this.tries.make(`${network}\0${username}`, () =>
      this.#try(username, password, network),
    )
    if (answer === null) return 'busy'
    this.#asked.set(digest, answer)
    return answer.finally(() => this.#asked.delete(digest))
  }

  /** Nobody else knew the user either. */
  refused(username: string, address: string): void {
    this.failures.fail(username, networkOf(address), this.#now())
  }

  get counters(): Readonly<Record<string, number>> {
    const { worker, verified, failures, tries, slowed } = this
    return {
      passwordsHashed: worker.hashed,
      passwordsQueued: worker.queued,
      passwordsRefused: worker.refused,
      passwordsVerified: verified.size,
      passwordsVerifiedHits: verified.hits,
      passwordsVerifiedEvicted: verified.evicted,
      loginsFailed: failures.failed,
      loginsSlowed: slowed,
      loginsTurnedAway: tries.turnedAway,
      failuresRemembered: failures.size,
      failuresForgotten: failures.forgotten,
    }
  }

  close(): Promise<void> {
    return this.worker.close()
  }

  async #try(username: string, password: Buffer, network: string): Promise<PasswordAnswer> {
    await this.#waitFor(username, network)
    // The file may have changed during the wait, and may change again during the hash.
    const written = this.directory.writtenFor(username)
    const answer = await this.worker.verify(written, password, network)
    if (answer === 'busy' || answer === 'failed') return answer
    if (this.#othersFollow && !this.directory.has(username)) return 'unknown'
    const isCurrent =
      this.directory.has(username) && this.directory.writtenFor(username) === written
    if (answer === 'differs' || !isCurrent) {
      this.failures.fail(username, network, this.#now())
      return 'wrong'
    }
    this.failures.succeed(username, network)
    this.verified.add(this.verified.digestOf(username, password, written))
    return 'right'
  }

  async #waitFor(username: string, network: string): Promise<void> {
    const delay = this.failures.delayBefore(username, network, this.#now())
    if (delay === 0) return
    this.slowed++
    await this.#pause(delay)
  }
}

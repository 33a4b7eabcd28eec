// Verifies passwords of users. An unknown name takes as long as a wrong password, and the answers are equal, so that nobody can
// find out which users exist.

import { ScramUsers } from '../scram/scram-users.ts'
import { networkOf } from '../addresses.ts'
import { AwaitedPasswords } from './awaited-passwords.ts'
import { HashWorker } from './hash-worker.ts'
import { type AttemptBounds, type LoginAnswer, LoginAttempts } from './login-attempts.ts'
import { PasswordDirectory } from './password-directory.ts'
import type { PasswordFile } from './password-file.ts'
import { VerifiedCredentials } from './verified-credentials.ts'

export interface PasswordBounds extends AttemptBounds {
  readonly hashesQueuedMax?: number
  readonly verifiedMax?: number
  /** Whether unknown users are asked for elsewhere, after their decoy hash. Then `refused` tells of those that nobody knows. */
  readonly othersFollow?: boolean
}

export class PasswordUsers {
  readonly directory: PasswordDirectory
  readonly scram: ScramUsers
  readonly worker: HashWorker
  readonly verified: VerifiedCredentials
  readonly attempts: LoginAttempts
  readonly awaited: AwaitedPasswords
  readonly #othersFollow: boolean
  /** The verifications in progress: many clients with one password that connect at once need one hash. */
  readonly #asked = new Map<string, Promise<LoginAnswer>>()

  constructor(file: PasswordFile, bounds: PasswordBounds = {}) {
    this.directory = new PasswordDirectory(file)
    this.scram = new ScramUsers(file)
    this.worker = new HashWorker(bounds.hashesQueuedMax)
    this.verified = new VerifiedCredentials(bounds.verifiedMax)
    this.attempts = new LoginAttempts(bounds)
    this.awaited = new AwaitedPasswords(bounds.now ?? (() => performance.now()))
    this.#othersFollow = bounds.othersFollow ?? false
  }

  /** Returns the users who have another password now, or are gone. */
  replace(file: PasswordFile): ReadonlySet<string> {
    this.scram.replace(file)
    return this.directory.replace(file)
  }

  /** Verifies a password. A password that was verified before is not delayed by others who guess at the address. */
  check(username: string, password: Buffer, address: string): LoginAnswer | Promise<LoginAnswer> {
    const written = this.directory.writtenFor(username)
    const digest = this.verified.digestOf(username, password, written)
    if (this.verified.has(digest)) return 'right'
    const asked = this.#asked.get(digest)
    if (asked !== undefined) return asked
    const network = networkOf(address)
    const answer = this.attempts.make(username, network, () =>
      this.#verify(username, password, network),
    )
    if (answer === null) return 'busy'
    this.#asked.set(digest, answer)
    return answer.finally(() => this.#asked.delete(digest))
  }

  /** Nobody else knew the user either. */
  refused(username: string, address: string): void {
    this.attempts.fail(username, networkOf(address))
  }

  get counters(): Readonly<Record<string, number>> {
    const { worker, verified, attempts, awaited } = this
    return {
      passwordsHashed: worker.hashed,
      passwordsQueued: worker.queued,
      passwordsRefused: worker.refused,
      passwordsVerified: verified.size,
      passwordsVerifiedHits: verified.hits,
      passwordsVerifiedEvicted: verified.evicted,
      ...attempts.counters,
      approvalsWaiting: awaited.all.length,
      approvalsTaken: awaited.taken,
      approvalsExpired: awaited.expired,
    }
  }

  close(): Promise<void> {
    return this.worker.close()
  }

  async #verify(username: string, password: Buffer, network: string): Promise<LoginAnswer> {
    // The file may have changed while the attempt waited, and may change again during the hash.
    const written = this.directory.writtenFor(username)
    const answer = await this.worker.verify(written, password, network)
    if (answer === 'busy' || answer === 'failed') return answer
    if (this.#othersFollow && !this.directory.has(username)) return 'unknown'
    if (answer === 'differs' || !this.directory.hasStill(username, written)) return 'wrong'
    this.verified.add(this.verified.digestOf(username, password, written))
    return 'right'
  }
}

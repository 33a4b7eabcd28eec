// The users of a password file. For unknown users it has decoy hashes that match no password and take as long to verify.

import { createHmac, randomBytes } from 'node:crypto'
import type { PasswordFile, PasswordUser } from './password-file.ts'
import {
  DIGEST_BYTES,
  formatHash,
  ITERATIONS,
  type PasswordHash,
  SALT_BYTES,
} from './password-hash.ts'

const KEY_BYTES = 32

export class PasswordDirectory {
  readonly #key = randomBytes(KEY_BYTES)
  #users: ReadonlyMap<string, PasswordUser>
  /** What decoys look like, and those that were needed. All at once would hold the loop. */
  #shapes: readonly PasswordHash[]
  #decoys: string[] = []

  constructor(file: PasswordFile) {
    this.#users = file.users
    this.#shapes = shapesOf(file.users)
  }

  /** Returns the users whose hash is another one now, or who are gone. */
  replace({ users }: PasswordFile): ReadonlySet<string> {
    const changed = new Set<string>()
    for (const { name, written } of this.#users.values()) {
      if (users.get(name)?.written !== written) changed.add(name)
    }
    this.#users = users
    this.#shapes = shapesOf(users)
    this.#decoys = []
    return changed
  }

  /** Returns the hash of the user as it is written, or null for an unknown one. */
  hashOf(username: string): string | null {
    return this.#users.get(username)?.written ?? null
  }

  has(username: string): boolean {
    return this.#users.has(username)
  }

  /** Whether there is this user, and may have this client id. */
  mayBe(username: string, clientId: string): boolean {
    const user = this.#users.get(username)
    return user !== undefined && (user.clientId === undefined || user.clientId === clientId)
  }

  /** Whether this is the hash of a user of this name now. */
  hasStill(username: string, written: string): boolean {
    return this.#users.get(username)?.written === written
  }

  /** Returns the hash of the user. For an unknown user it returns a decoy, always the same for a name, so that repeated attempts reveal nothing. */
  writtenFor(username: string): string {
    // The decoy is found for known names as well, so that they take as long.
    const number = createHmac('sha256', this.#key).update(username).digest().readUInt32BE()
    const at = number % this.#shapes.length
    const decoy = (this.#decoys[at] ??= decoyLike(this.#shapes[at] ?? USUAL))
    return this.#users.get(username)?.written ?? decoy
  }
}

function shapesOf(users: ReadonlyMap<string, PasswordUser>): readonly PasswordHash[] {
  const shapes = Array.from(users.values(), ({ hash }) => hash)
  return shapes.length > 0 ? shapes : [USUAL]
}

const EMPTY = Buffer.alloc(0)
const USUAL: PasswordHash = {
  kind: 'pbkdf2',
  iterations: ITERATIONS,
  salt: EMPTY,
  digest: EMPTY,
}

function decoyLike(hash: PasswordHash): string {
  const salt = randomBytes(hash.salt.length === 0 ? SALT_BYTES : hash.salt.length)
  const digest = randomBytes(hash.digest.length === 0 ? DIGEST_BYTES : hash.digest.length)
  if (hash.kind === 'scram') return formatHash({ ...hash, salt, digest, serverKey: digest })
  return formatHash({ ...hash, salt, digest })
}

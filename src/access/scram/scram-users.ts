// The verifiers for SCRAM of the users. A stranger's name has a decoy: always the same salt and iterations for a name, also after a
// restart, so that nobody can find out by them who is a user.

import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { PasswordFile, PasswordUser } from '../password/password-file.ts'
import { SCRAM_DIGEST_BYTES, type ScramDigest, type ScramHash } from '../password/password-hash.ts'

const KEY_BYTES = 32

/** What a client sees of a verifier before it has proved anything. */
interface Costs {
  readonly iterations: number
  readonly saltBytes: number
}

export interface ScramVerifier {
  readonly hash: ScramHash
  /** Its line in the password file. Null for a decoy, which no proof fits. */
  readonly written: string | null
}

export class ScramUsers {
  /** Where the file has no key. It is of this start, unless another was set. */
  #key: Buffer = randomBytes(KEY_BYTES)
  #file: PasswordFile
  #costs: Readonly<Record<ScramDigest, readonly Costs[]>>

  constructor(file: PasswordFile) {
    this.#file = file
    this.#costs = costsOf(file)
  }

  replace(file: PasswordFile): void {
    this.#file = file
    this.#costs = costsOf(file)
  }

  /** Sets the key for files without one, so that decoys are the same after a restart. */
  useKey(key: Buffer): void {
    this.#key = key
  }

  /** Whether any user has a verifier. */
  offers(by: ScramDigest): boolean {
    return this.#costs[by].length > 0
  }

  /** The decoy is made for known names as well, so that they take as long. */
  verifierFor(username: string, by: ScramDigest): ScramVerifier {
    const decoy = this.#decoyFor(username, by)
    const user = this.#file.users.get(username)
    if (user?.hash.kind !== 'scram' || user.hash.by !== by) return { hash: decoy, written: null }
    return { hash: user.hash, written: user.written }
  }

  #decoyFor(username: string, by: ScramDigest): ScramHash {
    const key = this.#file.decoyKey ?? this.#key
    const number = createHmac('sha256', key).update(`costs ${by} ${username}`).digest()
    const costs = this.#costs[by]
    const { iterations, saltBytes } = costs[number.readUInt32BE() % costs.length] ?? NO_COSTS
    // A short name of the salt: what is derived may be told from nothing but its length.
    const name = createHmac('sha256', key).update(`salt ${by} ${username}`).digest()
    const salt = Buffer.from(hkdfSync('sha256', key, '', name, saltBytes))
    const bytes = SCRAM_DIGEST_BYTES[by]
    const digest = randomBytes(bytes)
    return { kind: 'scram', by, iterations, salt, digest, serverKey: digest }
  }
}

const NO_COSTS: Costs = { iterations: 0, saltBytes: 0 }

/** Returns which costs there are, each once: adding a user changes the decoys only if it has costs of its own. */
function costsOf({ users }: PasswordFile): Readonly<Record<ScramDigest, readonly Costs[]>> {
  return { sha256: distinctCosts(users, 'sha256'), sha512: distinctCosts(users, 'sha512') }
}

function distinctCosts(
  users: ReadonlyMap<string, PasswordUser>,
  by: ScramDigest,
): readonly Costs[] {
  const found = new Map<string, Costs>()
  for (const { hash } of users.values()) {
    if (hash.kind !== 'scram' || hash.by !== by) continue
    const costs = { iterations: hash.iterations, saltBytes: hash.salt.length }
    found.set(`${costs.iterations} ${costs.saltBytes}`, costs)
  }
  return [...found.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, costs]) => costs)
}

// A cache of passwords that were verified since the start, so that a device that reconnects needs no hash. It keeps keyed
// digests: the memory contains no passwords, and the digests are useless after a restart.

import { createHmac, randomBytes } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'

const VERIFIED_CREDENTIALS_MAX = 10_000

const KEY_BYTES = 32
const LENGTH_BYTES = 4

export class VerifiedCredentials {
  readonly #key = randomBytes(KEY_BYTES)
  /** The digests. The one that was used longest ago is dropped first. */
  readonly #digests: BoundedMap<string, true>
  hits = 0

  constructor(max: number = VERIFIED_CREDENTIALS_MAX) {
    this.#digests = new BoundedMap(max)
  }

  /** How many digests were dropped because there were too many. */
  get evicted(): number {
    return this.#digests.dropped
  }

  get size(): number {
    return this.#digests.size
  }

  /** Returns the digest of credentials. A new password in the file changes it. */
  digestOf(username: string, password: Uint8Array, written: string): string {
    const mac = createHmac('sha256', this.#key)
    for (const part of [Buffer.from(username), Buffer.from(written), password]) {
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(part.length)
      mac.update(length).update(part)
    }
    return mac.digest().toString('latin1')
  }

  has(digest: string): boolean {
    if (this.#digests.get(digest) === undefined) return false
    this.#digests.set(digest, true)
    this.hits++
    return true
  }

  add(digest: string): void {
    this.#digests.set(digest, true)
  }
}

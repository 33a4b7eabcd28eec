// Clients that were allowed a short while ago, by keyed digests of the question: the memory has no passwords.

import { createHmac, randomBytes } from 'node:crypto'
import type { Found } from '../authenticator.ts'
import { BoundedMap } from '../bounded-map.ts'

const REMEMBERED_MAX = 10_000
const KEY_BYTES = 32

interface Remembered {
  readonly found: Found
  readonly at: number
}

export class RememberedAnswers {
  readonly #key = randomBytes(KEY_BYTES)
  readonly #forMs: number
  readonly #answers = new BoundedMap<string, Remembered>(REMEMBERED_MAX)
  hits = 0

  constructor(forMs: number) {
    this.#forMs = forMs
  }

  get size(): number {
    return this.#answers.size
  }

  digestOf(question: Buffer): string {
    return createHmac('sha256', this.#key).update(question).digest('base64')
  }

  add(digest: string, found: Found, now: number): void {
    if (this.#forMs > 0) this.#answers.set(digest, { found, at: now })
  }

  /** Returns the answer with the rest of its time; null for none. */
  get(digest: string, now: number): Found | null {
    const known = this.#answers.get(digest)
    if (known === undefined) return null
    const { found, at } = known
    const age = now - at
    const validForMs = found.validForMs === null ? null : found.validForMs - age
    if (age >= this.#forMs || (validForMs !== null && validForMs <= 0)) {
      this.#answers.delete(digest)
      return null
    }
    this.hits++
    return { ...found, validForMs }
  }
}

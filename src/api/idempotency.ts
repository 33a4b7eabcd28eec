// Requests that are sent again because their answer was lost: with the same `Idempotency-Key` they are done once.

import { createHash } from 'node:crypto'
import { BoundedMap } from '../access/bounded-map.ts'
import { Problem } from './problem.ts'

const KEYS_MAX = 1_000
const KEY_LENGTH_MAX = 128
const KEPT_MS = 600_000

interface Done {
  readonly at: number
  readonly bodyHash: string
  readonly result: Promise<unknown>
}

export class Idempotency {
  readonly #now: () => number
  readonly #done = new BoundedMap<string, Done>(KEYS_MAX)

  constructor(now: () => number) {
    this.#now = now
  }

  /** `request` names who asks for what. What was refused is done again. Throws Problem for a key of another request. */
  once(
    key: string,
    { request, body }: { readonly request: string; readonly body: unknown },
    act: () => Promise<unknown>,
  ): Promise<unknown> {
    if (key.length > KEY_LENGTH_MAX) {
      throw new Problem(422, `Idempotency-Key: must have at most ${KEY_LENGTH_MAX} characters`)
    }
    const name = `${request} ${key}`
    const bodyHash = createHash('sha256').update(JSON.stringify(body)).digest('base64')
    const known = this.#done.get(name)
    if (known !== undefined && this.#now() - known.at < KEPT_MS) {
      if (known.bodyHash === bodyHash) return known.result
      throw new Problem(422, 'this Idempotency-Key was sent with another body: take a new one')
    }
    const result = act()
    this.#done.set(name, { at: this.#now(), bodyHash, result })
    result.catch(() => this.#done.delete(name))
    return result
  }
}

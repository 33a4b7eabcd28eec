// With `latestByKey`, the newest message of each key in the tail of a named queue, which is in the store only. It is what came since the
// start, as far as there is memory; of the others the queue learns when it reads them.

import { textBytes } from '../../message.ts'
import type { MemoryAccount } from '../memory-account.ts'

export interface Newest {
  readonly stored: number
  readonly sequence: number
  /** As the bounds of the queue count it. */
  readonly bytes: number
}

const ENTRY_BYTES = 200

export class NewestInStore {
  readonly #memory: MemoryAccount
  readonly #byKey = new Map<string, Newest>()

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  get(key: string): Newest | undefined {
    return this.#byKey.get(key)
  }

  set(key: string, newest: Newest): void {
    this.delete(key)
    if (!this.#memory.hasRoom) return
    this.#byKey.set(key, newest)
    this.#memory.add('keys', ENTRY_BYTES + textBytes(key))
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#memory.add('keys', -ENTRY_BYTES - textBytes(key))
  }

  clear(): void {
    for (const key of [...this.#byKey.keys()]) this.delete(key)
  }
}

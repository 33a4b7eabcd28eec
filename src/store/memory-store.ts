// Survives nothing but the broker: what it holds is there for a broker that opens the same store again.

import type { Change } from './change.ts'
import { DurableState } from './durable-state.ts'
import type { Snapshot, Store } from './store.ts'

export class MemoryStore implements Store {
  readonly #state = new DurableState()
  #isOpen = false

  async open(): Promise<Snapshot> {
    if (this.#isOpen) throw new Error('the memory store is open already')
    this.#isOpen = true
    return this.#state.snapshot()
  }

  commit(changes: readonly Change[], done: (error: Error | null) => void): void {
    this.#state.apply(changes)
    done(null)
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }
}

// Survives nothing but the broker: what it holds is there for a broker that opens the same store again.

import type { Change, Owner } from './change.ts'
import { DurableState } from './durable-state.ts'
import type { Snapshot, Store, StoredDelivery } from './store.ts'

export class MemoryStore implements Store {
  readonly durability = 'memory'
  readonly isFull = false
  readonly #state: DurableState
  #recorded: Change[] = []
  #isOpen = false

  constructor(pageMessages?: number) {
    this.#state = new DurableState(pageMessages)
  }

  async open(): Promise<Snapshot> {
    if (this.#isOpen) throw new Error('the memory store is open already')
    this.#isOpen = true
    this.#state.forgetBegun()
    return this.#state.snapshot()
  }

  record(change: Change): void {
    this.#recorded.push(change)
  }

  commit(done: (error: Error | null) => void): void {
    this.#state.apply(this.#recorded)
    this.#recorded = []
    done(null)
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    done(null, this.#state.page(owner, after))
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }
}

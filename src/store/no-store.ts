// The store of the level `memory`: it keeps nothing. All state ends with the broker.

import type { Change, Owner } from './change.ts'
import type { Snapshot, Store, StoredDelivery } from './store.ts'

export const EMPTY: Snapshot = {
  sessions: [],
  groups: [],
  queues: [],
  retained: [],
  held: [],
  decisions: [],
  messageIds: [],
  locked: [],
  partitions: [],
  lastSequence: 0,
  lastDelivery: 0,
}

export class NoStore implements Store {
  readonly durability = 'memory'
  readonly isFull = false

  async open(): Promise<Snapshot> {
    return EMPTY
  }

  record(_change: Change): void {}

  commit(done: (error: Error | null) => void): void {
    done(null)
  }

  page(
    _owner: Owner,
    _after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    done(null, [])
  }

  async close(): Promise<void> {}
}

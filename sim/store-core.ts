// What the simulator runs: the synchronous core of a store over a disk, one call after the other.

import type { Change, Owner } from '../src/store/change.ts'
import type { Snapshot, StoredDelivery } from '../src/store/store.ts'

export interface StoreCore {
  /** Recovers what the disk holds. */
  open(): Snapshot
  /** Durable when it returns. Throws when the disk failed; then the core is dead. */
  commit(changes: readonly Change[]): void
  page(owner: Owner, after: number): readonly StoredDelivery[]
  /** A slice of background work; true while there is more. */
  work(): boolean
  readonly isFull: boolean
  close(): void
}

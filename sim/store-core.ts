// The synchronous core of a store over a disk, as the simulator runs it.

import type { Change, Owner } from '../src/store/change.ts'
import type { Snapshot, StoredDelivery } from '../src/store/store.ts'

export interface StoreCore {
  /** Recovers the state from the disk. */
  open(): Snapshot
  /** The changes are durable when it returns. It throws when the disk failed; the core must not be used after that. */
  commit(changes: readonly Change[]): void
  page(owner: Owner, after: number): readonly StoredDelivery[]
  /** Does a part of the background work. Returns true while there is more. */
  work(): boolean
  readonly isFull: boolean
  close(): void
}

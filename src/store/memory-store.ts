// A store in memory. Its content survives the broker only within this process: a broker may open the same store again.

import { LedgerStore } from './ledger-store.ts'
import { MemoryLog } from './memory-log.ts'

const PAGE_MESSAGES = 256
const PAGE_BYTES = 1_048_576
const CHECKPOINT_BYTES = 1_048_576

export class MemoryStore extends LedgerStore {
  constructor(pageMessages: number = PAGE_MESSAGES) {
    super(new MemoryLog(), {
      pageMessages,
      pageBytes: PAGE_BYTES,
      checkpointBytes: CHECKPOINT_BYTES,
      reserveBytes: 0,
    })
  }
}

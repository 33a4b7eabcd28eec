// The parts of a store in JetStream, in a module that is loaded for such a store only.

import { LedgerStore } from '../ledger-store.ts'
import { JetStreamLog } from './jetstream-log.ts'
import type { JetStreamStoreOptions } from './jetstream-store.ts'

export function openJetStream(options: JetStreamStoreOptions): {
  readonly store: LedgerStore
  readonly log: JetStreamLog
} {
  const log = new JetStreamLog(options)
  return { store: new LedgerStore(log, options), log }
}

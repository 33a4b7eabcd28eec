// A store whose log lies in a stream of NATS JetStream.

import { LedgerStore } from '../ledger-store.ts'
import type { LoggedLedgerOptions } from '../logged-ledger.ts'
import { JetStreamLog } from './jetstream-log.ts'
import type { JetStreamLogOptions } from './stream-opening.ts'

interface JetStreamStoreOptions extends JetStreamLogOptions, LoggedLedgerOptions {}

export class JetStreamStore extends LedgerStore {
  readonly log: JetStreamLog

  constructor(options: JetStreamStoreOptions) {
    const log = new JetStreamLog(options)
    super(log, options)
    this.log = log
  }
}

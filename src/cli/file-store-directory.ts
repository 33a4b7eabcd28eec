// The directory of the configured store, for commands that know stores in files only.

import type { Config } from '../config/config-types.ts'
import { storeDirectory } from '../server/create-store.ts'
import { UsageError } from './usage-error.ts'

/** Throws UsageError if the store is not in files, which is what the commands for stores know. */
export function fileStoreDirectory(config: Config): string {
  const { jetstream } = config.store
  if (jetstream === undefined) return storeDirectory(config)
  throw new UsageError(
    `The store is the stream ${jetstream.stream} of NATS, and no directory. The command of NATS copies it, while the broker is stopped: nats stream backup`,
  )
}

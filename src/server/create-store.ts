// Creates the store of the configuration.

import type { Config } from '../config/config-types.ts'
import { FileStore } from '../store/file-store.ts'
import { JetStreamStore } from '../store/jetstream/jetstream-store.ts'
import { LOG_STORE_DEFAULTS } from '../store/log/log-store.ts'
import { NoStore } from '../store/no-store.ts'
import type { Store } from '../store/store.ts'

const DIRECTORY = 'pondhawk-data'

export function storeDirectory(config: Config): string {
  return config.store.directory ?? DIRECTORY
}

/** Returns the directory that the store has locked, in which other files may be kept; null if there is none. */
export function directoryOf(store: Store, config: Config): string | null {
  const hasOne = store instanceof FileStore || store instanceof JetStreamStore
  return hasOne ? storeDirectory(config) : null
}

export function createStore(config: Config): Store {
  const { directory: _, jetstream, ...options } = config.store
  if (options.durability === 'memory') return new NoStore()
  const { queuedInMemoryMax, queuedInMemoryBytesMax } = config.limits
  // A whole page is read into memory.
  const pages = {
    pageMessages: Math.min(queuedInMemoryMax, LOG_STORE_DEFAULTS.pageMessages),
    pageBytes: Math.min(queuedInMemoryBytesMax, LOG_STORE_DEFAULTS.pageBytes),
  }
  const directory = storeDirectory(config)
  if (jetstream === undefined) return new FileStore(directory, { ...options, ...pages })
  const { stream, replicas, syncsAlways, bytesMax, cacheBytes, waitSeconds, ...nats } = jetstream
  return new JetStreamStore({
    ...options,
    ...pages,
    directory,
    nats,
    stream,
    replicas,
    syncsAlways,
    bytesMax: bytesMax ?? null,
    extentBytes: options.segmentBytes,
    cacheBytes,
    waitMs: waitSeconds * 1_000,
  })
}

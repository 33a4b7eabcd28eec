// Creates the store of the configuration.

import type { Config } from '../config/config-types.ts'
import { FileStore } from '../store/file-store.ts'
import { LOG_STORE_DEFAULTS } from '../store/log/log-store.ts'
import { NoStore } from '../store/no-store.ts'
import type { Store } from '../store/store.ts'

const DIRECTORY = 'pondhawk-data'

export function storeDirectory(config: Config): string {
  return config.store.directory ?? DIRECTORY
}

export function createStore(config: Config): Store {
  const { directory: _, ...options } = config.store
  if (options.durability === 'memory') return new NoStore()
  const { queuedInMemoryMax, queuedInMemoryBytesMax } = config.limits
  // A whole page is read into memory.
  const pages = {
    pageMessages: Math.min(queuedInMemoryMax, LOG_STORE_DEFAULTS.pageMessages),
    pageBytes: Math.min(queuedInMemoryBytesMax, LOG_STORE_DEFAULTS.pageBytes),
  }
  return new FileStore(storeDirectory(config), { ...options, ...pages })
}

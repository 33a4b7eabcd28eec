// The store that the configuration asks for.

import type { Config } from '../config/config-types.ts'
import { FileStore } from '../store/file-store.ts'
import { NoStore } from '../store/no-store.ts'
import type { Store } from '../store/store.ts'

const DIRECTORY = 'pondhawk-data'

export function storeDirectory(config: Config): string {
  return config.store.directory ?? DIRECTORY
}

export function createStore(config: Config): Store {
  const { directory: _, ...options } = config.store
  if (options.durability === 'memory') return new NoStore()
  return new FileStore(storeDirectory(config), options)
}

// The rules that every store must keep, for the tests of its author (`pondhawk/store-kit`). Rules are data, each with a
// check that throws an AssertionError. They need only Node, so that any test runner can run them.

import type { StorePlace } from './store-kit/changes.ts'
import { RULES } from './store-kit/rules.ts'

export { contentBytes, identifiersBytes, type Message } from './message.ts'
export type {
  Change,
  GroupOwner,
  NamedQueueOwner,
  Owner,
  PartitionOwner,
  QueueOwner,
  SessionOwner,
} from './store/change.ts'
export type * from './store/store.ts'

export { DirectoryLock } from './store/directory-lock.ts'
export type { StorePlace } from './store-kit/changes.ts'

export interface StoreRule {
  /** The rule as a sentence, for the name of a test. */
  readonly sentence: string
  /** Checks the rule on an empty place. Rejects with an AssertionError if the store breaks it. */
  readonly check: (place: StorePlace) => Promise<void>
}

export const STORE_RULES: readonly StoreRule[] = Object.entries(RULES).map(([sentence, check]) => ({
  sentence,
  check,
}))

// What every store must do, for the tests of those who write one (`pondhawk/store-kit`): rules as data, each with a
// check that throws an AssertionError. They need nothing but Node, so that any test runner can run them.

import type { StorePlace } from './store-kit/changes.ts'
import { RULES } from './store-kit/rules.ts'

export { contentBytes, identifiersBytes, type Message } from './message.ts'
export type { Change, GroupOwner, Owner, SessionOwner } from './store/change.ts'
export type * from './store/store.ts'

export type { StorePlace } from './store-kit/changes.ts'

export interface StoreRule {
  /** What the rule says, as a name for a test. */
  readonly sentence: string
  /** Runs the rule on a place that nothing was stored in before. Rejects with an AssertionError where it does not hold. */
  readonly check: (place: StorePlace) => Promise<void>
}

export const STORE_RULES: readonly StoreRule[] = Object.entries(RULES).map(([sentence, check]) => ({
  sentence,
  check,
}))

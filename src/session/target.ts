// Where a matching message goes: a session, a share group, or a subscriber inside this process.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Match } from '../routing/router.ts'

/**
 * How the target's subscriptions want the message: parts of its `Match`, which is passed on as it is. So `deliver` takes
 * names and not positions, and no object is made for a delivery.
 */
export type DeliveryOptions = Pick<Match<Target>, 'qos' | 'retainAsPublished' | 'identifiers'>

export interface Target {
  /** Null for what is not one client; no-local is about client identifiers [MQTT-3.8.3-3]. */
  readonly clientId: string | null
  /** Outlives a crash, so its deliveries are stored. */
  readonly isDurable: boolean
  /** `commitId` is the commit that the message itself is stored with, 0 when nobody stored it. */
  deliver(message: Message, options: DeliveryOptions, commitId: CommitId): void
}

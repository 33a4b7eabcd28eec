// A target of matching messages: a session, a share group, or a subscriber inside this process.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Match } from '../routing/router.ts'

/**
 * The options of the target's subscriptions: parts of its `Match`, which is passed on without a copy. So `deliver` has named
 * options, and no object is allocated for a delivery.
 */
export type DeliveryOptions = Pick<
  Match<Target>,
  'qos' | 'retainAsPublished' | 'identifiers' | 'conflateMs' | 'subscriptions'
>

export interface Target {
  /** The client id, for No Local [MQTT-3.8.3-3]; null for a target that is not one client. */
  readonly clientId: string | null
  /** Whether it survives a crash, so that its deliveries are stored. */
  readonly isDurable: boolean
  /** Whether a message of QoS 1 or 2 would be sent or queued now. Always true for a target that drops what its queue has no room for. */
  hasRoomFor(message: Message, options: DeliveryOptions): boolean
  /** `commitId` is the commit that the message itself is stored in; 0 when it is not stored. */
  deliver(message: Message, options: DeliveryOptions, commitId: CommitId): void
}

// Where a matching message goes: a session, a share group, or a subscriber inside this process.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'

export interface Target {
  /** Null for what is not one client; no-local is about client identifiers [MQTT-3.8.3-3]. */
  readonly clientId: string | null
  /** Outlives a crash, so its deliveries are stored. */
  readonly isDurable: boolean
  deliver(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void
}

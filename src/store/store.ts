// The port to what survives a crash. Adapters pass the contract of `test/store/store-contract.ts`.

import type { Message } from '../message.ts'
import type { QoS, Will } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from './change.ts'

export interface StoredDelivery {
  readonly delivery: number
  /** Null once PUBREC came: the message is not needed any more. */
  readonly message: Message | null
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[]
  /** 0 while it has not been sent. */
  readonly packetId: number
  /** The share group that the delivery came through, or null. */
  readonly group: { readonly shareName: string; readonly topicFilter: string } | null
}

export interface StoredSession {
  readonly clientId: string
  readonly expiryIntervalSeconds: number
  /** Null when the broker stopped while the client was connected. */
  readonly expiresAt: number | null
  readonly will: Will | null
  readonly subscriptions: readonly Subscription[]
  /** In the order in which they became owed; those sent before those that wait. */
  readonly deliveries: readonly StoredDelivery[]
  readonly incoming: readonly number[]
}

export interface StoredGroup {
  readonly shareName: string
  readonly topicFilter: string
  readonly deliveries: readonly StoredDelivery[]
}

/** All that a broker must know to go on where the last one stopped. */
export interface Snapshot {
  readonly sessions: readonly StoredSession[]
  readonly groups: readonly StoredGroup[]
  readonly retained: readonly Message[]
  /** Highest numbers given so far; 0 when none was. */
  readonly lastSequence: number
  readonly lastDelivery: number
}

export interface Store {
  /** Takes possession and tells what is there. Rejects with a sentence that names the cause. */
  open(): Promise<Snapshot>
  /**
   * Makes the changes durable as one atomic group, in order. Only one commit is outstanding at a time.
   * `done` may be called before this returns. An error is final: the process must stop.
   */
  commit(changes: readonly Change[], done: (error: Error | null) => void): void
  close(): Promise<void>
}

// The part of a connection that its session uses: how to send, and whether there is room.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Delivery } from './delivery.ts'

/**
 * `too-large`: over the client's Maximum Packet Size, so it counts as sent [MQTT-3.1.2-25]. `dropped-by-hook`: the same, because the
 * program does not want it sent. `no-right-to-receive`: the same, because it lies outside the mount point of its listener.
 */
export type SendOutcome = 'sent' | 'too-large' | 'dropped-by-hook' | 'no-right-to-receive'

export interface Link {
  /** Whether more may be sent: fewer bytes wait for the socket than its bound, and the client's rate is not reached. A session that reads false is pumped when there is room again. */
  readonly hasRoom: boolean
  /** Why a message of QoS 0 is dropped while `hasRoom` is false. */
  readonly lack: 'outbox-full' | 'rate-reached'
  /** Whether the socket sends as fast as it is written to, and there is room. A share group binds messages only to such members. */
  readonly isFlowing: boolean
  /** Requests another pump in a later turn, because there is more to send than this turn allows. */
  postpone(): void
  /** `commitId`: the commit that it waits for, with everything behind it on this connection; 0 for none. */
  publishQoS0(
    message: Message,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): SendOutcome
  publish(delivery: Delivery, duplicate: boolean): SendOutcome
  pubrel(packetId: number, commitId: CommitId): void
}

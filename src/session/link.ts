// What a session knows of its client's connection: how to send, and whether there is room.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Delivery } from './delivery.ts'

/** `too-large`: over the client's Maximum Packet Size, so it counts as sent [MQTT-3.1.2-25]. */
export type SendOutcome = 'sent' | 'too-large'

export interface Link {
  /** Less waits for the socket than its bound: more may be sent. A session that read `false` is pumped once there is room again. */
  readonly hasRoom: boolean
  /** The socket keeps up with what it is given, and there is room. A share group binds messages to such members only. */
  readonly isFlowing: boolean
  /** There is more to send, but not in this turn: the session wants to be pumped in a later one. */
  postpone(): void
  publishQoS0(message: Message, retain: boolean, identifiers: readonly number[]): SendOutcome
  publish(delivery: Delivery, duplicate: boolean): SendOutcome
  pubrel(packetId: number, commitId: CommitId): void
}

// Why something is not published, left as a will, or subscribed to.

import type { ReasonCode } from '../packet/reason.ts'

export interface Refusal {
  readonly reason: ReasonCode
  /** The reason as a sentence for the log and for a client of MQTT 5. */
  readonly sentence: string
}

/**
 * `malformed`: the protocol forbids it. `refused`: a rule or a quota forbids it. `no-room`: it may be possible later, so a client that
 * cannot be told the reason must not get an acknowledgement. `queue-full`: the same for the queue of one subscriber. `disconnected`: a
 * hook ends the connection. `control`: these are commands, which `broker.control` takes; `transaction`: it is for `broker.transactions`;
 * `repeated`: its `$message-id` was published. All three only of a PUBLISH, so for all others this is a refusal.
 */
type RefusalKind =
  | 'malformed'
  | 'refused'
  | 'no-room'
  | 'queue-full'
  | 'disconnected'
  | 'control'
  | 'transaction'
  | 'repeated'

export class NotAdmitted implements Refusal {
  readonly kind: RefusalKind
  readonly reason: ReasonCode
  readonly sentence: string
  /** The rule that decided, for the log alone: no client is to learn how others are kept out. */
  readonly rule: string | null

  constructor(kind: RefusalKind, reason: ReasonCode, sentence: string, rule: string | null = null) {
    this.kind = kind
    this.reason = reason
    this.sentence = sentence
    this.rule = rule
  }
}

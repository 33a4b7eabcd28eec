// The peer broke the rules of the protocol, in a packet that was well formed.

import type { ReasonCode } from '../packet/reason.ts'

/** Thrown anywhere in `connection/`; caught in one place, which says it on the wire, counts it and closes. */
export class ProtocolError extends Error {
  readonly reason: ReasonCode

  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'ProtocolError'
    this.reason = reason
  }
}

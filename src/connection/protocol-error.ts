// Why a connection must end although its bytes could be read: the peer broke a rule, or we cannot serve it.

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

/** We cannot do what was asked and have no other way to say so than to close: nothing was acknowledged. */
export class CannotServe extends Error {
  readonly reason: ReasonCode

  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'CannotServe'
    this.reason = reason
  }
}

// The error for a connection that must end although its bytes could be decoded: the client broke a rule, or the broker cannot serve it.

import type { ReasonCode } from '../packet/reason.ts'

/** It may be thrown anywhere in `connection/`. It is caught in one place, which sends the reason, counts it and closes. */
export class ProtocolError extends Error {
  readonly reason: ReasonCode

  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'ProtocolError'
    this.reason = reason
  }
}

/** The broker cannot serve the request, and the version has no answer for that: the connection closes without an acknowledgement. */
export class CannotServe extends Error {
  readonly reason: ReasonCode

  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'CannotServe'
    this.reason = reason
  }
}

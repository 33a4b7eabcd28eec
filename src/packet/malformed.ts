// The bytes are not a packet that MQTT allows.

import type { ReasonCode } from './reason.ts'

/** Thrown by the decoder and the framer only; caught at one place, in `connection/connection.ts`. */
export class MalformedPacket extends Error {
  readonly reason: ReasonCode

  /** `sentence` is read by operators: what was wrong, with the figures that show it. */
  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'MalformedPacket'
    this.reason = reason
  }
}

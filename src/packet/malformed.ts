// The error for bytes that are not a valid MQTT packet.

import type { ReasonCode } from './reason.ts'

/** Only the decoder and the framer throw it. It is caught in `connection/connection.ts`, and by the legs of bridges. */
export class MalformedPacket extends Error {
  readonly reason: ReasonCode

  /** `sentence` tells operators what was wrong, with the values. */
  constructor(reason: ReasonCode, sentence: string) {
    super(sentence)
    this.name = 'MalformedPacket'
    this.reason = reason
  }
}

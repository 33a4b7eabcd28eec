// What clients are told while the broker stops, or drains before a planned restart.

import { SERVER_MOVED, SERVER_SHUTTING_DOWN, SERVER_UNAVAILABLE } from '../packet/reason.ts'

export interface Leaving {
  /** The reason of DISCONNECT. */
  readonly reason: typeof SERVER_SHUTTING_DOWN | typeof SERVER_MOVED
  /** The reason of CONNACK, which has no code for a broker that stops. */
  readonly connectReason: typeof SERVER_UNAVAILABLE | typeof SERVER_MOVED
  readonly sentence: string
  /** Another broker that clients of MQTT 5 are told (5.0, section 4.11); null for none. */
  readonly serverReference: string | null
}

export function leavingFor(sentence: string, serverReference: string | null): Leaving {
  if (serverReference === null) {
    return {
      reason: SERVER_SHUTTING_DOWN,
      connectReason: SERVER_UNAVAILABLE,
      sentence,
      serverReference,
    }
  }
  return { reason: SERVER_MOVED, connectReason: SERVER_MOVED, sentence, serverReference }
}

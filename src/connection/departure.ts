// DISCONNECT from a client: what becomes of its will and its session.

import type { Departure } from '../broker/clients.ts'
import type { DisconnectPacket } from '../packet/packet.ts'
import { DISCONNECT_WITH_WILL, PROTOCOL_ERROR, reasonName, SUCCESS } from '../packet/reason.ts'
import { ProtocolError } from './protocol-error.ts'

/** The expiry that the client gives its session as it leaves, in seconds; null where it says nothing of it. */
export function expiryIn(packet: DisconnectPacket, presentSeconds: number): number | null {
  const expiry = packet.properties.sessionExpiryInterval
  if (expiry === undefined) return null
  // A session that was to end with its connection cannot be given a longer life (5.0, section 3.14.2.2.2).
  if (presentSeconds === 0 && expiry !== 0) {
    throw new ProtocolError(PROTOCOL_ERROR, 'DISCONNECT gives an expiry to a session without one')
  }
  return expiry
}

/** Only a normal DISCONNECT discards the will [MQTT-3.14.4-3]. */
export function departureOf(packet: DisconnectPacket): {
  readonly departure: Departure
  readonly sentence: string
} {
  switch (packet.reason) {
    case SUCCESS:
      return { departure: 'disconnected', sentence: 'the client said DISCONNECT' }
    case DISCONNECT_WITH_WILL:
      return { departure: 'lost', sentence: 'the client said DISCONNECT with its will' }
    default:
      return {
        departure: 'lost',
        sentence: `the client said DISCONNECT: ${reasonName(packet.reason)}`,
      }
  }
}

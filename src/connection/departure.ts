// How a connection ends: what DISCONNECT from a client does to its will and its session, and what we say as we leave.

import type { Departure } from '../broker/clients.ts'
import { protocolVersionOf } from '../packet/decode.ts'
import type { Framer } from '../packet/framer.ts'
import type { MalformedPacket } from '../packet/malformed.ts'
import type { DisconnectPacket } from '../packet/packet.ts'
import {
  DISCONNECT_WITH_WILL,
  PROTOCOL_ERROR,
  type ReasonCode,
  reasonName,
  SUCCESS,
} from '../packet/reason.ts'
import { type ConnectionState, negotiatedIn } from './connection-state.ts'
import { refusingConnack, versionToAnswer } from './handshake.ts'
import { ProtocolError } from './protocol-error.ts'
import type { Sender } from './sender.ts'

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

/** The reason on the wire, where the version has a way to say it [MQTT-4.13.1-1]. */
export function sayReason(
  state: ConnectionState,
  sender: Sender,
  reason: ReasonCode,
  sentence: string,
): void {
  if (state.kind === 'closed' || (negotiatedIn(state)?.version ?? 0) < 5) return
  if (state.kind === 'connected') {
    const properties = { reasonString: sentence }
    sender.send({ type: 'disconnect', reason, properties }, 0)
  } else {
    sender.send(refusingConnack(reason, sentence), 0)
  }
}

/** A CONNECT that cannot be read is answered where its version is known; anything else is not MQTT. */
export function sayUnreadable(
  { reason, message }: MalformedPacket,
  { bytes, start, end }: Framer,
  sender: Sender,
): void {
  const version = versionToAnswer(protocolVersionOf(bytes, start, end), reason)
  if (version === null) return
  sender.setVersion(version)
  sender.send(refusingConnack(reason, message), 0)
}

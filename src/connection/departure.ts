// The end of a connection: the effects of a client's DISCONNECT on will and session, and the broker's last packet.

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
import { refusingConnack, refusingProperties, versionToAnswer } from './handshake.ts'
import { ProtocolError } from './protocol-error.ts'
import type { Sender } from './sender.ts'

/** Returns the Session Expiry Interval of DISCONNECT in seconds; null if it has none. */
export function expiryIn(packet: DisconnectPacket, presentSeconds: number): number | null {
  const expiry = packet.properties.sessionExpiryInterval
  if (expiry === undefined) return null
  // An expiry of 0 in CONNECT cannot be changed by DISCONNECT (5.0, section 3.14.2.2.2).
  if (presentSeconds === 0 && expiry !== 0) {
    throw new ProtocolError(PROTOCOL_ERROR, 'DISCONNECT gives an expiry to a session without one')
  }
  return expiry
}

/** Whether the will is discarded: only by a DISCONNECT with reason 0 [MQTT-3.14.4-3]. */
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

/** Returns the packet with the reason, if the version has one [MQTT-4.13.1-1]. */
export function sendReason(
  state: ConnectionState,
  sender: Sender,
  reason: ReasonCode,
  sentence: string,
  serverReference: string | null = null,
): void {
  if (state.kind === 'closed' || (negotiatedIn(state)?.version ?? 0) < 5) return
  if (state.kind === 'connected') {
    const properties = refusingProperties(sentence, serverReference)
    sender.send({ type: 'disconnect', reason, properties }, 0)
  } else {
    sender.send(refusingConnack(reason, sentence, serverReference), 0)
  }
}

/** Answers an unreadable CONNECT if its version is known. Other bytes are not MQTT and get no answer. */
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

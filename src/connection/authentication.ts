// The protocol of enhanced authentication (5.0, section 4.12): checks and makes AUTH packets.

import type { Credentials } from '../access/access.ts'
import type { AuthPacket, Properties } from '../packet/packet.ts'
import { PROTOCOL_ERROR, type ReasonCode, REAUTHENTICATE } from '../packet/reason.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import type { Question } from './connection-context.ts'
import { ProtocolError } from './protocol-error.ts'

/** Returns the question for an AUTH from the client. */
export function questionOf(
  packet: AuthPacket,
  negotiated: NegotiatedLimits,
  credentials: Credentials,
  expected: ReasonCode,
): Question {
  const method = negotiated.authenticationMethod
  const { authenticationMethod, authenticationData } = packet.properties
  // Without a method in CONNECT, AUTH is not allowed [MQTT-4.12.0-7]. The method must stay the same [MQTT-4.12.0-5].
  if (method === null || authenticationMethod !== method || packet.reason !== expected) {
    throw new ProtocolError(PROTOCOL_ERROR, 'AUTH does not belong to an authentication under way')
  }
  return {
    kind: 'exchange',
    method,
    data: ownBytes(authenticationData),
    credentials,
    isFirst: packet.reason === REAUTHENTICATE,
  }
}

export function authPacket(
  reason: ReasonCode,
  method: string,
  data: Buffer | null | undefined,
): AuthPacket {
  const properties: Properties = {
    authenticationMethod: method,
    ...(data === null || data === undefined ? {} : { authenticationData: data }),
  }
  return { type: 'auth', reason, properties }
}

/** Returns a copy in memory of its own. */
export function ownBytes(data: Buffer | undefined): Buffer | null {
  return data === undefined ? null : Buffer.from(data)
}

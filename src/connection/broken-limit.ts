// Which limit a client broke with a packet that ends its connection.

import type { LimitName } from '../limits.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import {
  PACKET_TOO_LARGE,
  QUOTA_EXCEEDED,
  RECEIVE_MAXIMUM_EXCEEDED,
  TOPIC_ALIAS_INVALID,
} from '../packet/reason.ts'
import type { ProtocolError } from './protocol-error.ts'

type BrokenLimit = Extract<
  LimitName,
  | 'connectPacketBytesMax'
  | 'packetBytesMax'
  | 'userPropertiesMax'
  | 'receiveToleratedMax'
  | 'topicAliasMax'
  | 'topicAliasBytesMax'
>

/** Returns null if the client broke a rule of the protocol, and no limit. Each of these reasons belongs to one limit. */
export function brokenLimit(
  error: MalformedPacket | ProtocolError,
  isConnect: boolean,
): BrokenLimit | null {
  const isMalformed = error instanceof MalformedPacket
  switch (error.reason) {
    case PACKET_TOO_LARGE:
      return isConnect ? 'connectPacketBytesMax' : 'packetBytesMax'
    case QUOTA_EXCEEDED:
      return isMalformed ? 'userPropertiesMax' : 'topicAliasBytesMax'
    case RECEIVE_MAXIMUM_EXCEEDED:
      return 'receiveToleratedMax'
    case TOPIC_ALIAS_INVALID:
      return isMalformed ? null : 'topicAliasMax'
    default:
      return null
  }
}

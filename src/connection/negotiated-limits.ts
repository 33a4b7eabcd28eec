// The limits that client and broker have negotiated with CONNECT and CONNACK.

import type { Limits } from '../limits.ts'
import { REMAINING_LENGTH_MAX } from '../packet/fixed-header.ts'
import type { ConnectPacket, ProtocolVersion, QoS } from '../packet/packet.ts'

/** Largest packet that the protocol can express: 4 bytes of Remaining Length and the fixed header. */
export const PROTOCOL_PACKET_BYTES_MAX = REMAINING_LENGTH_MAX + 5

/** What a listener asks of all its clients, besides who they are. */
export interface ListenerTerms {
  /** The prefix of all topics of its clients; null for none. */
  readonly mountPoint: string | null
  /** The highest QoS that they may use. */
  readonly qosMax: QoS
  /** Whether their client ids are their user names, whatever CONNECT says. */
  readonly usernameIsClientId: boolean
  /** Of a listener that has users and rules of its own; null for others. */
  readonly realm: string | null
}

export const NO_TERMS: ListenerTerms = {
  mountPoint: null,
  qosMax: 2,
  usernameIsClientId: false,
  realm: null,
}

export interface NegotiatedLimits {
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly username: string | null
  /** Whether the client has identified itself as another broker: see ConnectPacket. */
  readonly isBridge: boolean
  /** Whether the broker assigned the client id [MQTT-3.1.3-6]. */
  readonly isClientIdAssigned: boolean
  /** 0 for no keep-alive. */
  readonly keepAliveSeconds: number
  /** Whether the broker's keep-alive replaces the client's [MQTT-3.2.2-21]. */
  readonly isKeepAliveServers: boolean
  readonly expiryIntervalSeconds: number
  /** Whether the broker shortened the expiry that the client requested. */
  readonly isExpiryServers: boolean
  /** The most PUBLISH packets of QoS 1 and 2 in flight to the client [MQTT-3.3.4-9]. */
  readonly windowMax: number
  /** The client's Maximum Packet Size [MQTT-3.1.2-24]. */
  readonly packetBytesMax: number
  /** The most topic aliases that the broker may set [MQTT-3.1.2-26]. */
  readonly topicAliasMax: number
  /** Whether packets other than PUBLISH, CONNACK and DISCONNECT may have reason strings and user properties [MQTT-3.1.2-29]. */
  readonly wantsProblemInformation: boolean
  readonly wantsResponseInformation: boolean
  readonly authenticationMethod: string | null
  readonly mountPoint: string | null
  readonly qosMax: QoS
}

/** `assignedClientId` is null when the client sent its own. */
export function negotiate(
  packet: ConnectPacket,
  assignedClientId: string | null,
  limits: Limits,
  { mountPoint, qosMax }: ListenerTerms,
): NegotiatedLimits {
  const { properties, version } = packet
  const keepAliveSeconds = keepAliveOf(packet, limits)
  const expiryIntervalSeconds = expiryOf(packet, limits)
  return {
    version,
    clientId: assignedClientId ?? packet.clientId,
    username: packet.username,
    isBridge: packet.isBridge === true,
    isClientIdAssigned: assignedClientId !== null,
    keepAliveSeconds,
    isKeepAliveServers: keepAliveSeconds !== packet.keepAliveSeconds,
    expiryIntervalSeconds,
    isExpiryServers: expiryIntervalSeconds !== (properties.sessionExpiryInterval ?? 0),
    windowMax: Math.min(properties.receiveMaximum ?? 65_535, limits.inFlightMax),
    packetBytesMax: properties.maximumPacketSize ?? PROTOCOL_PACKET_BYTES_MAX,
    topicAliasMax: Math.min(properties.topicAliasMaximum ?? 0, limits.outgoingTopicAliasMax),
    wantsProblemInformation: properties.requestProblemInformation !== 0,
    wantsResponseInformation: properties.requestResponseInformation === 1,
    authenticationMethod: properties.authenticationMethod ?? null,
    mountPoint,
    qosMax,
  }
}

// A 3.x CONNACK has no keep-alive, so the client's own value is used.
function keepAliveOf(packet: ConnectPacket, limits: Limits): number {
  const max = limits.keepAliveSecondsMax
  const asked = packet.keepAliveSeconds
  if (packet.version < 5 || max === 0) return asked
  return asked === 0 || asked > max ? max : asked
}

/** Returns the expiry of the session in seconds. Clean Session of 3.x means 0 or the maximum. */
function expiryOf(packet: ConnectPacket, limits: Limits): number {
  const max = limits.sessionExpirySecondsMax
  if (packet.version < 5) return packet.cleanStart ? 0 : max
  return Math.min(packet.properties.sessionExpiryInterval ?? 0, max)
}

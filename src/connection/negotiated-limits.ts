// What client and broker agreed on with CONNECT and CONNACK.

import type { Limits } from '../limits.ts'
import { REMAINING_LENGTH_MAX } from '../packet/fixed-header.ts'
import type { ConnectPacket, ProtocolVersion } from '../packet/packet.ts'

/** Largest packet that the protocol can express: 4 bytes of Remaining Length and the fixed header. */
export const PROTOCOL_PACKET_BYTES_MAX = REMAINING_LENGTH_MAX + 5

export interface NegotiatedLimits {
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly username: string | null
  /** The client is another broker that said so: see ConnectPacket. */
  readonly isBridge: boolean
  /** The broker chose the client id [MQTT-3.1.3-6]. */
  readonly isClientIdAssigned: boolean
  /** 0 switches the keep-alive off. */
  readonly keepAliveSeconds: number
  /** The broker's keep-alive took the place of the client's [MQTT-3.2.2-21]. */
  readonly isKeepAliveServers: boolean
  readonly expiryIntervalSeconds: number
  /** The broker shortened the expiry that the client asked for. */
  readonly isExpiryServers: boolean
  /** PUBLISH of QoS 1 and 2 that may be on the way to the client [MQTT-3.3.4-9]. */
  readonly windowMax: number
  /** The client's Maximum Packet Size [MQTT-3.1.2-24]. */
  readonly packetBytesMax: number
  /** Topic aliases that may be set towards the client [MQTT-3.1.2-26]. */
  readonly topicAliasMax: number
  /** Reason strings and user properties may be sent besides PUBLISH, CONNACK and DISCONNECT [MQTT-3.1.2-29]. */
  readonly wantsProblemInformation: boolean
  readonly wantsResponseInformation: boolean
  readonly authenticationMethod: string | null
}

/** `assignedClientId` is null when the client brought its own. */
export function negotiate(
  packet: ConnectPacket,
  assignedClientId: string | null,
  limits: Limits,
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
  }
}

// A client of 3.x cannot be told another keep-alive, so its own counts.
function keepAliveOf(packet: ConnectPacket, limits: Limits): number {
  const max = limits.keepAliveSecondsMax
  const asked = packet.keepAliveSeconds
  if (packet.version < 5 || max === 0) return asked
  return asked === 0 || asked > max ? max : asked
}

/** Seconds that the session outlives its connection; Clean Session of 3.x is an expiry of 0 or of the maximum. */
function expiryOf(packet: ConnectPacket, limits: Limits): number {
  const max = limits.sessionExpirySecondsMax
  if (packet.version < 5) return packet.cleanStart ? 0 : max
  return Math.min(packet.properties.sessionExpiryInterval ?? 0, max)
}

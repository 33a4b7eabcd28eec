// Every MQTT Control Packet as plain data, in the shape of MQTT 5.0.
// A packet of 3.1 or 3.1.1 is the same type with NO_PROPERTIES and the reason codes of `reason.ts`.

import type { ReasonCode } from './reason.ts'
import type { TransactionTopic } from './transaction-topics.ts'

/** Protocol Level of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5

export type QoS = 0 | 1 | 2

/** How packets are decoded: the version (a CONNECT contains its own) and the limits. */
export interface ReadingTerms {
  readonly version: ProtocolVersion
  readonly userPropertiesMax: number
}

/** Name and value. Lists of them keep their order [MQTT-3.3.2-18]. */
export type UserProperty = readonly [name: string, value: string]

/** Returns the value of the user property with this name, or null. The last of a name counts: what is added comes behind. */
export function lastValue(
  userProperties: readonly UserProperty[] | undefined,
  name: string,
): string | null {
  if (userProperties === undefined) return null
  for (let index = userProperties.length - 1; index >= 0; index--) {
    const pair = userProperties[index]
    if (pair !== undefined && pair[0] === name) return pair[1]
  }
  return null
}

/** Every property of MQTT 5.0, section 2.2.2.2. Intervals are in seconds, sizes in bytes. */
export interface Properties {
  readonly payloadFormatIndicator?: 0 | 1
  readonly messageExpiryInterval?: number
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Buffer
  /** In SUBSCRIBE at most one; in PUBLISH to a client one for each matching subscription. */
  readonly subscriptionIdentifiers?: readonly number[]
  readonly sessionExpiryInterval?: number
  readonly assignedClientIdentifier?: string
  readonly serverKeepAlive?: number
  readonly authenticationMethod?: string
  readonly authenticationData?: Buffer
  readonly requestProblemInformation?: 0 | 1
  readonly willDelayInterval?: number
  readonly requestResponseInformation?: 0 | 1
  readonly responseInformation?: string
  readonly serverReference?: string
  readonly reasonString?: string
  readonly receiveMaximum?: number
  readonly topicAliasMaximum?: number
  readonly topicAlias?: number
  readonly maximumQoS?: 0 | 1
  readonly retainAvailable?: 0 | 1
  readonly userProperties?: readonly UserProperty[]
  readonly maximumPacketSize?: number
  readonly wildcardSubscriptionAvailable?: 0 | 1
  readonly subscriptionIdentifiersAvailable?: 0 | 1
  readonly sharedSubscriptionAvailable?: 0 | 1
}

/** The only object for "no properties". Compare by identity. */
export const NO_PROPERTIES: Properties = Object.freeze({})

export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: Properties
}

export interface ConnectPacket {
  readonly type: 'connect'
  readonly version: ProtocolVersion
  /** Whether the client is another broker: it sets bit 7 of the protocol level, as mosquitto's bridges of 3.1 and 3.1.1 do. */
  readonly isBridge?: boolean
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  readonly clientId: string
  readonly username: string | null
  readonly password: Buffer | null
  readonly will: Will | null
  readonly properties: Properties
}

export interface ConnackPacket {
  readonly type: 'connack'
  readonly sessionPresent: boolean
  /** Always a reason code of MQTT 5.0; `encode` and `decode` translate the return codes of 3.x. */
  readonly reason: ReasonCode
  readonly properties: Properties
}

export interface PublishPacket {
  readonly type: 'publish'
  readonly duplicate: boolean
  readonly qos: QoS
  readonly retain: boolean
  /** Empty when the packet has only a topic alias. */
  readonly topic: string
  /** 0 at QoS 0, which has no packet identifier [MQTT-2.2.1-2]. */
  readonly packetId: number
  readonly properties: Properties
  /** At QoS 0 without RETAIN it may share memory with the chunk. Code that keeps it beyond the turn must copy it. */
  readonly payload: Buffer
  /** The parts of a topic of `$tx`. The decoder leaves it out for all other topics. */
  readonly transaction?: TransactionTopic
}

/** PUBACK, PUBREC, PUBREL and PUBCOMP. In 3.x the reason is not on the wire: success is assumed. */
export interface AcknowledgementPacket {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'
  readonly packetId: number
  readonly reason: ReasonCode
  readonly properties: Properties
}

export interface SubscriptionRequest {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  readonly type: 'subscribe'
  readonly packetId: number
  readonly subscriptions: readonly SubscriptionRequest[]
  readonly properties: Properties
}

export interface SubackPacket {
  readonly type: 'suback'
  readonly packetId: number
  readonly reasons: readonly ReasonCode[]
  readonly properties: Properties
}

export interface UnsubscribePacket {
  readonly type: 'unsubscribe'
  readonly packetId: number
  readonly filters: readonly string[]
  readonly properties: Properties
}

export interface UnsubackPacket {
  readonly type: 'unsuback'
  readonly packetId: number
  /** 3.x does not send them: decoded as an empty list. */
  readonly reasons: readonly ReasonCode[]
  readonly properties: Properties
}

interface PingreqPacket {
  readonly type: 'pingreq'
}

interface PingrespPacket {
  readonly type: 'pingresp'
}

export interface DisconnectPacket {
  readonly type: 'disconnect'
  readonly reason: ReasonCode
  readonly properties: Properties
}

/** MQTT 5.0 only. */
export interface AuthPacket {
  readonly type: 'auth'
  readonly reason: ReasonCode
  readonly properties: Properties
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AcknowledgementPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket

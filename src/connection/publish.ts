// PUBLISH from a client → Message: alias, topic, quota, permission; and its answer.

import { isUtf8 } from 'node:buffer'
import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import {
  NO_PROPERTIES,
  type Properties,
  type PublishPacket,
  type UserProperty,
} from '../packet/packet.ts'
import {
  NOT_AUTHORIZED,
  PAYLOAD_FORMAT_INVALID,
  PROTOCOL_ERROR,
  QUOTA_EXCEEDED,
  type ReasonCode,
  TOPIC_NAME_INVALID,
} from '../packet/reason.ts'
import { isReserved, isTopicName, levelCount, levelEnd } from '../routing/topic.ts'
import { ProtocolError } from './protocol-error.ts'
import type { IncomingAliases } from './topic-aliases.ts'

export interface Refusal {
  readonly reason: ReasonCode
  readonly sentence: string
}

export interface Publisher {
  readonly clientId: string
  readonly permissions: Permissions
  readonly aliases: IncomingAliases
}

/** The full topic of the packet, once its alias is resolved. Throws for an alias that was never set. */
export function topicOf(packet: PublishPacket, publisher: Publisher): string {
  const { topicAlias, subscriptionIdentifiers } = packet.properties
  // A client must not send one [MQTT-3.3.4-6].
  if (subscriptionIdentifiers !== undefined) {
    throw new ProtocolError(PROTOCOL_ERROR, 'PUBLISH from a client bears a subscription identifier')
  }
  if (topicAlias === undefined) return packet.topic
  return publisher.aliases.resolve(topicAlias, packet.topic)
}

/** Why the publish is refused, or null. */
export function refusalOf(
  packet: PublishPacket,
  topic: string,
  publisher: Publisher,
  broker: Broker,
): Refusal | null {
  if (!isTopicName(topic)) {
    throw new ProtocolError(TOPIC_NAME_INVALID, 'topic name is empty or has a wildcard')
  }
  const levelsMax = broker.limits.topicLevelsMax
  // A name of this length cannot have more levels.
  if (topic.length >= levelsMax && levelCount(topic) > levelsMax) {
    const sentence = `topic has more than ${levelsMax} levels (limits.topicLevelsMax)`
    return { reason: TOPIC_NAME_INVALID, sentence }
  }
  if (isReserved(topic)) {
    const tree = topic.slice(0, levelEnd(topic, 0))
    return { reason: NOT_AUTHORIZED, sentence: `${tree} is for the broker itself to publish` }
  }
  if (!broker.faults.mayPublish(publisher.permissions, topic, publisher.clientId)) {
    return { reason: NOT_AUTHORIZED, sentence: 'no right to publish to this topic' }
  }
  if (packet.properties.payloadFormatIndicator === 1 && !isUtf8(packet.payload)) {
    return { reason: PAYLOAD_FORMAT_INVALID, sentence: 'payload is not the UTF-8 it is said to be' }
  }
  return null
}

/** The message has its own bytes, as its packet has, when it will outlive the turn: at QoS 1 and 2, and when it is retained. */
export function messageOf(
  packet: PublishPacket,
  topic: string,
  clientId: string,
  broker: Broker,
): Message {
  const { properties } = packet
  const expiry = properties.messageExpiryInterval
  return {
    topic,
    payload: packet.payload,
    qos: packet.qos,
    retain: packet.retain,
    properties: properties === NO_PROPERTIES ? NO_PROPERTIES : forwarded(properties),
    publisher: clientId,
    expiresAt: expiry === undefined ? Infinity : broker.now + expiry * 1_000,
    sequence: broker.nextSequence(),
  }
}

/** Why the message cannot be retained, or null. */
export function retainRefusal(message: Message, broker: Broker): Refusal | null {
  if (!message.retain || broker.retained.hasRoomFor(message)) return null
  const keys = 'limits.retainedMessagesMax, limits.retainedBytesMax'
  return { reason: QUOTA_EXCEEDED, sentence: `no room for another retained message (${keys})` }
}

/** Why the message cannot be stored as it must be, or null. */
export function storeRefusal(message: Message, broker: Broker): Refusal | null {
  if (!broker.storeIsFull || !broker.mustStore(message)) return null
  return { reason: QUOTA_EXCEEDED, sentence: 'the disk is full, and the message must be stored' }
}

interface Forwarded {
  payloadFormatIndicator?: 0 | 1
  contentType?: string
  responseTopic?: string
  correlationData?: Buffer
  userProperties?: readonly UserProperty[]
}

/** What goes on to subscribers unaltered [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-20]. */
export function forwarded(properties: Properties): Properties {
  const kept: Forwarded = {}
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties
  if (payloadFormatIndicator !== undefined) kept.payloadFormatIndicator = payloadFormatIndicator
  if (contentType !== undefined) kept.contentType = contentType
  if (responseTopic !== undefined) kept.responseTopic = responseTopic
  if (correlationData !== undefined) kept.correlationData = Buffer.from(correlationData)
  if (properties.userProperties !== undefined) kept.userProperties = properties.userProperties
  return Object.keys(kept).length === 0 ? NO_PROPERTIES : kept
}

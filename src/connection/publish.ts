// PUBLISH from a client → Message: alias, topic, quota, permission; and its answer.

import { isUtf8 } from 'node:buffer'
import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import type { PublishPacket } from '../packet/packet.ts'
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
  packet: Pick<PublishPacket, 'payload' | 'properties'>,
  topic: string,
  publisher: Pick<Publisher, 'permissions'> & { readonly clientId: string | null },
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

/** Why the message cannot be retained, or null. */
export function retainRefusal(message: Message, broker: Broker): Refusal | null {
  if (!message.retain || broker.retained.hasRoomFor(message)) return null
  broker.memory.refusals += 1
  const keys = 'limits.retainedMessagesMax, limits.retainedBytesMax'
  return { reason: QUOTA_EXCEEDED, sentence: `no room for another retained message (${keys})` }
}

/** Why the message cannot be stored as it must be, or null. */
export function storeRefusal(message: Message, broker: Broker): Refusal | null {
  // Its packet identifier is kept until PUBREL.
  if (message.qos === 2 && !broker.memory.hasReserve) {
    broker.memory.refusals += 1
    return { reason: QUOTA_EXCEEDED, sentence: 'the memory for what clients keep is full' }
  }
  if (!broker.storeIsFull || !broker.mustStore(message)) return null
  return { reason: QUOTA_EXCEEDED, sentence: 'the disk is full, and the message must be stored' }
}

// Resolves the topic of a PUBLISH from a client. `Admission` decides whether it may be published.

import type { PublishPacket } from '../packet/packet.ts'
import { PROTOCOL_ERROR } from '../packet/reason.ts'
import { ProtocolError } from './protocol-error.ts'
import type { IncomingAliases } from './topic-aliases.ts'

/** The publisher. Its aliases are made when it first uses one. */
export interface Publisher {
  readonly aliases: IncomingAliases
}

/** Returns the full topic of the packet, with its alias resolved. Throws for an alias that was never set. */
export function topicOf(packet: PublishPacket, publisher: Publisher): string {
  const { topicAlias, subscriptionIdentifiers } = packet.properties
  // A client must not send a Subscription Identifier [MQTT-3.3.4-6].
  if (subscriptionIdentifiers !== undefined) {
    throw new ProtocolError(PROTOCOL_ERROR, 'PUBLISH from a client bears a subscription identifier')
  }
  if (topicAlias === undefined) return packet.topic
  return publisher.aliases.resolve(topicAlias, packet.topic)
}

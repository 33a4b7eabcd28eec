// Resolves the topic of a PUBLISH from a client. `Admission` decides whether it may be published.

import type { PublishPacket, QoS } from '../packet/packet.ts'
import { PROTOCOL_ERROR, QOS_NOT_SUPPORTED } from '../packet/reason.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
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

/** A client must not use a higher QoS than CONNACK allows [MQTT-3.2.2-11]. Before 5.0 it is not told, and loses its connection as well. */
export function assertQoS(qos: QoS, { qosMax }: Pick<NegotiatedLimits, 'qosMax'>): void {
  if (qos <= qosMax) return
  throw new ProtocolError(QOS_NOT_SUPPORTED, `QoS ${qos}, and ${qosMax} is the highest here`)
}

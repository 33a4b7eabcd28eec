// PUBACK, PUBREC and PUBCOMP from a client, and their effects on the message with the packet identifier.
//
//                     nothing      QoS 1           QoS 2, no PUBREC   QoS 2, PUBREC came
//   PUBACK            ignored      settles         breaks             breaks
//   PUBACK, refusing  ignored      settles, or     breaks             breaks
//                                  back to a queue
//   PUBREC            PUBREL 0x92  breaks          PUBREL             PUBREL
//   PUBREC, refusing  ignored      breaks          settles            settles
//   PUBCOMP           ignored      breaks          breaks             settles
//
// "breaks" is a Protocol Error: the message stays unsettled and is sent again on the next connection. Messages that were sent on an
// earlier connection of the session are treated like those of this connection.

import { type AcknowledgementPacket, NO_PROPERTIES } from '../packet/packet.ts'
import { isFailure, PACKET_IDENTIFIER_NOT_FOUND, PROTOCOL_ERROR } from '../packet/reason.ts'
import type { ExchangeStage } from '../session/delivery.ts'
import type { Session } from '../session/session.ts'
import { ProtocolError } from './protocol-error.ts'
import type { Sender } from './sender.ts'

export function acknowledged(
  packet: AcknowledgementPacket,
  session: Session,
  sender: Sender,
): void {
  const { type, packetId, reason } = packet
  const stage = session.exchanges.stageOf(packetId)
  if (stage === 'none') {
    if (type === 'pubrec' && !isFailure(reason)) releaseUnknown(packetId, sender)
    return
  }
  switch (type) {
    case 'puback':
      if (stage !== 'at-least-once') breaks(type, packetId, stage)
      if (isFailure(reason)) session.refuse(packetId)
      else session.settle(packetId)
      return
    case 'pubrec':
      if (stage === 'at-least-once') breaks(type, packetId, stage)
      // The client refuses the message, which settles it [MQTT-4.4.0-2].
      if (isFailure(reason)) session.settle(packetId)
      else session.exchanges.receive(packetId)
      return
    case 'pubcomp':
      // Only PUBREC acknowledges the PUBLISH [MQTT-4.3.3-3].
      if (stage !== 'exactly-once-received') breaks(type, packetId, stage)
      session.settle(packetId)
      return
    case 'pubrel':
      return
  }
}

/** PUBACK of the message with this packet identifier. */
export function acknowledgedOnce(packetId: number, session: Session): void {
  const stage = session.exchanges.stageOf(packetId)
  if (stage === 'none') return
  if (stage !== 'at-least-once') breaks('puback', packetId, stage)
  session.settle(packetId)
}

/** Answers with PUBREL, so that the client can end its side of the exchange [MQTT-4.3.3-4]. */
function releaseUnknown(packetId: number, sender: Sender): void {
  const reason = PACKET_IDENTIFIER_NOT_FOUND
  sender.send({ type: 'pubrel', packetId, reason, properties: NO_PROPERTIES }, 0)
}

const AWAITED: Readonly<Record<Exclude<ExchangeStage, 'none'>, string>> = {
  'at-least-once': 'is of a message of QoS 1: PUBACK is awaited',
  'exactly-once-sent': 'is of a message of QoS 2: PUBREC is awaited',
  'exactly-once-received': 'is of a message of QoS 2: PUBCOMP is awaited',
}

/**
 * A Protocol Error: the client considers the exchange ended and would never complete it, so its place in the window would never
 * become free [MQTT-4.13.1-1; MQTT-4.8.0-1 of 3.1.1].
 */
function breaks(
  type: AcknowledgementPacket['type'],
  packetId: number,
  stage: Exclude<ExchangeStage, 'none'>,
): never {
  const sentence = `${type.toUpperCase()} with packet identifier ${packetId}, which ${AWAITED[stage]}`
  throw new ProtocolError(PROTOCOL_ERROR, sentence)
}

// What happens to a PUBLISH that is not published as it is: it is refused, has no room, or is for the broker itself.

import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import { WORK } from '../limits.ts'
import { makeMessage, type Publishable, traceparentOf } from '../message.ts'
import type { PublishPacket } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Session } from '../session/session.ts'
import type { CommitId } from '../store/journal.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import { CannotServe, ProtocolError } from './protocol-error.ts'

/** Instead of the work of a PUBLISH: it must be read again later, because a queue has no room and the client cannot be told. */
export const MUST_WAIT = -1

/** The publisher: its connected client. */
interface Publishing {
  readonly session: Session
  readonly negotiated: NegotiatedLimits
  readonly isUnanswered: boolean
  /** The commit of all changes so far, which an answer to a durable session waits for. */
  readonly commitId: CommitId
  messagesReceived: number
  waitedFor: number
  /** Begins an exchange of QoS 2. */
  begin(packetId: number): void
  /** Answers with success. */
  accept(
    packet: PublishPacket,
    receivers: number,
    commitId: CommitId,
    keptTopic?: string | null,
  ): void
  answer(packet: PublishPacket, reason: ReasonCode, sentence: string, commitId: CommitId): void
}

interface Parts {
  readonly client: Publishing
  readonly broker: Broker
  /** The PUBLISH as hooks have left it. */
  readonly said: Publishable
}

/** Answers the PUBLISH. Returns its additional work, or `MUST_WAIT`. */
export function notAdmitted(
  packet: PublishPacket,
  topic: string,
  refusal: NotAdmitted,
  parts: Parts,
): number {
  switch (refusal.kind) {
    case 'malformed':
      throw new ProtocolError(refusal.reason, refusal.sentence)
    case 'control':
      return command(packet, topic, parts)
    case 'transaction':
      return transactional(packet, topic, parts)
    case 'repeated':
      return repeated(packet, topic, parts)
    case 'refused':
      return refuse(packet, topic, refusal, parts)
    case 'disconnected':
      tellRefused(packet, topic, refusal, parts)
      throw new CannotServe(refusal.reason, refusal.sentence)
    case 'no-room':
    case 'queue-full':
      return cannotTake(packet, topic, refusal, parts)
  }
}

/** The PUBLISH is acknowledged when its commands are taken. Their answer is a message. */
function command(packet: PublishPacket, topic: string, parts: Parts): number {
  const { client, broker, said } = parts
  const fault = broker.control?.command(said.payload, client.negotiated.clientId) ?? null
  if (fault !== null) return notAdmitted(packet, topic, fault, parts)
  if (packet.qos === 2) client.begin(packet.packetId)
  if (packet.qos > 0) client.accept(packet, 1, client.commitId)
  return WORK.message
}

/** The answer is that of the first, whose commit may not be done yet. */
function repeated(packet: PublishPacket, topic: string, { client, broker, said }: Parts): number {
  const { clientId } = client.negotiated
  broker.dropped('duplicate', makeMessage(said, topic, clientId, broker), clientId)
  if (packet.qos === 2) client.begin(packet.packetId)
  const keptTopic = packet.retain ? topic : null
  if (packet.qos > 0) client.accept(packet, 1, broker.journal.latest, keptTopic)
  return 0
}

function transactional(packet: PublishPacket, topic: string, parts: Parts): number {
  const { client, broker, said } = parts
  const taken = broker.transactions.take(said, topic, client.session.rights)
  return requested(packet, topic, taken, parts)
}

/** Answers what was asked of a transaction. The answer may wait for a commit: of the transaction, or that a message of QoS 2 has come. */
export function requested(
  packet: PublishPacket,
  topic: string,
  taken: CommitId | NotAdmitted,
  parts: Parts,
): number {
  const { client } = parts
  if (taken instanceof NotAdmitted) return notAdmitted(packet, topic, taken, parts)
  if (packet.qos === 2) {
    client.begin(packet.packetId)
    client.accept(packet, 1, Math.max(taken, client.commitId))
  } else client.accept(packet, 1, taken)
  return WORK.message
}

/** Answers a refused PUBLISH: MQTT 5 gets the reason; older versions get a normal acknowledgement, and the refusal is logged [MQTT-3.3.5-2]. */
function refuse(packet: PublishPacket, topic: string, refusal: NotAdmitted, parts: Parts): number {
  const { client } = parts
  tellRefused(packet, topic, refusal, parts)
  if (packet.qos === 0) return 0
  if (client.negotiated.version === 5) client.answer(packet, refusal.reason, refusal.sentence, 0)
  else if (packet.qos === 1) client.accept(packet, 1, 0)
  else {
    client.begin(packet.packetId)
    client.accept(packet, 1, client.commitId)
  }
  return 0
}

function tellRefused(
  { properties }: PublishPacket,
  topic: string,
  refusal: NotAdmitted,
  { client, broker }: Parts,
): void {
  const { statistics, observer } = broker
  statistics.publishesRefused += 1
  const { reason, sentence, rule } = refusal
  const traceparent = traceparentOf(properties)
  const { clientId } = client.negotiated
  observer.publishRefused?.(clientId, topic, reason, sentence, rule, traceparent)
}

/**
 * There is no room. A client of MQTT 3 must not take the message for stored: if the store has no room, its connection ends without an
 * acknowledgement; if a queue has none, the PUBLISH waits. If the client has gone, the message is not published.
 */
function cannotTake(
  packet: PublishPacket,
  topic: string,
  refusal: NotAdmitted,
  parts: Parts,
): number {
  const { client, broker } = parts
  if (refusal.kind === 'queue-full' && client.isUnanswered) {
    // Nothing is kept of it: the client will send it again, and then it must not count as a repetition.
    tellRefused(packet, topic, refusal, parts)
    return 0
  }
  if (packet.qos === 0 || client.negotiated.version === 5) {
    return refuse(packet, topic, refusal, parts)
  }
  const { statistics, observer } = broker
  if (refusal.kind !== 'queue-full') {
    statistics.publishesRefused += 1
    throw new CannotServe(refusal.reason, refusal.sentence)
  }
  statistics.messagesReceived -= 1
  client.messagesReceived -= 1
  if (packet.packetId === client.waitedFor) return MUST_WAIT
  client.waitedFor = packet.packetId
  statistics.publishesHeld += 1
  observer.publishHeld?.(client.negotiated.clientId, topic, refusal.sentence, refusal.rule)
  return MUST_WAIT
}

// Checks each delivery as it arrives: its right, its reason, its content, its order, and that it is no duplicate.

import type { PublishPacket } from '../src/packet/packet.ts'
import { topicMatches } from '../src/routing/topic.ts'
import { dueAtMs } from './delays.ts'
import { explainsFor, explainsReplay, requestsFor, waitsInGroup } from './explanations.ts'
import {
  type Received,
  idIn,
  isPublishedLater,
  lastEffectOf,
  type History,
  type Publication,
  type SessionRecord,
  wants,
} from './history.ts'
import { checkExpiry, checkOptions } from './options-oracle.ts'

export interface ReceivedDelivery {
  readonly session: SessionRecord
  readonly packet: PublishPacket
  /** The full topic, also when the packet had an alias only. */
  readonly topic: string
  readonly version: number
  readonly moment: number
  /** The time of the world in milliseconds. */
  readonly nowMs: number
  /** When this connection got its CONNACK, in milliseconds. */
  readonly connectedAtMs: number
  /** How often this connection has received each publication as a live message. */
  readonly onConnection: Map<string, number>
}

/** Checks a message that the client accepted as new. Repetitions of QoS 2 were already removed by packet identifier. */
export function received(history: History, delivery: ReceivedDelivery): void {
  const { packet, session, topic } = delivery
  if (packet.payload.length === 0) {
    checkEmpty(history, delivery)
    return
  }
  const publication = history.publications.get(idIn(packet.payload))
  if (publication === undefined) {
    history.violation('I6', `${session.clientId} received what nobody published on ${topic}`)
    return
  }
  checkContent(history, delivery, publication)
  checkDelay(history, delivery, publication)
  checkReason(history, delivery, publication)
  checkOptions(history, delivery, publication)
  checkExpiry(history, delivery, publication)
  checkRepetition(history, delivery, publication)
  checkOrder(history, delivery, publication)
  checkStale(history, delivery, publication)
  note(delivery, publication)
}

function note({ session, packet, moment }: ReceivedDelivery, publication: Publication): void {
  const known: Received = session.received.get(publication) ?? {
    firstAt: moment,
    lastAt: moment,
    live: 0,
    exactly: 0,
  }
  known.lastAt = moment
  if (!packet.retain) known.live += 1
  if (packet.qos === 2 && !packet.retain) known.exactly += 1
  session.received.set(publication, known)
}

/** A message without a payload does not show which publication it is. Only this is checked: a client cleared the topic. */
function checkEmpty(history: History, { session, topic }: ReceivedDelivery): void {
  const isKnown = history.retained.get(topic)?.some(each => each.payload.length === 0) === true
  if (!isKnown) history.violation('I6', `${session.clientId} received an empty message on ${topic}`)
}

function checkContent(
  history: History,
  delivery: ReceivedDelivery,
  publication: Publication,
): void {
  const { packet, session, topic, version } = delivery
  const what = `${session.clientId} received ${publication.id}`
  if (topic !== publication.topic) history.violation('whole', `${what} on the topic ${topic}`)
  if (!packet.payload.equals(publication.payload)) {
    history.violation('whole', `${what} with another payload`)
  }
  if (packet.qos > publication.qos) history.violation('whole', `${what} at QoS ${packet.qos}`)
  if (version < 5) return
  const { contentType, userProperties } = publication.properties
  const { contentType: receivedType, userProperties: receivedProperties } = packet.properties
  const isWhole =
    contentType === receivedType && userProperties?.join() === receivedProperties?.join()
  if (!isWhole) history.violation('whole', `${what} with other properties`)
}

/** A turn has the time of its beginning. */
const TURN_MS = 10

function checkDelay(
  history: History,
  { session, nowMs }: ReceivedDelivery,
  publication: Publication,
): void {
  const earlyMs = dueAtMs(publication) - nowMs - TURN_MS
  if (earlyMs <= 0) return
  history.violation(
    'delayed',
    `${session.clientId} received ${publication.id} ${earlyMs} ms too early`,
  )
}

/** I6 and I9: a subscription of this session must be the reason. */
function checkReason(history: History, delivery: ReceivedDelivery, publication: Publication): void {
  const { session, packet } = delivery
  const requests = requestsFor(session, publication)
  const explains = explainsFor(history, publication, session)
  const isLive = requests.some(
    request =>
      explains(request, publication, session.clientId) ||
      (request.shareName !== null && waitsInGroup(history, request, publication)),
  )
  const isReplay =
    packet.retain && requests.some(request => explainsReplay(history, request, publication))
  if (isLive || isReplay) return
  const rule = lastEffectOf(publication) < 0 ? 'I6' : 'I9'
  const how = packet.retain ? 'as retained' : 'as live'
  history.violation(
    rule,
    `${session.clientId} (session ${session.number}) received ${publication.id} ${how} without a reason`,
  )
}

/** I2; at QoS 1 a connection may receive a message at most as often as it was published. */
function checkRepetition(
  history: History,
  delivery: ReceivedDelivery,
  publication: Publication,
): void {
  const { session, packet, onConnection } = delivery
  if (packet.retain || packet.qos === 0) return
  const firstAt = session.received.get(publication)?.firstAt ?? Infinity
  if (firstAt < history.allSettledAt) {
    history.violation(
      'I9',
      `${session.clientId} received ${publication.id} again after it was settled`,
    )
  }
  const times = (onConnection.get(publication.id) ?? 0) + 1
  onConnection.set(publication.id, times)
  const paths = pathsOf(session, publication)
  if (packet.qos === 1 && times > paths * publication.attempts) {
    history.violation(
      'once',
      `${session.clientId} received ${publication.id} ${times} times at once`,
    )
  }
  const before = session.received.get(publication)?.exactly ?? 0
  if (packet.qos === 2 && publication.qos === 2 && before + 1 > paths) {
    history.violation('I2', `${session.clientId} received ${publication.id} ${before + 1} times`)
  }
}

/** Returns how many copies may reach this session: one for all plain subscriptions, and one for each share group. */
export function pathsOf(session: SessionRecord, publication: Publication): number {
  const ways = new Set<string>()
  for (const { shareName, filter, topicFilter } of session.requests) {
    if (topicMatches(topicFilter, publication.topic)) ways.add(shareName === null ? '' : filter)
  }
  return ways.size
}

/** I3: messages arrive for the first time in the order of publishing. Messages of a share group have no order. */
function checkOrder(history: History, delivery: ReceivedDelivery, publication: Publication): void {
  const { session, packet } = delivery
  if (session.isMember || packet.retain || publication.retain) return
  if (isPublishedLater(publication) || session.received.has(publication)) return
  // A full queue may have dropped the first attempt, and the publisher sent the message again.
  if (publication.attempts > 1 && history.wasDropped(session.clientId, publication)) return
  // At QoS 0 the first of several attempts may have been dropped.
  if (packet.qos === 0 && publication.attempts > 1) return
  const stream = `${publication.publisher}/${publication.qos}/${packet.qos}/${publication.topic}`
  const last = session.streams.get(stream) ?? 0
  if (publication.order < last && wasSubscribedBefore(session, publication, packet.qos)) {
    history.violation('I3', `${session.clientId} received ${publication.id} after a later one`)
  }
  session.streams.set(stream, Math.max(last, publication.order))
}

/** I4: no retained message comes behind one that was published after it and is retained in its place. */
function checkStale(history: History, delivery: ReceivedDelivery, publication: Publication): void {
  const { session, packet } = delivery
  if (!packet.retain || packet.duplicate || session.received.has(publication)) return
  // Otherwise it may be a live one.
  if (session.requests.some(({ retainAsPublished }) => retainAsPublished)) return
  const last = lastEffectOf(publication)
  for (const other of history.retained.get(publication.topic) ?? []) {
    const isNewer = other.kind === 'publish' && other.sentAt > last && other.qos > 0
    if (!isNewer || other.acceptedAt === null || !session.received.has(other)) continue
    const what = `${publication.id} as retained after ${other.id}`
    history.violation('I4', `${session.clientId} (session ${session.number}) received ${what}`)
  }
}

/** A message that was sent again may have been routed at its first attempt, to the sessions subscribed at that time. */
function wasSubscribedBefore(
  session: SessionRecord,
  publication: Publication,
  qos: number,
): boolean {
  return session.requests.some(
    ({ grantedAt, endedAt, topicFilter, where, qos: granted, noLocal }) =>
      grantedAt !== null &&
      !(noLocal && publication.publisher === session.clientId) &&
      granted >= qos &&
      grantedAt < publication.sentAt &&
      endedAt === null &&
      wants({ topicFilter, where }, publication),
  )
}

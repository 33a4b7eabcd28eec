// Judges each delivery as it comes: was there a right and a reason to send it, is it whole, is it in order, is it the first?

import type { PublishPacket } from '../src/packet/packet.ts'
import { topicMatches } from '../src/routing/topic.ts'
import { explainsLive, explainsReplay, requestsFor, waitsInGroup } from './explanations.ts'
import {
  type Heard,
  idIn,
  lastEffectOf,
  type Ledger,
  type Publication,
  type SessionRecord,
} from './ledger.ts'
import { checkExpiry, checkOptions } from './options-oracle.ts'

export interface Hearing {
  readonly session: SessionRecord
  readonly packet: PublishPacket
  /** The full topic, where an alias stood for it. */
  readonly topic: string
  readonly version: number
  readonly moment: number
  /** Milliseconds of the world. */
  readonly nowMs: number
  /** Milliseconds at which this connection was accepted. */
  readonly connectedAtMs: number
  /** How often this connection has heard it live before. */
  readonly onConnection: Map<string, number>
}

/** A message that a client has taken for new: repetitions of QoS 2 were sorted out by their packet identifiers. */
export function heard(ledger: Ledger, hearing: Hearing): void {
  const { packet, session, topic } = hearing
  if (packet.payload.length === 0) {
    hearsEmpty(ledger, hearing)
    return
  }
  const publication = ledger.publications.get(idIn(packet.payload))
  if (publication === undefined) {
    ledger.violation('I6', `${session.clientId} heard what nobody published on ${topic}`)
    return
  }
  checkContent(ledger, hearing, publication)
  checkReason(ledger, hearing, publication)
  checkOptions(ledger, hearing, publication)
  checkExpiry(ledger, hearing, publication)
  checkRepetition(ledger, hearing, publication)
  checkOrder(ledger, hearing, publication)
  note(hearing, publication)
}

function note({ session, packet, moment }: Hearing, publication: Publication): void {
  const known: Heard = session.heard.get(publication) ?? {
    firstAt: moment,
    live: 0,
    exactly: 0,
  }
  if (!packet.retain) known.live += 1
  if (packet.qos === 2 && !packet.retain) known.exactly += 1
  session.heard.set(publication, known)
}

/** Without a payload there is no telling which one it is, so much only: somebody must have cleared the topic. */
function hearsEmpty(ledger: Ledger, { session, topic }: Hearing): void {
  const isKnown = ledger.retained.get(topic)?.some(each => each.payload.length === 0) === true
  if (!isKnown) ledger.violation('I6', `${session.clientId} heard an empty message on ${topic}`)
}

function checkContent(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  const { packet, session, topic, version } = hearing
  const what = `${session.clientId} heard ${publication.id}`
  if (topic !== publication.topic) ledger.violation('whole', `${what} on the topic ${topic}`)
  if (!packet.payload.equals(publication.payload)) {
    ledger.violation('whole', `${what} with another payload`)
  }
  if (packet.qos > publication.qos) ledger.violation('whole', `${what} at QoS ${packet.qos}`)
  if (version < 5) return
  const { contentType, userProperties } = publication.properties
  const { contentType: heardType, userProperties: heardProperties } = packet.properties
  const isWhole = contentType === heardType && userProperties?.join() === heardProperties?.join()
  if (!isWhole) ledger.violation('whole', `${what} with other properties`)
}

/** I6 and I9: some subscription of this session must explain it. */
function checkReason(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  const { session, packet } = hearing
  const requests = requestsFor(session, publication)
  const isLive = requests.some(
    request =>
      explainsLive(request, publication, session.clientId) ||
      (request.shareName !== null && waitsInGroup(ledger, request, publication)),
  )
  const isReplay =
    packet.retain && requests.some(request => explainsReplay(ledger, request, publication))
  if (isLive || isReplay) return
  const rule = lastEffectOf(publication) < 0 ? 'I6' : 'I9'
  const how = packet.retain ? 'as retained' : 'as live'
  ledger.violation(
    rule,
    `${session.clientId} (session ${session.number}) heard ${publication.id} ${how} without a reason`,
  )
}

/** I2, and at QoS 1 no more often on one connection than it was published. */
function checkRepetition(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  const { session, packet, onConnection } = hearing
  if (packet.retain || packet.qos === 0) return
  const firstAt = session.heard.get(publication)?.firstAt ?? Infinity
  if (firstAt < ledger.allSettledAt) {
    ledger.violation('I9', `${session.clientId} heard ${publication.id} again after it was settled`)
  }
  const times = (onConnection.get(publication.id) ?? 0) + 1
  onConnection.set(publication.id, times)
  const paths = pathsOf(session, publication)
  if (packet.qos === 1 && times > paths * publication.attempts) {
    ledger.violation('once', `${session.clientId} heard ${publication.id} ${times} times at once`)
  }
  const before = session.heard.get(publication)?.exactly ?? 0
  if (packet.qos === 2 && publication.qos === 2 && before + 1 > paths) {
    ledger.violation('I2', `${session.clientId} heard ${publication.id} ${before + 1} times`)
  }
}

/** On how many ways it may reach this session: once for all plain subscriptions, once for each share group. */
export function pathsOf(session: SessionRecord, publication: Publication): number {
  const ways = new Set<string>()
  for (const { shareName, filter, topicFilter } of session.requests) {
    if (topicMatches(topicFilter, publication.topic)) ways.add(shareName === null ? '' : filter)
  }
  return ways.size
}

/** I3: the first hearing of each is in the order of publishing. What went through a share group has no order. */
function checkOrder(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  const { session, packet } = hearing
  if (session.isMember || packet.retain || publication.retain) return
  if (publication.kind === 'will' || session.heard.has(publication)) return
  // A full queue may have dropped it, and its publisher sent it again.
  if (publication.attempts > 1 && ledger.wasDropped(session.clientId, publication)) return
  // At QoS 0 the first of several attempts may have been dropped.
  if (packet.qos === 0 && publication.attempts > 1) return
  const stream = `${publication.publisher}/${publication.qos}/${packet.qos}/${publication.topic}`
  const last = session.streams.get(stream) ?? 0
  if (publication.order < last && wasSubscribedBefore(session, publication, packet.qos)) {
    ledger.violation('I3', `${session.clientId} heard ${publication.id} after a later one`)
  }
  session.streams.set(stream, Math.max(last, publication.order))
}

/** One that a client had to send again may have been routed first to those who were subscribed then. */
function wasSubscribedBefore(
  session: SessionRecord,
  publication: Publication,
  qos: number,
): boolean {
  return session.requests.some(
    ({ grantedAt, endedAt, topicFilter, qos: granted }) =>
      grantedAt !== null &&
      granted >= qos &&
      grantedAt < publication.sentAt &&
      endedAt === null &&
      topicMatches(topicFilter, publication.topic),
  )
}

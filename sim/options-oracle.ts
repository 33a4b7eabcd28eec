// Judges the options of each delivery: QoS, RETAIN, Subscription Identifiers and what is left of its expiry must be those of
// the subscriptions that explain it.

import { explainsLive, explainsReplay, requestsFor, waitsInGroup } from './explanations.ts'
import type { Hearing } from './live-oracle.ts'
import { lastEffectOf, type Ledger, type Publication, type Request } from './ledger.ts'

/** Seconds by which what is left of an expiry may differ: both ends round, and turns and commits take their time. */
const SLACK_SECONDS = 3

export function checkOptions(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  if (publication.retain && hearing.packet.retain && isReplay(ledger, hearing, publication)) return
  if (isPlain(hearing, publication) || isShared(ledger, hearing, publication)) return
  const { packet, session } = hearing
  const identifiers = packet.properties.subscriptionIdentifiers ?? []
  const options = `QoS ${packet.qos}, RETAIN ${packet.retain ? 1 : 0}, identifiers [${identifiers.join()}]`
  ledger.violation(
    'options',
    `${session.clientId} (session ${session.number}) heard ${publication.id} with ${options}, which none of its subscriptions explains`,
  )
}

/** One delivery for all plain subscriptions: the greatest QoS, and an identifier for each that has one [MQTT-3.3.4-4]. */
function isPlain(hearing: Hearing, publication: Publication): boolean {
  const { packet, session } = hearing
  const plain = requestsFor(session, publication).filter(({ shareName }) => shareName === null)
  const possible = plain.filter(each => explainsLive(each, publication, session.clientId))
  const sure = possible.filter(each => isSure(each, publication))
  if (possible.length === 0) return false
  const most = Math.max(0, ...possible.map(({ qos }) => qos))
  const least = Math.max(0, ...sure.map(({ qos }) => qos))
  const isQosRight =
    packet.qos <= Math.min(most, publication.qos) && packet.qos >= Math.min(least, publication.qos)
  const mayRetain = publication.retain && possible.some(each => each.retainAsPublished)
  const mustRetain = publication.retain && sure.some(each => each.retainAsPublished)
  const isRetainRight = packet.retain ? mayRetain : !mustRetain
  return isQosRight && isRetainRight && areIdentifiersRight(hearing, possible, sure)
}

function areIdentifiersRight(
  { packet, version }: Hearing,
  possible: readonly Request[],
  sure: readonly Request[],
): boolean {
  if (version < 5) return true
  const heard = packet.properties.subscriptionIdentifiers ?? []
  const all = new Set([...heard, ...possible.map(({ identifier }) => identifier)])
  all.delete(0)
  return [...all].every(identifier => {
    const times = heard.filter(each => each === identifier).length
    const most = filtersWith(possible, identifier)
    return times <= most && times >= filtersWith(sure, identifier)
  })
}

/** Two filters of one SUBSCRIBE have the same identifier, and it is told twice. */
function filtersWith(requests: readonly Request[], identifier: number): number {
  const those = requests.filter(each => each.identifier === identifier)
  return new Set(those.map(({ filter }) => filter)).size
}

/** As for a plain subscription that stands alone, whoever of the group it was published for. */
function isShared(ledger: Ledger, hearing: Hearing, publication: Publication): boolean {
  return requestsFor(hearing.session, publication).some(request => {
    if (request.shareName === null) return false
    const isExplained =
      explainsLive(request, publication, '') || waitsInGroup(ledger, request, publication)
    const retain = publication.retain && request.retainAsPublished
    return isExplained && isAlone(hearing, request, Math.min(request.qos, publication.qos), retain)
  })
}

/** Retained messages of a new subscription bear RETAIN [MQTT-3.3.1-8] and that subscription's identifier. */
function isReplay(ledger: Ledger, hearing: Hearing, publication: Publication): boolean {
  return requestsFor(hearing.session, publication).some(
    request =>
      explainsReplay(ledger, request, publication) &&
      isAlone(hearing, request, Math.min(request.qos, publication.qos), true),
  )
}

function isAlone(
  { packet, version }: Hearing,
  request: Request,
  qos: number,
  retain: boolean,
): boolean {
  const heard = packet.properties.subscriptionIdentifiers ?? []
  const expected = version < 5 || request.identifier === 0 ? '' : `${request.identifier}`
  return packet.qos === qos && packet.retain === retain && heard.join() === expected
}

/** Whatever the broker did when, the subscription was there as it routed the message. */
function isSure({ grantedAt, endedAt }: Request, publication: Publication): boolean {
  if (grantedAt === null || grantedAt >= publication.sentAt) return false
  return endedAt === null || endedAt > lastEffectOf(publication)
}

/** A message that has expired is not delivered, unless that was begun before [MQTT-3.3.2-5]; what is left is told [MQTT-3.3.2-6]. */
export function checkExpiry(ledger: Ledger, hearing: Hearing, publication: Publication): void {
  const { messageExpiryInterval: interval } = publication.properties
  if (interval === undefined || publication.kind === 'will') return
  const { packet, session, version, nowMs, connectedAtMs } = hearing
  const what = `${session.clientId} heard ${publication.id}`
  const acceptedAtMs = publication.acceptedAtMs ?? Infinity
  const passedAtLeast = (connectedAtMs - acceptedAtMs) / 1_000
  if (!packet.duplicate && passedAtLeast > interval + SLACK_SECONDS) {
    ledger.violation('expiry', `${what} after its ${interval} s`)
  }
  if (version < 5) return
  const left = packet.properties.messageExpiryInterval
  if (left === undefined) {
    ledger.violation('expiry', `${what} without what is left of its ${interval} s`)
    return
  }
  const passed = interval - left
  const passedAtMost = (nowMs - publication.sentAtMs) / 1_000
  // One that was begun in time may come again when nothing is left.
  const isTooLow = passed < passedAtLeast - SLACK_SECONDS && left > 0
  if (isTooLow || passed > passedAtMost + SLACK_SECONDS) {
    ledger.violation(
      'expiry',
      `${what} with ${left} s left of ${interval} s after ${passedAtMost} s`,
    )
  }
}

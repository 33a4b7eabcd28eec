// Checks the options of each delivery: QoS, RETAIN, Subscription Identifiers and remaining expiry must follow from
// the subscriptions that are its reason.

import {
  explainsFor,
  explainsLive,
  explainsReplay,
  requestsFor,
  waitsInGroup,
} from './explanations.ts'
import type { ReceivedDelivery } from './live-oracle.ts'
import { lastEffectOf, type History, type Publication, type Request } from './history.ts'

/** How many seconds a remaining expiry may differ: both ends round, and turns and commits take time. */
const SLACK_SECONDS = 3

export function checkOptions(
  history: History,
  delivery: ReceivedDelivery,
  publication: Publication,
): void {
  if (publication.retain && delivery.packet.retain && isReplay(history, delivery, publication))
    return
  if (isPlain(history, delivery, publication) || isShared(history, delivery, publication)) return
  const { packet, session } = delivery
  const identifiers = packet.properties.subscriptionIdentifiers ?? []
  const options = `QoS ${packet.qos}, RETAIN ${packet.retain ? 1 : 0}, identifiers [${identifiers.join()}]`
  history.violation(
    'options',
    `${session.clientId} (session ${session.number}) received ${publication.id} with ${options}, which none of its subscriptions explains`,
  )
}

/** All plain subscriptions together get one delivery, with the greatest QoS and all their identifiers [MQTT-3.3.4-4]. */
function isPlain(history: History, delivery: ReceivedDelivery, publication: Publication): boolean {
  const { packet, session } = delivery
  const plain = requestsFor(session, publication).filter(({ shareName }) => shareName === null)
  const explains = explainsFor(history, publication, session)
  const possible = plain.filter(each => explains(each, publication, session.clientId))
  const isLate = history.comesFromElsewhere(publication, session)
  const sure = possible.filter(
    each => isSure(each, publication) && (!isLate || each.endedAt === null),
  )
  if (possible.length === 0) return false
  const most = Math.max(0, ...possible.map(({ qos }) => qos))
  const least = Math.max(0, ...sure.map(({ qos }) => qos))
  const isQosRight =
    packet.qos <= Math.min(most, publication.qos) && packet.qos >= Math.min(least, publication.qos)
  const mayRetain = publication.retain && possible.some(each => each.retainAsPublished)
  const mustRetain = publication.retain && sure.some(each => each.retainAsPublished)
  const isRetainRight = packet.retain ? mayRetain : !mustRetain
  return isQosRight && isRetainRight && areIdentifiersRight(delivery, possible, sure)
}

function areIdentifiersRight(
  { packet, version }: ReceivedDelivery,
  possible: readonly Request[],
  sure: readonly Request[],
): boolean {
  if (version < 5) return true
  const received = packet.properties.subscriptionIdentifiers ?? []
  const all = new Set([...received, ...possible.map(({ identifier }) => identifier)])
  all.delete(0)
  return [...all].every(identifier => {
    const times = received.filter(each => each === identifier).length
    const most = filtersWith(possible, identifier)
    return times <= most && times >= filtersWith(sure, identifier)
  })
}

/** Two filters of one SUBSCRIBE have the same identifier, and a delivery for both has it twice. */
function filtersWith(requests: readonly Request[], identifier: number): number {
  const those = requests.filter(each => each.identifier === identifier)
  return new Set(those.map(({ filter }) => filter)).size
}

/** The same rules as for a single plain subscription, whichever member the message was published for. */
function isShared(history: History, delivery: ReceivedDelivery, publication: Publication): boolean {
  return requestsFor(delivery.session, publication).some(request => {
    if (request.shareName === null) return false
    const isExplained =
      explainsLive(request, publication, '') || waitsInGroup(history, request, publication)
    const retain = publication.retain && request.retainAsPublished
    return isExplained && isAlone(delivery, request, Math.min(request.qos, publication.qos), retain)
  })
}

/** Retained messages of a new subscription have RETAIN set [MQTT-3.3.1-8] and the identifier of that subscription. */
function isReplay(history: History, delivery: ReceivedDelivery, publication: Publication): boolean {
  return requestsFor(delivery.session, publication).some(
    request =>
      explainsReplay(history, request, publication) &&
      isAlone(delivery, request, Math.min(request.qos, publication.qos), true),
  )
}

function isAlone(
  { packet, version }: ReceivedDelivery,
  request: Request,
  qos: number,
  retain: boolean,
): boolean {
  const received = packet.properties.subscriptionIdentifiers ?? []
  const expected = version < 5 || request.identifier === 0 ? '' : `${request.identifier}`
  return packet.qos === qos && packet.retain === retain && received.join() === expected
}

/** Whether the subscription was certainly there when the broker routed the message. */
function isSure({ grantedAt, endedAt }: Request, publication: Publication): boolean {
  if (grantedAt === null || grantedAt >= publication.sentAt) return false
  return endedAt === null || endedAt > lastEffectOf(publication)
}

/**
 * An expired message is not delivered, unless its delivery began before [MQTT-3.3.2-5]. A delivery has the remaining
 * interval [MQTT-3.3.2-6].
 */
export function checkExpiry(
  history: History,
  delivery: ReceivedDelivery,
  publication: Publication,
): void {
  const { messageExpiryInterval: interval } = publication.properties
  if (interval === undefined || publication.kind === 'will') return
  const { packet, session, version, nowMs, connectedAtMs } = delivery
  const what = `${session.clientId} received ${publication.id}`
  const acceptedAtMs = publication.acceptedAtMs ?? Infinity
  const passedAtLeast = (connectedAtMs - acceptedAtMs) / 1_000
  if (!packet.duplicate && passedAtLeast > interval + SLACK_SECONDS) {
    history.violation('expiry', `${what} after its ${interval} s`)
  }
  if (version < 5) return
  const left = packet.properties.messageExpiryInterval
  if (left === undefined) {
    history.violation('expiry', `${what} without what is left of its ${interval} s`)
    return
  }
  const passed = interval - left
  const passedAtMost = (nowMs - publication.sentAtMs) / 1_000
  // A delivery that began in time may come again after the message has expired.
  const isTooLow = passed < passedAtLeast - SLACK_SECONDS && left > 0
  if (isTooLow || passed > passedAtMost + SLACK_SECONDS) {
    history.violation(
      'expiry',
      `${what} with ${left} s left of ${interval} s after ${passedAtMost} s`,
    )
  }
}

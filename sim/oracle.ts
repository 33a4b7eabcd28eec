// The checks at the end of a run: nothing that was acknowledged is missing, and nothing came twice.

import { topicMatches } from '../src/routing/topic.ts'
import { judgeDelays, mayBeReplaced } from './delays.ts'
import {
  isAccepted,
  isPublishedLater,
  type History,
  type Publication,
  type Request,
  type SessionRecord,
  wants,
} from './history.ts'
import { judgeReplays } from './retained-oracle.ts'

/** The allowed reasons for drops. Drops for a full queue or an expiry are checked one by one (see Drops). */
const HARMLESS = new Set([
  'client-away',
  'outbox-full',
  'overload',
  'rate-reached',
  'session-ended',
  'group-ended',
  'queue-ended',
  'queue-purged',
  // With `latestByKey`; the oracle of queues says whether it may have been.
  'replaced',
  'queue-full',
  'user-queues-full',
  'message-expired',
  // A repetition of a `$message-id`: see TransferOracle.
  'duplicate',
])

export function judge(history: History, dropped: ReadonlyMap<string, number>): void {
  const due = [...history.publications.values()].filter(
    each =>
      each.qos > 0 &&
      each.payload.length > 0 &&
      isAccepted(each) &&
      !each.isRefused &&
      !mayBeReplaced(history, each),
  )
  for (const session of history.sessions) {
    if (session.endedAt === null) judgeSession(history, session, due)
  }
  judgeReplays(history)
  judgeGroups(history, due)
  judgeExactlyOnce(history)
  judgeWills(history)
  judgeDelays(history)
  for (const [reason, count] of dropped) {
    if (count > 0 && !HARMLESS.has(reason)) {
      history.violation('drop', `${count} messages were dropped: ${reason}`)
    }
  }
}

/** I1 and I8: a session that still exists has received every message that was accepted while it was subscribed. */
function judgeSession(history: History, session: SessionRecord, due: readonly Publication[]): void {
  for (const publication of due) {
    if (session.received.has(publication)) continue
    const owing = session.requests.find(
      request =>
        request.shareName === null &&
        owes(request, publication, session.clientId) &&
        // It may be on its way when the subscription ends.
        (request.endedAt === null || !history.comesFromElsewhere(publication, session)),
    )
    if (owing === undefined || history.wasDropped(session.clientId, publication)) continue
    if (history.mayBeLost(publication, session)) continue
    const rule = publication.kind === 'will' ? 'I8' : 'I1'
    const who = `${session.clientId} (session ${session.number})`
    history.violation(rule, `${who} never received ${publication.id} for its ${owing.filter}`)
  }
}

function owes(request: Request, publication: Publication, clientId: string): boolean {
  if (request.qos === 0 || request.isRefused) return false
  if (request.grantedAt === null || request.grantedAt >= publication.sentAt) return false
  if (!wants(request, publication)) return false
  if (request.noLocal && publication.publisher === clientId) return false
  // The will of a client that left, or a delayed message, may come at any time until the end.
  const acceptedAt = isPublishedLater(publication) ? Infinity : (publication.acceptedAt ?? Infinity)
  return request.endedAt === null || request.endedAt > acceptedAt
}

/** I7: some member has received the message, if a member was subscribed from before it was sent until the end. */
function judgeGroups(history: History, due: readonly Publication[]): void {
  const filters = new Set<string>()
  for (const session of history.sessions) {
    for (const { shareName, filter } of session.requests)
      if (shareName !== null) filters.add(filter)
  }
  for (const filter of filters) judgeGroup(history, filter, due)
}

function judgeGroup(history: History, filter: string, due: readonly Publication[]): void {
  const members = history.sessions.filter(each => each.requests.some(one => one.filter === filter))
  const requests = members.flatMap(each => each.requests.filter(one => one.filter === filter))
  // A member subscribed at QoS 0 may be sent a message and lose it.
  if (requests.some(each => each.qos === 0)) return
  for (const publication of due) {
    if (members.some(each => each.received.has(publication))) continue
    const isOwed = members.some(
      each =>
        each.endedAt === null &&
        each.requests.some(
          // When the last member unsubscribes, the queue of the group is discarded.
          one => one.filter === filter && one.endedAt === null && owes(one, publication, ''),
        ),
    )
    if (!isOwed || mayHaveGoneWithMember(members, publication)) continue
    if (history.wasDropped(null, publication)) continue
    history.violation('I7', `no member of ${filter} ever received ${publication.id}`)
  }
}

/** A message that was sent to one member at QoS 2 goes to no other, even when that member's session ends [MQTT-4.8.2-5]. */
function mayHaveGoneWithMember(
  members: readonly SessionRecord[],
  publication: Publication,
): boolean {
  return (
    publication.qos === 2 &&
    members.some(
      ({ endedAt, wire }) =>
        endedAt !== null &&
        Math.max(endedAt, wire?.brokerClosedAt ?? Infinity) > publication.sentAt,
    )
  )
}

/** I2 and I7: over all sessions, one copy for each session with a plain subscription and one for each share group. */
function judgeExactlyOnce(history: History): void {
  for (const publication of history.publications.values()) {
    if (publication.qos < 2) continue
    const groups = new Set<string>()
    let extra = 0
    for (const session of history.sessions) {
      if (endedUnacknowledged(session, publication)) continue
      const requests = session.requests.filter(each =>
        topicMatches(each.topicFilter, publication.topic),
      )
      for (const each of requests) if (each.shareName !== null) groups.add(each.filter)
      const exactly = session.received.get(publication)?.exactly ?? 0
      extra += Math.max(0, exactly - (requests.some(each => each.shareName === null) ? 1 : 0))
    }
    if (extra > groups.size) {
      history.violation(
        'I7',
        `${publication.id} was received ${extra} times by ${groups.size} groups`,
      )
    }
  }
}

/** I8: nobody receives a will that DISCONNECT has discarded. */
function judgeWills(history: History): void {
  for (const session of history.sessions) {
    for (const publication of session.received.keys()) {
      if (publication.kind === 'will' && publication.fate === 'never') {
        history.violation(
          'I8',
          `${session.clientId} received the will ${publication.id} of one who left`,
        )
      }
    }
  }
}

/**
 * The session ended, with its connection in a crash, before the publisher had its PUBREC: the publisher sends the message again,
 * and the broker does not know that the session had received it.
 */
function endedUnacknowledged({ endedAt }: SessionRecord, { acceptedAt }: Publication): boolean {
  return endedAt !== null && (acceptedAt === null || endedAt < acceptedAt)
}

// The verdict at the end of a run, when all is calm: is anything missing that was acknowledged, did anything come twice?

import { topicMatches } from '../src/routing/topic.ts'
import {
  isAccepted,
  lastEffectOf,
  type Ledger,
  type Publication,
  type Request,
  type SessionRecord,
} from './ledger.ts'

/** Why messages may be dropped. What a full queue or an expiry loses is checked one by one (see Drops). */
const HARMLESS = new Set([
  'client-away',
  'outbox-full',
  'session-ended',
  'group-ended',
  'queue-full',
  'message-expired',
])

/** Expiries from here on do not pass in any run. */
const LONG_SECONDS = 10_000

export function judge(ledger: Ledger, dropped: ReadonlyMap<string, number>): void {
  const due = [...ledger.publications.values()].filter(
    each => each.qos > 0 && each.payload.length > 0 && isAccepted(each) && !each.isRefused,
  )
  for (const session of ledger.sessions) {
    if (session.endedAt === null) judgeSession(ledger, session, due)
  }
  judgeGroups(ledger, due)
  judgeExactlyOnce(ledger)
  judgeWills(ledger)
  for (const [reason, count] of dropped) {
    if (count > 0 && !HARMLESS.has(reason)) {
      ledger.violation('drop', `${count} messages were dropped: ${reason}`)
    }
  }
}

/** I1 and I8: a session that lives on has heard all that was accepted while it was subscribed. */
function judgeSession(ledger: Ledger, session: SessionRecord, due: readonly Publication[]): void {
  for (const publication of due) {
    if (session.heard.has(publication)) continue
    const owing = session.requests.find(
      request => request.shareName === null && owes(request, publication, session.clientId),
    )
    if (owing === undefined || ledger.wasDropped(session.clientId, publication)) continue
    const rule = publication.kind === 'will' ? 'I8' : 'I1'
    const who = `${session.clientId} (session ${session.number})`
    ledger.violation(rule, `${who} never heard ${publication.id} for its ${owing.filter}`)
  }
}

function owes(request: Request, publication: Publication, clientId: string): boolean {
  if (request.qos === 0 || request.isRefused) return false
  if (request.grantedAt === null || request.grantedAt >= publication.sentAt) return false
  if (!topicMatches(request.topicFilter, publication.topic)) return false
  if (request.noLocal && publication.publisher === clientId) return false
  // The will of one who is gone may come at any time until the end.
  const acceptedAt = publication.kind === 'will' ? Infinity : (publication.acceptedAt ?? Infinity)
  return request.endedAt === null || request.endedAt > acceptedAt
}

/** I7: some member has heard it, as far as a member was there from before it was sent until the end. */
function judgeGroups(ledger: Ledger, due: readonly Publication[]): void {
  const filters = new Set<string>()
  for (const session of ledger.sessions) {
    for (const { shareName, filter } of session.requests)
      if (shareName !== null) filters.add(filter)
  }
  for (const filter of filters) judgeGroup(ledger, filter, due)
}

function judgeGroup(ledger: Ledger, filter: string, due: readonly Publication[]): void {
  const members = ledger.sessions.filter(each => each.requests.some(one => one.filter === filter))
  const requests = members.flatMap(each => each.requests.filter(one => one.filter === filter))
  // A member at QoS 0 may take a message and lose it.
  if (requests.some(each => each.qos === 0)) return
  for (const publication of due) {
    if (members.some(each => each.heard.has(publication))) continue
    const isOwed = members.some(
      each =>
        each.endedAt === null &&
        each.requests.some(
          // When the last member unsubscribes, what still waits goes with it.
          one => one.filter === filter && one.endedAt === null && owes(one, publication, ''),
        ),
    )
    if (!isOwed || mayHaveGoneWithMember(members, publication)) continue
    if (ledger.wasDropped(null, publication)) continue
    ledger.violation('I7', `no member of ${filter} ever heard ${publication.id}`)
  }
}

/** What was sent at QoS 2 to a member goes to no other, even when that member's session ends [MQTT-4.8.2-5]. */
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

/** I2 and I7: over all sessions, once for each that has a plain subscription and once for each share group. */
function judgeExactlyOnce(ledger: Ledger): void {
  for (const publication of ledger.publications.values()) {
    if (publication.qos < 2) continue
    const groups = new Set<string>()
    let extra = 0
    for (const session of ledger.sessions) {
      const requests = session.requests.filter(each =>
        topicMatches(each.topicFilter, publication.topic),
      )
      for (const each of requests) if (each.shareName !== null) groups.add(each.filter)
      const exactly = session.heard.get(publication)?.exactly ?? 0
      extra += Math.max(0, exactly - (requests.some(each => each.shareName === null) ? 1 : 0))
    }
    if (extra > groups.size) {
      ledger.violation('I7', `${publication.id} was heard ${extra} times by ${groups.size} groups`)
    }
  }
}

/** I8: a will that was taken back with DISCONNECT is heard by nobody. */
function judgeWills(ledger: Ledger): void {
  for (const session of ledger.sessions) {
    for (const publication of session.heard.keys()) {
      if (publication.kind === 'will' && publication.fate === 'never') {
        ledger.violation(
          'I8',
          `${session.clientId} heard the will ${publication.id} of one who left`,
        )
      }
    }
  }
}

/** I4: what a new subscriber was sent as retained, topic by topic. */
export function judgeRetained(ledger: Ledger, probe: SessionRecord | null): void {
  if (probe === null) {
    ledger.violation('hang', 'a new client cannot connect')
    return
  }
  for (const [topic, all] of ledger.retained) {
    const heard = [...probe.heard.keys()].filter(each => each.retain && each.topic === topic)
    const possible = all.filter(each => mayBeLast(each, all))
    if (heard.length > 1) ledger.violation('I4', `${topic} has ${heard.length} retained messages`)
    const [only] = heard
    const isRight = only === undefined ? mayBeNone(possible, all) : possible.includes(only)
    if (isRight) continue
    const names = possible.map(nameOf).join(' or ')
    ledger.violation('I4', `${topic} has ${nameOf(only)} retained, it should be ${names}`)
  }
}

/** No other that was accepted came wholly after it. */
function mayBeLast(publication: Publication, all: readonly Publication[]): boolean {
  const last = lastEffectOf(publication)
  return last >= 0 && !all.some(other => isSurelyRetained(other) && other.sentAt > last)
}

function mayBeNone(possible: readonly Publication[], all: readonly Publication[]): boolean {
  const mayBeGone = possible.some(each => each.payload.length === 0 || mayHaveExpired(each))
  return mayBeGone || !all.some(isSurelyRetained)
}

function mayHaveExpired({ properties }: Publication): boolean {
  return (properties.messageExpiryInterval ?? Infinity) < LONG_SECONDS
}

function isSurelyRetained(publication: Publication): boolean {
  return publication.kind === 'publish' && publication.qos > 0 && isAccepted(publication)
}

function nameOf(publication: Publication | undefined): string {
  if (publication === undefined) return 'nothing'
  return publication.payload.length === 0 ? `nothing (${publication.id})` : publication.id
}

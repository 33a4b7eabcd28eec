// I4: what a new subscription is sent of retained messages is neither missing nor stale.

import { topicMatches } from '../src/routing/topic.ts'
import {
  isAccepted,
  lastEffectOf,
  type History,
  type Publication,
  type Request,
  type SessionRecord,
  wants,
} from './history.ts'

/** No run takes so long: an expiry of this many seconds never passes. */
const LONG_SECONDS = 10_000

/** Checks the retained messages that a new subscriber was sent, topic by topic. */
export function judgeRetained(history: History, probe: SessionRecord | null): void {
  if (probe === null) {
    history.violation('hang', 'a new client cannot connect')
    return
  }
  for (const [topic, all] of history.retained) {
    const received = [...probe.received.keys()].filter(each => each.retain && each.topic === topic)
    const possible = all.filter(each => mayBeLast(each, all))
    if (received.length > 1)
      history.violation('I4', `${topic} has ${received.length} retained messages`)
    const [only] = received
    const isRight = only === undefined ? mayBeNone(possible, all) : possible.includes(only)
    if (isRight) continue
    const names = possible.map(nameOf).join(' or ')
    history.violation('I4', `${topic} has ${nameOf(only)} retained, it should be ${names}`)
  }
}

/** Whether no other accepted publication was sent after this one had its effect. */
function mayBeLast(publication: Publication, all: readonly Publication[]): boolean {
  const last = lastEffectOf(publication)
  return last >= 0 && !all.some(other => isSurelyRetained(other) && other.sentAt > last)
}

function mayBeNone(possible: readonly Publication[], all: readonly Publication[]): boolean {
  const mayBeGone = possible.some(each => each.payload.length === 0 || mayHaveExpired(each))
  return mayBeGone || !all.some(isSurelyRetained)
}

/**
 * Each subscription that lasts has been sent what was retained when it was made, or what was retained after that, and has been sent what
 * is retained in the end.
 */
export function judgeReplays(history: History): void {
  for (const session of history.sessions) {
    if (session.endedAt !== null) continue
    for (const request of session.requests) {
      if (!asksForRetained(request)) continue
      for (const [topic, all] of history.retained) {
        if (topicMatches(request.topicFilter, topic)) judgeReplay(history, session, request, all)
      }
    }
  }
}

function asksForRetained({ shareName, retainHandling, qos, ...request }: Request): boolean {
  const lasts = !request.isRefused && request.grantedAt !== null && request.endedAt === null
  return lasts && shareName === null && retainHandling === 0 && qos > 0
}

function judgeReplay(
  history: History,
  session: SessionRecord,
  request: Request,
  all: readonly Publication[],
): void {
  const isOld = (each: Publication): boolean =>
    isSurelyRetained(each) && (each.acceptedAt ?? Infinity) < request.sentAt
  judgePossible(
    history,
    session,
    request,
    all.filter(each => mayBeLast(each, all)),
  )
  const last = all.filter(isOld).findLast(each => mayBeLast(each, all.filter(isOld)))
  if (last === undefined) return
  const possible = all.filter(each => each === last || lastEffectOf(each) >= last.sentAt)
  judgePossible(history, session, request, possible)
}

function judgePossible(
  history: History,
  session: SessionRecord,
  request: Request,
  possible: readonly Publication[],
): void {
  if (possible.length === 0) return
  const isSure = possible.every(each => isSurelySent(history, session, request, each))
  if (!isSure || possible.some(each => wasSentSince(session, request, each))) return
  const names = possible.map(nameOf).join(' or ')
  history.violation(
    'I4',
    `${session.clientId} (session ${session.number}) was not sent ${names} for its new ${request.filter}`,
  )
}

function isSurelySent(
  history: History,
  session: SessionRecord,
  request: Request,
  publication: Publication,
): boolean {
  if (!isSurelyRetained(publication) || publication.delaySeconds !== null) return false
  if (publication.payload.length === 0 || mayHaveExpired(publication)) return false
  if (request.noLocal && publication.publisher === session.clientId) return false
  if (history.mayBeLost(publication, session)) return false
  return wants(request, publication) && !history.wasDropped(session.clientId, publication)
}

function wasSentSince(
  session: SessionRecord,
  { sentAt }: Request,
  publication: Publication,
): boolean {
  return (session.received.get(publication)?.lastAt ?? -1) > sentAt
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

// Which subscriptions can be the reason for a delivery.

import { topicMatches } from '../src/routing/topic.ts'
import {
  isAccepted,
  lastEffectOf,
  type Ledger,
  type Publication,
  type Request,
  type SessionRecord,
} from './ledger.ts'

/** Subscriptions of the session, past and present, that match. */
export function requestsFor(session: SessionRecord, publication: Publication): readonly Request[] {
  return session.requests.filter(
    each => !each.isRefused && topicMatches(each.topicFilter, publication.topic),
  )
}

export function explainsLive(
  request: Request,
  publication: Publication,
  clientId: string,
): boolean {
  if (request.sentAt > lastEffectOf(publication)) return false
  if (request.noLocal && publication.publisher === clientId) return false
  return request.goneAt === null || request.goneAt > publication.sentAt
}

/** Who joins a share group is sent what waits there already, for whichever member it came. */
export function waitsInGroup(ledger: Ledger, request: Request, publication: Publication): boolean {
  return ledger.sessions.some(session =>
    session.requests.some(
      each => each.filter === request.filter && explainsLive(each, publication, session.clientId),
    ),
  )
}

/** It was the retained message of its topic at some moment after the subscription was asked for. */
export function explainsReplay(
  ledger: Ledger,
  request: Request,
  publication: Publication,
): boolean {
  if (!publication.retain || request.shareName !== null) return false
  const last = lastEffectOf(publication)
  if (last < 0) return false
  const all = ledger.retained.get(publication.topic) ?? []
  return !all.some(
    other =>
      other.kind === 'publish' &&
      isAccepted(other) &&
      other.sentAt > last &&
      (other.acceptedAt ?? Infinity) < request.sentAt,
  )
}

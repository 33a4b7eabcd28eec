// Finds the subscriptions that can be the reason for a delivery.

import {
  isAccepted,
  lastEffectOf,
  type History,
  type Publication,
  type Request,
  type SessionRecord,
  wants,
} from './history.ts'

/** Returns the past and present subscriptions of the session that match. */
export function requestsFor(session: SessionRecord, publication: Publication): readonly Request[] {
  return session.requests.filter(each => !each.isRefused && wants(each, publication))
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

/** The same where messages come from another partition: they may be on their way when a client subscribes. */
function explainsLate(request: Request, publication: Publication, clientId: string): boolean {
  const isPossible = lastEffectOf(publication) >= 0
  return isPossible && explainsLive({ ...request, sentAt: -1 }, publication, clientId)
}

/** Returns the question whether a request explains the publication for the session. */
export function explainsFor(
  history: History,
  publication: Publication,
  session: SessionRecord,
): typeof explainsLive {
  return history.comesFromElsewhere(publication, session) ? explainsLate : explainsLive
}

/** A new member of a share group may be sent messages that waited in the group before it joined. */
export function waitsInGroup(
  history: History,
  request: Request,
  publication: Publication,
): boolean {
  // Its group may be in another partition than the publisher, and than the member.
  const explains = history.isOfPartitions ? explainsLate : explainsLive
  return history.sessions.some(session =>
    session.requests.some(
      each => each.filter === request.filter && explains(each, publication, session.clientId),
    ),
  )
}

/** Whether the publication was the retained message of its topic at some moment after SUBSCRIBE was sent. */
export function explainsReplay(
  history: History,
  request: Request,
  publication: Publication,
): boolean {
  if (!publication.retain || request.shareName !== null) return false
  const last = lastEffectOf(publication)
  if (last < 0) return false
  const all = history.retained.get(publication.topic) ?? []
  return !all.some(
    other =>
      other.kind === 'publish' &&
      isAccepted(other) &&
      other.sentAt > last &&
      (other.acceptedAt ?? Infinity) < request.sentAt,
  )
}

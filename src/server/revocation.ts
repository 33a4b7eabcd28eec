// Looks again at clients that are connected, after users, certificates or lists of revoked ones were read anew. Whoever may not stay is
// disconnected with 0x87.

import type { Identity } from '../access/identity.ts'
import type { UsersAccess } from '../access/users-access.ts'
import { reviewSessions } from '../broker/review.ts'
import { NOT_AUTHORIZED } from '../packet/reason.ts'
import type { Peer } from '../transport/wire.ts'
import type { Core } from './core.ts'

export type PresentUsers = Pick<UsersAccess, 'isGone' | 'permissionsOf' | 'isByPasswordOf'>

/** `changed` are the users who have another password now. Returns how many clients were disconnected. */
export function checkUsersAgain(
  { broker, turn }: Core,
  users: PresentUsers,
  changed: ReadonlySet<string>,
): number {
  turn.begin()
  let disconnected = 0
  const end = (clientId: string, sentence: string): void => {
    const holder = broker.sessions.holderOf(clientId)
    if (holder === null) return
    disconnected++
    holder.disconnect(NOT_AUTHORIZED, sentence)
  }
  for (const clientId of reviewSessions(broker, users)) end(clientId, 'its user was removed')
  if (changed.size === 0) return disconnected
  for (const { clientId, rights } of broker.sessions.all()) {
    if (!users.isByPasswordOf(rights.identity, changed)) continue
    end(clientId, 'its user has another password now')
  }
  return disconnected
}

/** `why` says why a client may not stay, or null. Strangers have no identity. Returns how many were disconnected. */
export function checkCertificatesAgain(
  { broker, sockets, turn }: Core,
  why: (peer: Peer, identity: Identity | null) => string | null,
): number {
  turn.begin()
  let disconnected = 0
  for (const { peer, connection } of sockets) {
    if ((peer.certificate === null && peer.psk == null) || connection.isOver) continue
    const { clientId } = connection
    const isHolder = clientId !== null && broker.sessions.holderOf(clientId) === connection
    const identity = isHolder ? (broker.sessions.get(clientId)?.rights.identity ?? null) : null
    const sentence = why(peer, identity)
    if (sentence === null) continue
    disconnected++
    connection.disconnect(NOT_AUTHORIZED, sentence)
  }
  return disconnected
}

/** Returns why the peer counts no more. */
export function revocationOf({ psk }: Peer): string {
  return psk == null
    ? 'its certificate was revoked'
    : 'its key was removed from pskFile, or changed'
}

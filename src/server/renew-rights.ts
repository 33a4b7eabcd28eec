// Renews the time of a client that came with a token of the broker, without a new connection.

import { isOwnToken } from '../access/tokens/own-tokens.ts'
import type { Core } from './core.ts'

/** A client that came with a token of the broker stays for the time of its user's newest one. */
export function renewRights(
  { broker, turn }: Pick<Core, 'broker' | 'turn'>,
  clientId: string,
  username: string,
  validForMs: number,
): void {
  turn.begin()
  const session = broker.sessions.get(clientId)
  if (session === undefined || broker.sessions.holderOf(clientId) === null) return
  const { identity, permissions } = session.rights
  if (identity.username !== username || !isOwnToken(identity.authentication)) return
  broker.clients.grant(session, permissions, validForMs)
}

// The identity of a client. The session and the store keep it, so that permissions can be determined while the client is not connected.

import type { Credentials } from './access.ts'
import { realmOf } from './realm.ts'

export interface Identity {
  readonly clientId: string
  /** The authenticated user; null for a client without one. */
  readonly username: string | null
  /** The last address of the client; empty if unknown. */
  readonly address: string
  /** How the user was authenticated: `password`, `certificate`, a method of enhanced authentication, or `none`. */
  readonly authentication: string
}

/** The optional fields of a verdict about the identity, and about how long it counts. */
export interface Finding {
  readonly username?: string | null
  readonly authentication?: string
  readonly validForMs?: number
}

/** Returns the identity of an allowed client. `method` is its method of enhanced authentication, or null. */
export function identityOf(
  credentials: Credentials,
  finding: Finding,
  method: string | null,
): Identity {
  const { clientId, address } = credentials
  const proof = method ?? proofIn(credentials)
  // A certificate or method may belong to another user than the user name of CONNECT.
  const isClaimed = proof === 'password' || proof === 'none'
  const claim = isClaimed ? credentials.username : null
  const username = finding.username === undefined ? claim : finding.username
  return { clientId, username, address, authentication: finding.authentication ?? proof }
}

function proofIn({ password, certificate }: Credentials): string {
  if (password !== null) return 'password'
  return certificate === null ? 'none' : 'certificate'
}

/** Returns the identity of a session that was stored before identities existed. */
export function unknownIdentity(clientId: string): Identity {
  return { clientId, username: null, address: '', authentication: 'none' }
}

export function areSame(one: Identity, other: Identity): boolean {
  return (
    one.username === other.username &&
    one.address === other.address &&
    one.authentication === other.authentication
  )
}

/**
 * Whether the client may have the session of `owner` with the same client id. A session belongs to its user. A session without an
 * authenticated user belongs to nobody, and the next client adopts it.
 */
export function mayHaveSessionOf(client: Identity, owner: Identity): boolean {
  if (owner.username === null || owner.authentication === 'none') return true
  return client.username === owner.username && realmOf(client) === realmOf(owner)
}

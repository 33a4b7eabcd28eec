// Who a client is: what its session knows of it and the store keeps, so that rights can be asked for again when it is away.

import type { Credentials } from './access.ts'

export interface Identity {
  readonly clientId: string
  /** The user that the client was found to be; null for a client without one. */
  readonly username: string | null
  /** From where it came last; empty when that is unknown. */
  readonly address: string
  /** What the user name rests on: `password`, `certificate`, a method of enhanced authentication, or `none`: nobody was asked. */
  readonly authentication: string
}

/** What a verdict may say of the client besides its rights. */
export interface Finding {
  readonly username?: string | null
  readonly authentication?: string
}

/** The identity of a client that was let in. `method` is that of its enhanced authentication, or null. */
export function identityOf(
  credentials: Credentials,
  finding: Finding,
  method: string | null,
): Identity {
  const { clientId, address } = credentials
  const proof = method ?? proofIn(credentials)
  // A certificate or a method may be another user's than the one that CONNECT names.
  const isClaimed = proof === 'password' || proof === 'none'
  const claim = isClaimed ? credentials.username : null
  const username = finding.username === undefined ? claim : finding.username
  return { clientId, username, address, authentication: finding.authentication ?? proof }
}

function proofIn({ password, certificate }: Credentials): string {
  if (password !== null) return 'password'
  return certificate === null ? 'none' : 'certificate'
}

/** Of a session that was stored before sessions had an identity. */
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
 * Whether the client may have the session that `owner` has under the same client id. A session belongs to its user. It is
 * nobody's, and the next client adopts it, when there was no user or nobody was asked whether it was that user.
 */
export function mayHaveSessionOf(client: Identity, owner: Identity): boolean {
  if (owner.username === null || owner.authentication === 'none') return true
  return client.username === owner.username
}

// Begins authentications by SCRAM, for the users of the password file.

import type { Credentials, Verdict } from '../access.ts'
import type { Found } from '../authenticator.ts'
import { networkOf } from '../addresses.ts'
import type { PasswordUsers } from '../password/password-users.ts'
import { scramDigestOf, ScramExchange } from './scram-exchange.ts'

export class ScramAuthenticator {
  readonly #users: PasswordUsers
  readonly #allowed: (found: Found, who: Credentials) => Verdict

  constructor(users: PasswordUsers, allowed: (found: Found, who: Credentials) => Verdict) {
    this.#users = users
    this.#allowed = allowed
  }

  /** Null for another method, or if no user can log in by this one. `certifiedUser` is the user of the certificate, or null. */
  begin(
    method: string,
    credentials: Credentials,
    certifiedUser: string | null,
  ): ScramExchange | null {
    const by = scramDigestOf(method)
    const users = this.#users
    if (by === null || !users.scram.offers(by)) return null
    const { address, clientId } = credentials
    const network = networkOf(address)
    return new ScramExchange(certifiedUser ?? credentials.username, {
      verifierFor: name => users.scram.verifierFor(name, by),
      isStill: (name, written) =>
        users.directory.hasStill(name, written) && users.directory.mayBe(name, clientId),
      attempt: (name, verify) => users.attempts.make(name, network, verify),
      allowed: (username, data) => {
        const found = { username, authentication: method, rights: null, validForMs: null }
        const verdict = this.#allowed({ kind: 'found', ...found }, credentials)
        return verdict.kind === 'allowed' ? { ...verdict, data } : verdict
      },
    })
  }
}

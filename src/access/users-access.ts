// Access by users with passwords, and rules, from the configuration and its files. When they change, the new ones apply to
// every client, connected or not, from its next message on.

import { isIP } from 'node:net'
import { BAD_USER_NAME_OR_PASSWORD, SERVER_BUSY, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { Access, Credentials, Verdict } from './access.ts'
import type { AccessFiles } from './access-settings.ts'
import type { CertificateUsers } from './certificate-users.ts'
import type { Identity } from './identity.ts'
import { AclRules } from './mosquitto/acl-rules.ts'
import {
  type PasswordAnswer,
  type PasswordBounds,
  PasswordUsers,
} from './password/password-users.ts'
import { type Permissions, UNRESTRICTED } from './permissions.ts'
import { CurrentRules, RulePermissions } from './rules/rule-permissions.ts'

/** Where clients may connect without a user name. */
export type Anonymous = 'never' | 'loopback' | 'everywhere'

interface UsersOptions extends PasswordBounds {
  readonly certificates?: CertificateUsers | null
}

export class UsersAccess implements Access {
  readonly passwords: PasswordUsers | null
  readonly #anonymous: Anonymous
  /** Null when every allowed client may do everything. */
  readonly #rules: CurrentRules | null

  /** Null when a certificate says no more than that it was verified. */
  readonly #certificates: CertificateUsers | null

  constructor(
    files: AccessFiles,
    anonymous: Anonymous,
    { certificates = null, ...bounds }: UsersOptions = {},
  ) {
    this.#anonymous = anonymous
    this.#certificates = certificates
    this.passwords = files.users === null ? null : new PasswordUsers(files.users, bounds)
    this.#rules = files.rules === null ? null : new CurrentRules(new AclRules(files.rules))
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    const { username, password, certificate } = credentials
    const { passwords } = this
    if (certificate !== null && this.#certificates !== null) {
      const user = this.#certificates.userOf(certificate)
      if (typeof user === 'string') return this.#certified(credentials, user)
      if (user !== null) return user
    }
    // Without passwords a user name is not verified.
    if (passwords === null || username === null) return this.#nameless(credentials)
    // The answer is the same for every name, so that it does not reveal which users exist.
    if (password === null) return WRONG
    const answer = passwords.check(username, password, credentials.address)
    if (typeof answer === 'string') return this.#verdictOf(answer, credentials, username)
    return answer.then(late => this.#verdictOf(late, credentials, username))
  }

  beginExchange(): null {
    return null
  }

  permissionsOf(identity: Identity): Permissions | null {
    const { username, authentication } = identity
    if (username !== null && authentication === CERTIFICATE) {
      return this.#namesByCertificate ? this.#permissionsFor(identity, username) : null
    }
    if (this.passwords === null) return this.#permissionsFor(identity, null)
    if (username !== null && authentication !== 'none') {
      if (!this.passwords.directory.has(username)) return null
      return this.#permissionsFor(identity, username)
    }
    if (this.#mayBeNameless(identity.address)) return this.#permissionsFor(identity, null)
    return AWAITED
  }

  /** Sets new users and rules. They apply to all clients, connected or not, from the next check on. */
  replace(files: AccessFiles): void {
    if (files.users !== null) this.passwords?.directory.replace(files.users)
    if (files.rules !== null) this.#rules?.replace(new AclRules(files.rules))
  }

  /** Whether this client was allowed as a user that does not exist any more. */
  isGone({ username, authentication }: Identity): boolean {
    if (this.passwords === null || username === null || authentication === 'none') return false
    if (authentication === CERTIFICATE) return !this.#namesByCertificate
    return !this.passwords.directory.has(username)
  }

  /** The counters of each bound: its present use, and how often it was reached. */
  get counters(): Readonly<Record<string, number>> {
    return { ...this.passwords?.counters, ...this.#rules?.counters }
  }

  close(): Promise<void> {
    return this.passwords?.close() ?? Promise.resolve()
  }

  /** The certificate says who it is: a name in CONNECT is only a claim beside it. */
  #certified(credentials: Credentials, username: string): Verdict {
    const permissions = this.#permissionsFor(credentials, username)
    return { kind: 'allowed', permissions, username, authentication: CERTIFICATE }
  }

  #nameless(credentials: Credentials): Verdict {
    const { address, certificate, clientId } = credentials
    const isKnown = certificate !== null
    if (!isKnown && !this.#mayBeNameless(address)) {
      return this.passwords === null ? NOBODY : NAMELESS
    }
    const permissions = this.#permissionsFor({ clientId, address }, null)
    return {
      kind: 'allowed',
      permissions,
      username: null,
      authentication: isKnown ? CERTIFICATE : 'none',
    }
  }

  #verdictOf(answer: PasswordAnswer, credentials: Credentials, username: string): Verdict {
    switch (answer) {
      case 'right': {
        const permissions = this.#permissionsFor(credentials, username)
        return { kind: 'allowed', permissions, username, authentication: 'password' }
      }
      case 'wrong':
        return WRONG
      case 'busy':
        return BUSY
      case 'failed':
        return FAILED
    }
  }

  #permissionsFor(
    { clientId, address }: Pick<Identity, 'clientId' | 'address'>,
    username: string | null,
  ): Permissions {
    if (this.#rules === null) return UNRESTRICTED
    return new RulePermissions(this.#rules, { username, clientId, address })
  }

  get #namesByCertificate(): boolean {
    return this.#certificates?.namesUsers === true
  }

  #mayBeNameless(address: string): boolean {
    // Without users only listeners that only this machine can reach are open. A stream of the program may come from anywhere.
    if (this.passwords === null) return this.#anonymous !== 'never'
    return this.#anonymous === 'everywhere' || (this.#anonymous === 'loopback' && isLocal(address))
  }
}

const CERTIFICATE = 'certificate'

/** A Unix socket has no address. */
function isLocal(address: string): boolean {
  if (address === '' || address === '::1') return true
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  return isIP(plain) === 4 && plain.startsWith('127.')
}

/** Permissions for the session of an unauthenticated client: messages are queued until the client shows what it may receive. */
const AWAITED: Permissions = { mayPublish: () => false, maySubscribe: () => false }

const WRONG: Verdict = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'user name or password is wrong',
}
const NAMELESS: Verdict = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'no user name: pondhawk user add NAME makes a user',
}
const NOBODY: Verdict = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'access.anonymous is never, and there are no users',
}
const BUSY: Verdict = {
  kind: 'refused',
  reason: SERVER_BUSY,
  sentence: 'too many passwords wait to be looked at',
}
const FAILED: Verdict = {
  kind: 'refused',
  reason: SERVER_UNAVAILABLE,
  sentence: 'passwords cannot be looked at',
}

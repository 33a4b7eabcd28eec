// Access by a chain of authenticators, and rules, from the configuration and its files. When they change, the new ones apply to
// every client, connected or not, from its next message on.

import { BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED } from '../packet/reason.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Access, ClientCertificate, Credentials, Exchange, Verdict } from './access.ts'
import { isOfThisMachine } from './addresses.ts'
import { CERTIFICATE } from './certificate-authenticator.ts'
import { CODE } from './code-authenticator.ts'
import type { AccessFiles } from './access-settings.ts'
import {
  type Authenticator,
  type AuthenticatorName,
  Chain,
  DEFAULT_ORDER,
  type Found,
  type FoundOrRefused,
} from './authenticator.ts'
import type { CertificateUsers } from './certificate-users.ts'
import { BelowDenials, GivenRules, NO_RULES } from './given-rules.ts'
import type { Identity } from './identity.ts'
import { PASSWORD, PasswordAuthenticator } from './password/password-authenticator.ts'
import { type PasswordBounds, PasswordUsers } from './password/password-users.ts'
import { NO_TOKEN, TOKEN_METHOD, TokenExchange } from './token-exchange.ts'
import { GONE, NOTHING, type Permissions, UNRESTRICTED } from './permissions.ts'
import { refusal, WRONG } from './refusals.ts'
import { CurrentRules, RulePermissions } from './rules/rule-permissions.ts'
import type { RuleBook } from './rules/rule.ts'
import { ScramAuthenticator } from './scram/scram-authenticator.ts'
import { scramDigestOf } from './scram/scram-exchange.ts'
import { isOfTls, TlsUsers } from './tls-users.ts'

const AUTHORS_MAX = 1_024

/** Where clients may connect without a user name. */
export type Anonymous = 'never' | 'loopback' | 'everywhere'

interface UsersOptions extends PasswordBounds {
  readonly certificates?: CertificateUsers | null
  /** Whether the identity of a pre-shared key is the user name of its client. */
  readonly keysNameUsers?: boolean
  /** Authenticators besides certificates and passwords. */
  readonly others?: readonly Authenticator[]
  readonly order?: readonly AuthenticatorName[]
}

export class UsersAccess implements Access {
  readonly passwords: PasswordUsers | null
  readonly #scram: ScramAuthenticator | null
  #disabled: ReadonlySet<string>
  readonly #anonymous: Anonymous
  readonly #chain: Chain
  /** Those of the chain that know tokens. */
  readonly #tokens: Chain
  readonly #rules: CurrentRules
  /** Whether the configuration has rules. Without them a client may do everything that the rules given to it do not deny. */
  readonly #hasRules: boolean
  /** The publishers of retained messages that were asked about last. */
  #authors = new BoundedMap<string, Permissions>(AUTHORS_MAX)
  readonly #tls: TlsUsers

  constructor(
    files: AccessFiles,
    anonymous: Anonymous,
    { certificates = null, others = [], order = DEFAULT_ORDER, ...bounds }: UsersOptions = {},
  ) {
    this.#anonymous = anonymous
    this.#disabled = files.disabled ?? NO_USERS
    this.#tls = new TlsUsers(certificates, bounds)
    const othersFollow = others.some(({ name }) => order.indexOf(name) > order.indexOf('users'))
    this.passwords =
      files.users === null ? null : new PasswordUsers(files.users, { ...bounds, othersFollow })
    const { passwords } = this
    this.#scram =
      passwords === null
        ? null
        : new ScramAuthenticator(passwords, (found, who) => this.#allowed(found, who))
    const authenticators = [
      ...this.#tls.authenticators,
      ...(passwords === null ? [] : [new PasswordAuthenticator(passwords)]),
      ...others,
    ]
    this.#chain = new Chain(authenticators, order)
    this.#tokens = new Chain(authenticators.filter(knowsTokens), order)
    this.#hasRules = files.rules !== null
    this.#rules = new CurrentRules(bookOf(files))
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    const answer = this.#chain.ask(credentials)
    if (!(answer instanceof Promise)) return this.#verdictOf(answer, credentials)
    return answer.then(late => this.#verdictOf(late, credentials))
  }

  beginExchange(method: string, credentials: Credentials): Exchange | null {
    const proved = this.#tls.userOf(credentials)
    if (typeof proved === 'object' && proved !== null) return { step: () => proved }
    if (method === TOKEN_METHOD && !this.#tokens.isEmpty) {
      return new TokenExchange(credentials, each => this.#askTokens(each, proved))
    }
    return this.#scram?.begin(method, credentials, proved) ?? null
  }

  /** Asks the chain for a user, without letting a client in. */
  async find(credentials: Credentials): Promise<FoundOrRefused> {
    const answer = await this.#chain.ask(credentials)
    const { username, address } = credentials
    if (answer === null && username !== null) this.passwords?.refused(username, address)
    const isDisabled = answer?.kind === 'found' && this.#disabled.has(answer.username ?? '')
    return isDisabled ? DISABLED : answer
  }

  permissionsOf(identity: Identity): Permissions | null {
    const { username, authentication } = identity
    if (username !== null && this.#disabled.has(username)) return GONE
    if (username !== null && isOfTls(authentication)) {
      const mayBe = this.#tls.mayName(username, authentication)
      return mayBe ? this.#permissionsFor(identity, username) : GONE
    }
    if (authentication === CODE) {
      const rights = this.#chain.rightsOf(identity)
      return rights === 'rules' ? this.#permissionsFor(identity, username) : rights
    }
    if (!this.#chain.verifiesNames) return this.#permissionsFor(identity, null)
    if (username !== null && authentication !== 'none') {
      // The rights of other kinds of users are known only when they authenticate again.
      if (!isByPassword(authentication)) return null
      if (!this.#isUser(username, identity.clientId)) return GONE
      return this.#permissionsFor(identity, username)
    }
    if (this.#mayBeNameless(identity.address)) return this.#permissionsFor(identity, null)
    return AWAITED
  }

  rightsOf(client: Pick<Identity, 'clientId' | 'address'>, username: string | null): Permissions {
    const isDisabled = username !== null && this.#disabled.has(username)
    return isDisabled ? GONE : this.#permissionsFor(client, username)
  }

  /** The rights of users that come with tokens are not known here. */
  authorRights(identity: Identity): Permissions | null {
    const { clientId, username, address, authentication } = identity
    if (username !== null && !isOfConfiguration(authentication)) return null
    const key = JSON.stringify([clientId, username, address, authentication])
    const known = this.#authors.get(key)
    if (known !== undefined) return known
    const rights = this.permissionsOf(identity) ?? NOTHING
    this.#authors.set(key, rights)
    return rights
  }

  /**
   * Sets new users, rules and certificates. They apply to all clients, connected or not, from the next check on. Returns the users
   * who have another password now, or are gone.
   */
  replace(files: AccessFiles): ReadonlySet<string> {
    this.#authors = new BoundedMap(AUTHORS_MAX)
    this.#disabled = files.disabled ?? NO_USERS
    if (files.rules !== null) this.#rules.replace(bookOf(files))
    this.#tls.replace(files.fingerprints ?? null)
    if (files.users === null || this.passwords === null) return NO_USERS
    return this.passwords.replace(files.users)
  }

  /** Whether this client was allowed as a user that does not exist any more, or is disabled. */
  isGone({ username, clientId, authentication }: Identity): boolean {
    if (username === null) return false
    if (this.#disabled.has(username) && authentication !== 'none') return true
    if (isOfTls(authentication)) return !this.#tls.mayName(username, authentication)
    if (this.passwords === null) return false
    return isByPassword(authentication) && !this.#isUser(username, clientId)
  }

  /** Whether this client has proved a password of one of these users. */
  isByPasswordOf({ username, authentication }: Identity, users: ReadonlySet<string>): boolean {
    return username !== null && isByPassword(authentication) && users.has(username)
  }

  /** Returns why a client with this certificate may not stay, or null. */
  refusalOf(certificate: ClientCertificate, identity: Identity | null): string | null {
    return this.#tls.refusalOf(certificate, identity)
  }

  /** The counters of each bound: its present use, and how often it was reached. */
  get counters(): Readonly<Record<string, number>> {
    return { ...this.passwords?.counters, ...this.#rules.counters }
  }

  close(): Promise<void> {
    return this.passwords?.close() ?? Promise.resolve()
  }

  #nameless(credentials: Credentials): Verdict {
    const { address, certificate, clientId, requiresUser = false } = credentials
    // A pre-shared key that names nobody encrypts only: a fleet may have one for all.
    const isKnown = certificate !== null
    if (!isKnown && (requiresUser || !this.#mayBeNameless(address))) {
      return this.#chain.verifiesNames ? NAMELESS : NOBODY
    }
    const permissions = this.#permissionsFor({ clientId, address }, null)
    const authentication = isKnown ? CERTIFICATE : 'none'
    return { kind: 'allowed', permissions, username: null, authentication }
  }

  /** `proved` is the user that TLS has proved, or null. */
  #askTokens(credentials: Credentials, proved: string | null): Verdict | Promise<Verdict> {
    const verdictOf = (answer: FoundOrRefused): Verdict => {
      if (answer === null) return NO_TOKEN
      const isOther = answer.kind === 'found' && answer.username !== (proved ?? answer.username)
      return isOther ? OTHER_USER : this.#verdictOf(answer, credentials)
    }
    const answer = this.#tokens.ask(credentials)
    return answer instanceof Promise ? answer.then(verdictOf) : verdictOf(answer)
  }

  #verdictOf(answer: FoundOrRefused, credentials: Credentials): Verdict {
    if (answer === null) return this.#unknown(credentials)
    return answer.kind === 'refused' ? answer : this.#allowed(answer, credentials)
  }

  #allowed({ username, authentication, rights, validForMs }: Found, who: Credentials): Verdict {
    if (username !== null && this.#disabled.has(username)) return DISABLED
    return {
      kind: 'allowed',
      permissions: this.#permissionsFor(who, username, rights),
      username,
      authentication,
      ...(validForMs !== null && { validForMs }),
    }
  }

  #unknown(credentials: Credentials): Verdict {
    const { username, address } = credentials
    // A user name that nobody verifies is only a claim.
    if (username === null || !this.#chain.verifiesNames) return this.#nameless(credentials)
    if (credentials.password !== null) this.passwords?.refused(username, address)
    return WRONG
  }

  #permissionsFor(
    { clientId, address }: Pick<Identity, 'clientId' | 'address'>,
    username: string | null,
    rights: Found['rights'] = null,
  ): Permissions {
    if (rights !== null && !(rights instanceof GivenRules)) return rights
    if (rights === null && !this.#hasRules) return UNRESTRICTED
    const own = rights === null ? null : new BelowDenials(this.#rules, rights.book)
    return new RulePermissions(this.#rules, { username, clientId, address }, own)
  }

  #isUser(username: string, clientId: string): boolean {
    return this.passwords?.directory.mayBe(username, clientId) === true
  }

  #mayBeNameless(address: string): boolean {
    // Without users only listeners that only this machine can reach are open. A stream of the program may come from anywhere.
    if (!this.#chain.verifiesNames) return this.#anonymous !== 'never'
    return (
      this.#anonymous === 'everywhere' ||
      (this.#anonymous === 'loopback' && isOfThisMachine(address))
    )
  }
}

function knowsTokens({ name }: Authenticator): boolean {
  return name === 'tokens' || name === 'jwt'
}

const NO_USERS: ReadonlySet<string> = new Set()

function bookOf({ rules }: AccessFiles): RuleBook {
  return rules === null ? NO_RULES : rules.book
}

/** Whether users that authenticate so are known by the configuration. */
function isOfConfiguration(authentication: string): boolean {
  return isOfTls(authentication) || isByPassword(authentication) || authentication === 'none'
}

/** Whether the user is in the password file, if it exists still. */
function isByPassword(authentication: string): boolean {
  if (authentication === `${PASSWORD}-token`) return true
  return authentication === PASSWORD || scramDigestOf(authentication) !== null
}

/** Permissions for the session of an unauthenticated client: messages are queued until the client shows what it may receive. */
const AWAITED: Permissions = { mayPublish: () => false, maySubscribe: () => false }

const OTHER_USER = refusal('its token is for another user than its certificate', NOT_AUTHORIZED)
const DISABLED = refusal('its user is disabled (access.dynamicSecurityFile)', NOT_AUTHORIZED)
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

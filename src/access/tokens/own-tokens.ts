// Short-lived tokens that the broker itself signs, for pages in browsers: a page need not keep the password of its user. The key is
// made anew at each start and is never stored, so a restart ends all of them.

import { createHmac, randomBytes } from 'node:crypto'
import type { Credentials } from '../access.ts'
import type { Authenticator, Found, FoundOrRefused } from '../authenticator.ts'
import { GivenRules } from '../given-rules.ts'
import { FileKeys } from '../jwt/file-keys.ts'
import { JwtAuthenticator } from '../jwt/jwt-authenticator.ts'
import { parseSecret } from '../jwt/key-set.ts'
import { TOKEN_BYTES_MAX } from '../jwt/token.ts'
import { PASSWORD } from '../password/password-authenticator.ts'
import { refusal } from '../refusals.ts'
import { isRecord } from '../strict-json.ts'

const HEADER = { alg: 'HS256', kid: 'pondhawk' }
/** How each of our tokens begins, and no other. */
const BEGINNING = `${Buffer.from(JSON.stringify(HEADER)).toString('base64url')}.`
const ISSUER = 'pondhawk'
const KEY_BYTES = 32
/** Ends the word for how the user of a token was authenticated when it was issued. */
const TOKEN_SUFFIX = '-token'

export interface IssuedToken {
  readonly token: string
  readonly validForMs: number
}

/** The claim that shows by which password a token was issued. */
const PASSWORD_CLAIM = 'pwd'

export class OwnTokens implements Authenticator {
  readonly name = 'tokens'
  /** Returns the hash of a user as the password file has it now; null for a user that it does not have. */
  hashOf: (username: string) => string | null = () => null
  /** Text, because white space at the end of a secret does not count. */
  readonly #key = Buffer.from(randomBytes(KEY_BYTES).toString('hex'))
  readonly #jwt: JwtAuthenticator
  readonly #now: () => number
  #issued = 0

  /** `now` is the time of day. */
  constructor(now: () => number = Date.now) {
    this.#now = now
    const rules = {
      issuer: ISSUER,
      userClaim: 'sub',
      clientIdClaim: 'client_id',
      rulesClaim: 'acl',
      authenticationClaim: 'via',
      clockSkewSeconds: 0,
    }
    this.#jwt = new JwtAuthenticator(new FileKeys(parseSecret(this.#key, ['HS256'])), rules, now)
  }

  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    const { password } = credentials
    const isOurs = password?.toString('latin1', 0, BEGINNING.length) === BEGINNING
    return isOurs ? this.#current(credentials) : null
  }

  /** A token ends with the password that it was issued for, and with its user. */
  async #current(credentials: Credentials): Promise<FoundOrRefused> {
    const answer = await this.#jwt.authenticate(credentials)
    if (answer?.kind !== 'found' || answer.username === null) return answer
    const issuedFor = passwordMarkIn(credentials.password)
    const isCurrent = issuedFor === undefined || issuedFor === this.#markOf(answer.username)
    return isCurrent ? answer : OTHER_PASSWORD
  }

  /** Undefined for a user of others than the password file. */
  #markOf(username: string): string | undefined {
    const hash = this.hashOf(username)
    return hash === null
      ? undefined
      : createHmac('sha256', this.#key).update(`password ${hash}`).digest('base64url')
  }

  /** Makes a token for one client id of this user. Null if the rights of the user cannot be written into a token. */
  async issue(found: Found, clientId: string, validForMs: number): Promise<IssuedToken | null> {
    const { username, authentication, rights } = found
    if (username === null || isOwnToken(authentication)) return null
    if (rights !== null && !(rights instanceof GivenRules)) return null
    // Before anything is waited for: the password may be replaced meanwhile.
    const mark = this.#markOf(username) ?? ''
    const marked = authentication === PASSWORD ? { [PASSWORD_CLAIM]: mark } : {}
    const { SignJWT } = await import('jose')
    const issuedAt = Math.floor(this.#now() / 1_000)
    const endsAt = Math.floor(
      (this.#now() + Math.min(validForMs, found.validForMs ?? Infinity)) / 1_000,
    )
    const token = await new SignJWT({
      client_id: clientId,
      via: `${authentication}${TOKEN_SUFFIX}`,
      ...marked,
      ...(rights !== null && { acl: rights.source }),
    })
      .setProtectedHeader(HEADER)
      .setIssuer(ISSUER)
      .setSubject(username)
      .setIssuedAt(issuedAt)
      .setExpirationTime(endsAt)
      .sign(this.#key)
    if (token.length > TOKEN_BYTES_MAX) return null
    this.#issued++
    return { token, validForMs: endsAt * 1_000 - this.#now() }
  }

  get counters(): Readonly<Record<string, number>> {
    return { ownTokensIssued: this.#issued }
  }
}

/** Reads the claim of a token that was verified, so that it is one of ours. */
function passwordMarkIn(token: Buffer | null): unknown {
  const [, payload = ''] = token?.toString('latin1').split('.') ?? []
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
  return isRecord(claims) ? claims[PASSWORD_CLAIM] : undefined
}

const OTHER_PASSWORD = refusal('its token was issued for another password, or its user is gone')

export function isOwnToken(authentication: string): boolean {
  return authentication.endsWith(TOKEN_SUFFIX)
}

// Short-lived tokens that the broker itself signs, for pages in browsers: a page need not keep the password of its user. The key is
// made anew at each start and is never stored, so a restart ends all of them.

import { randomBytes } from 'node:crypto'
import type { Credentials } from '../access.ts'
import type { Authenticator, Found, FoundOrRefused } from '../authenticator.ts'
import { GivenRules } from '../given-rules.ts'
import { FileKeys } from '../jwt/file-keys.ts'
import { JwtAuthenticator } from '../jwt/jwt-authenticator.ts'
import { parseSecret } from '../jwt/key-set.ts'
import { TOKEN_BYTES_MAX } from '../jwt/token.ts'

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

export class OwnTokens implements Authenticator {
  readonly name = 'tokens'
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
    return isOurs ? this.#jwt.authenticate(credentials) : null
  }

  /** Makes a token for one client id of this user. Null if the rights of the user cannot be written into a token. */
  async issue(found: Found, clientId: string, validForMs: number): Promise<IssuedToken | null> {
    const { username, authentication, rights } = found
    if (username === null || isOwnToken(authentication)) return null
    if (rights !== null && !(rights instanceof GivenRules)) return null
    const { SignJWT } = await import('jose')
    const issuedAt = Math.floor(this.#now() / 1_000)
    const endsAt = Math.floor(
      (this.#now() + Math.min(validForMs, found.validForMs ?? Infinity)) / 1_000,
    )
    const token = await new SignJWT({
      client_id: clientId,
      via: `${authentication}${TOKEN_SUFFIX}`,
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

export function isOwnToken(authentication: string): boolean {
  return authentication.endsWith(TOKEN_SUFFIX)
}

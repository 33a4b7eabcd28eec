// Authenticates a client by a JSON Web Token of an identity provider, in the password or in enhanced authentication.

import { NOT_AUTHORIZED, SERVER_BUSY, SERVER_UNAVAILABLE } from '../../packet/reason.ts'
import type { Credentials } from '../access.ts'
import type { Authenticator, Found, FoundOrRefused, Refused } from '../authenticator.ts'
import { type GivenRules, readGivenRules, WrongRules } from '../given-rules.ts'
import { LimitedWork } from '../limited-work.ts'
import { networkOf } from '../addresses.ts'
import { refusal } from '../refusals.ts'
import { isUserName } from '../user-name.ts'
import type { KeySet, VerificationKey } from './key-set.ts'
import { looksLikeToken, readToken, type TokenHeader, WrongToken } from './token.ts'

/** The checks of signatures at a time: they run in the threads that files and names need as well. */
const CHECKS_AT_ONCE_MAX = 2
const CHECKS_QUEUED_MAX = 256
/** The tokens that wait for newer keys. */
const WAITING_MAX = 256

/** The keys of an identity provider. */
export interface KeySource {
  /** Null when there are none that may be used. */
  readonly keys: KeySet | null
  /** Looks for newer keys, because a token names an unknown one. Null when it is too soon for that. */
  renewed(): Promise<void> | null
}

export interface TokenRules {
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** The claim that has the user name. */
  readonly userClaim: string
  /** The claim that has the only client id that the token is for. */
  readonly clientIdClaim?: string | undefined
  /** The claim that has rules. */
  readonly rulesClaim: string
  /** The claim that has the word for how the user was authenticated. Left out: `jwt`. */
  readonly authenticationClaim?: string | undefined
  /** How far the clocks may differ. */
  readonly clockSkewSeconds: number
}

export class JwtAuthenticator implements Authenticator {
  readonly name = 'jwt'
  readonly #source: KeySource
  readonly #rules: TokenRules
  readonly #now: () => number
  readonly #checks = new LimitedWork({
    atOnceMax: CHECKS_AT_ONCE_MAX,
    queuedMax: CHECKS_QUEUED_MAX,
  })
  #refused = 0
  #waiting = 0

  /** `now` is the time of day. */
  constructor(source: KeySource, rules: TokenRules, now: () => number = Date.now) {
    this.#source = source
    this.#rules = rules
    this.#now = now
  }

  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    const { password, address } = credentials
    if (password === null || !looksLikeToken(password)) return null
    const check = () =>
      this.#checks.run(networkOf(address), () => this.#check(password, credentials))
    return this.#answerOf(check)
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      tokensChecked: this.#checks.done,
      tokensRefused: this.#refused,
      tokensQueued: this.#checks.queued,
      tokensTurnedAway: this.#checks.refused,
    }
  }

  /** A provider may have begun to use a new key: newer keys are waited for once, and not as one of the few checks at a time. */
  async #answerOf(check: () => Promise<CheckAnswer | 'busy'>): Promise<FoundOrRefused> {
    let answer = await check()
    if (answer === 'unknown key') {
      const renewed = this.#waiting < WAITING_MAX ? this.#source.renewed() : null
      if (renewed !== null) {
        this.#waiting++
        await renewed
        this.#waiting--
        answer = await check()
      }
    }
    if (answer === 'busy') return BUSY
    if (answer !== 'unknown key' && answer.kind === 'found') return answer
    this.#refused++
    if (answer !== 'unknown key') return answer
    return this.#source.keys === null ? NO_KEYS : UNKNOWN_KEY
  }

  async #check(password: Buffer, credentials: Credentials): Promise<CheckAnswer> {
    try {
      const { text, header } = readToken(password)
      const key = this.#source.keys?.keyFor(header) ?? null
      if (key === null) return 'unknown key'
      const claims = await verifiedClaims(text, header, key, this.#rules, this.#now())
      return this.#found(claims, credentials)
    } catch (error) {
      if (error instanceof WrongToken) return refusal(error.message)
      if (error instanceof WrongRules) return refusal(`the rules in its token: ${error.message}`)
      throw error
    }
  }

  #found(claims: Claims, { clientId }: Credentials): Found | Refused {
    const { userClaim, clientIdClaim, authenticationClaim, clockSkewSeconds } = this.#rules
    const authentication =
      authenticationClaim === undefined ? 'jwt' : String(claimIn(claims, authenticationClaim))
    const username = claimIn(claims, userClaim)
    // The broker's own tokens name users that it has let in.
    const isOwn = authenticationClaim !== undefined && typeof username === 'string'
    if (!isOwn && !isUserName(username)) {
      return refusal(`the claim ${userClaim} of its token is no name that a user can have`)
    }
    if (clientIdClaim !== undefined && claimIn(claims, clientIdClaim) !== clientId) {
      return OTHER_CLIENT
    }
    const endsAt = (Number(claims['exp']) + clockSkewSeconds) * 1_000
    return {
      kind: 'found',
      username,
      authentication,
      rights: this.#rightsIn(claims),
      validForMs: Math.max(1, endsAt - this.#now()),
    }
  }

  /** Rules under the configured claim, or filters under `publ` and `subs`. Null for a token without. */
  #rightsIn(claims: Claims): GivenRules | null {
    const { rulesClaim } = this.#rules
    const rules = claimIn(claims, rulesClaim)
    const pub = claimIn(claims, 'publ')
    const sub = claimIn(claims, 'subs')
    if (rules !== undefined) {
      if (pub === undefined && sub === undefined)
        return readGivenRules(rules, `token, ${rulesClaim}`)
      throw new WrongRules(`both ${rulesClaim} and publ or subs`)
    }
    if (pub === undefined && sub === undefined) return null
    const lists = { ...(pub !== undefined && { pub }), ...(sub !== undefined && { sub }) }
    return readGivenRules(lists, 'token')
  }
}

type CheckAnswer = Found | Refused | 'unknown key'
type Claims = Readonly<Record<string, unknown>>

/** A claim may have any name, also one that every object has. */
function claimIn(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

async function verifiedClaims(
  text: string,
  { algorithm }: TokenHeader,
  { key }: VerificationKey,
  { issuer, audience, clockSkewSeconds }: TokenRules,
  now: number,
): Promise<Claims> {
  const { errors, jwtVerify } = await import('jose')
  try {
    const { payload } = await jwtVerify(text, key, {
      algorithms: [algorithm],
      requiredClaims: ['exp'],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(now),
    })
    return payload
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    throw new WrongToken(sentenceOf(error), { cause: error })
  }
}

/** The sentences of the library could contain parts of the token. */
function sentenceOf({ code, claim }: { readonly code: string; readonly claim?: unknown }): string {
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'its token has expired'
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return CLAIM_SENTENCES.get(claim) ?? 'a claim of its token is wrong'
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'the signature of its token is wrong'
    default:
      return 'its token is malformed'
  }
}

const CLAIM_SENTENCES = new Map<unknown, string>([
  ['exp', 'its token has no time at which it ends (exp)'],
  ['nbf', 'its token is not valid yet (nbf)'],
  ['iss', 'its token is of another issuer (iss)'],
  ['aud', 'its token is for another audience (aud)'],
])

const UNKNOWN_KEY = refusal('no key for its token is known')
const OTHER_CLIENT = refusal('its token is for another client id', NOT_AUTHORIZED)
const NO_KEYS = refusal('tokens cannot be checked: their keys cannot be had', SERVER_UNAVAILABLE)
const BUSY = refusal('too many tokens wait to be checked', SERVER_BUSY)

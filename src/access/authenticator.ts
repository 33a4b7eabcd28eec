// The port to one way to authenticate a client. Several of them form a chain: see Chain.

import type { Credentials, Verdict } from './access.ts'
import type { Identity } from './identity.ts'
import type { Permissions } from './permissions.ts'
import type { GivenRules } from './given-rules.ts'

export type AuthenticatorName =
  'certificates' | 'psk' | 'tokens' | 'jwt' | 'users' | 'http' | 'code'

/** The order of those that are configured, unless `access.order` is given. A check that costs little comes before one that costs much. */
export const DEFAULT_ORDER: readonly AuthenticatorName[] = [
  'certificates',
  'psk',
  'tokens',
  'jwt',
  'users',
  'http',
  'code',
]

/** A client that was authenticated. */
export interface Found {
  readonly kind: 'found'
  /** Null for an authenticated client without a user name. */
  readonly username: string | null
  /** How it was authenticated, as one word. */
  readonly authentication: string
  /** What decides its rights: rules that came with the answer, permissions of a program, or null for the rules of the configuration. */
  readonly rights: GivenRules | Permissions | null
  /** After this many milliseconds the client is disconnected; null for never. */
  readonly validForMs: number | null
}

export type Refused = Extract<Verdict, { kind: 'refused' }>

/** Null: the client is not known here, and the next authenticator is asked. */
export type FoundOrRefused = Found | Refused | null

/** The rights of a client that is not connected: `rules` for those of the configuration, null for none. */
export type RightsOf = Permissions | 'rules' | null

export interface Authenticator {
  readonly name: AuthenticatorName
  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused>
  /** Returns at once the rights of a client that it has authenticated earlier. Left out: not known before it comes again. */
  rightsOf?(identity: Identity): RightsOf
}

/** Asks each authenticator in turn. The first that knows the client decides. */
export class Chain {
  readonly #authenticators: readonly Authenticator[]

  constructor(authenticators: readonly Authenticator[], order: readonly AuthenticatorName[]) {
    this.#authenticators = authenticators.toSorted(
      (one, other) => order.indexOf(one.name) - order.indexOf(other.name),
    )
  }

  get isEmpty(): boolean {
    return this.#authenticators.length === 0
  }

  /** Whether a user name is verified by one of them. Certificates and pre-shared keys have their own names. */
  get verifiesNames(): boolean {
    return this.#authenticators.some(({ name }) => name !== 'certificates' && name !== 'psk')
  }

  /** Null if nobody knows them: the client was authenticated by another kind. */
  rightsOf(identity: Identity): RightsOf {
    const known = this.#authenticators.find(({ name }) => name === identity.authentication)
    return known?.rightsOf?.(identity) ?? null
  }

  /** Null if nobody knows the client. */
  ask(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    return this.#askFrom(0, credentials)
  }

  #askFrom(start: number, credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    for (let index = start; index < this.#authenticators.length; index++) {
      const answer = this.#authenticators[index]?.authenticate(credentials) ?? null
      if (answer instanceof Promise) {
        return answer.then(late => late ?? this.#askFrom(index + 1, credentials))
      }
      if (answer !== null) return answer
    }
    return null
  }
}

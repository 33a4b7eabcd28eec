// Enhanced authentication with a token (5.0, section 4.12): the data of CONNECT, and of each re-authentication, is the token.

import type { AuthenticationStep, Credentials, Exchange, Verdict } from './access.ts'
import { refusal } from './refusals.ts'

/** The name that other MQTT services use for tokens. */
export const TOKEN_METHOD = 'OAUTH2-JWT'

export class TokenExchange implements Exchange {
  readonly #credentials: Credentials
  readonly #ask: (credentials: Credentials) => Verdict | Promise<Verdict>

  constructor(
    credentials: Credentials,
    ask: (credentials: Credentials) => Verdict | Promise<Verdict>,
  ) {
    this.#credentials = credentials
    this.#ask = ask
  }

  step({ data }: AuthenticationStep): Verdict | Promise<Verdict> {
    if (data === null) return NO_TOKEN
    return this.#ask({ ...this.#credentials, username: null, password: data })
  }
}

export const NO_TOKEN = refusal('the authentication data is no token')

// Authenticates a client by the password of a user of the password file or of the configuration.

import { SERVER_BUSY, SERVER_UNAVAILABLE } from '../../packet/reason.ts'
import type { Credentials } from '../access.ts'
import type { Authenticator, FoundOrRefused, Refused } from '../authenticator.ts'
import { WRONG } from '../refusals.ts'
import type { LoginAnswer } from './login-attempts.ts'
import type { PasswordUsers } from './password-users.ts'

export const PASSWORD = 'password'

export class PasswordAuthenticator implements Authenticator {
  readonly name = 'users'
  readonly #users: PasswordUsers

  constructor(users: PasswordUsers) {
    this.#users = users
  }

  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    const { username, password, address, clientId } = credentials
    if (username === null) return null
    // The answer is the same for every name, so that it does not reveal which users exist.
    if (password === null) return this.#users.directory.has(username) ? WRONG : null
    // Only for a name that is nobody's: no approval changes the password of a user.
    const { awaited, directory } = this.#users
    const made = directory.has(username) ? null : awaited.take(credentials)
    if (made !== null) return made
    const answer = this.#users.check(username, password, address)
    if (typeof answer === 'string') return this.#found(answer, username, clientId)
    return answer.then(late => this.#found(late, username, clientId))
  }

  #found(answer: LoginAnswer, username: string, clientId: string): FoundOrRefused {
    switch (answer) {
      case 'right': {
        // The same answer as for a wrong password, and after as long.
        if (!this.#users.directory.mayBe(username, clientId)) return WRONG
        const authentication = PASSWORD
        return { kind: 'found', username, authentication, rights: null, validForMs: null }
      }
      case 'wrong':
        return WRONG
      case 'unknown':
        return null
      case 'busy':
        return BUSY
      case 'failed':
        return FAILED
    }
  }
}

const BUSY: Refused = {
  kind: 'refused',
  reason: SERVER_BUSY,
  sentence: 'too many passwords wait to be looked at',
}
const FAILED: Refused = {
  kind: 'refused',
  reason: SERVER_UNAVAILABLE,
  sentence: 'passwords cannot be looked at',
}

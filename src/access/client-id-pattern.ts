// Which client ids a user may have, so that nobody takes one before the client that it is meant for.

const USER = '%u'
const ANYTHING = '*'

export class ClientIdPattern {
  readonly #beforeUser: string
  readonly #afterUser: string
  readonly #isOpenEnded: boolean
  /** Whether each user has client ids of its own. */
  readonly hasUser: boolean

  /** A text with at most one `%u`, the user name, and perhaps a `*` at its end, any text: `%u:*`. */
  constructor(pattern: string) {
    this.hasUser = pattern.includes(USER)
    this.#isOpenEnded = pattern.endsWith(ANYTHING)
    const fixed = this.#isOpenEnded ? pattern.slice(0, -1) : pattern
    const [before = '', after = ''] = fixed.split(USER)
    this.#beforeUser = before
    this.#afterUser = after
  }

  /** A client without a user has no client id of its own. */
  fits(clientId: string, username: string | null): boolean {
    if (this.hasUser && username === null) return false
    const own = this.hasUser
      ? `${this.#beforeUser}${username ?? ''}${this.#afterUser}`
      : this.#beforeUser
    return this.#isOpenEnded ? clientId.startsWith(own) : clientId === own
  }
}

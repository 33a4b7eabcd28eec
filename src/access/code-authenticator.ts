// An authenticator of an embedding program, one of the chain beside those of the configuration. A wrong answer refuses the client. It
// never counts as "not known", because then the next authenticator would decide.

import { BAD_USER_NAME_OR_PASSWORD, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import { sayable } from '../packet/text.ts'
import type { Credentials } from './access.ts'
import type { Authenticator, FoundOrRefused, RightsOf } from './authenticator.ts'
import { type Complaint, guarded, isThenable, promised } from './guarded-access.ts'
import type { Identity } from './identity.ts'
import { type Permissions, UNRESTRICTED } from './permissions.ts'
import { refusal } from './refusals.ts'
import { isDuration, isPermissions, isRefusal, isUsername } from './verdict.ts'

/** The `authentication` of its clients in their identities. */
export const CODE = 'code'

/** After this time without an answer the client is refused. */
const CODE_ANSWER_MS_MAX = 5_000

/** What it knows of a client. */
export type CodeAnswer =
  /** Not known here: the next authenticator is asked. */
  | null
  /** `true`: the user of CONNECT, with the rights that the rules of the configuration give. `false`: refused. */
  | boolean
  | {
      readonly kind: 'allowed'
      /** Left out: the user name of CONNECT. */
      readonly username?: string | null
      /** Left out: the rules of the configuration decide. */
      readonly permissions?: Permissions
      readonly validForMs?: number
    }
  | { readonly kind: 'refused'; readonly reason: number; readonly sentence: string }

export interface GivenAuthenticator {
  authenticate(credentials: Credentials): CodeAnswer | Promise<CodeAnswer>
  /**
   * Returns at once the rights of a client of an earlier run that is not connected: permissions, `true` for those by the rules of the
   * configuration, `false` or null for none. Left out: none.
   */
  permissionsOf?(identity: Identity): Permissions | boolean | null
}

interface CodeOptions {
  readonly complain: Complaint
  /** Calls back after the time for an answer, and returns how to prevent that. Tests replace it. */
  readonly afterTime?: (late: () => void) => () => void
  /** What complaints begin with. */
  readonly name?: string
  readonly answerMsMax?: number
}

export class CodeAuthenticator implements Authenticator {
  readonly name = CODE
  readonly #given: GivenAuthenticator
  readonly #complain: Complaint
  readonly #afterTime: (late: () => void) => () => void
  readonly #name: string
  readonly #answerMsMax: number

  constructor(
    given: GivenAuthenticator,
    {
      complain,
      afterTime = afterAnswerTime,
      name = 'access.code.authenticate ',
      answerMsMax = CODE_ANSWER_MS_MAX,
    }: CodeOptions,
  ) {
    this.#given = given
    this.#name = name
    this.#answerMsMax = answerMsMax
    this.#complain = complain
    this.#afterTime = afterTime
  }

  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    try {
      const answer: unknown = this.#given.authenticate(credentials)
      if (!isThenable(answer)) return this.#read(answer, credentials)
      return this.#inTime(answer, credentials)
    } catch (error) {
      return this.#failed('has thrown', error)
    }
  }

  rightsOf(identity: Identity): RightsOf {
    try {
      const answer: unknown = this.#given.permissionsOf?.(identity) ?? false
      if (answer === true) return 'rules'
      if (answer === false) return null
      if (isPermissions(answer)) return guarded(answer, this.#complain)
      this.#complain(`${NAME}permissionsOf gave neither permissions nor true, false or null`, null)
    } catch (error) {
      this.#complain(`${NAME}permissionsOf has thrown: no rights`, error)
    }
    return null
  }

  #inTime(answer: PromiseLike<unknown>, credentials: Credentials): Promise<FoundOrRefused> {
    return new Promise(settle => {
      const stop = this.#afterTime(() => {
        settle(this.#failed(`has not answered in ${this.#answerMsMax / 1_000} s`, null))
      })
      const settled = (found: FoundOrRefused): void => {
        stop()
        settle(found)
      }
      // It may be any object with a method `then`, which may throw.
      void promised(answer).then(
        late => settled(this.#read(late, credentials)),
        (error: unknown) => settled(this.#failed('has rejected', error)),
      )
    })
  }

  /** Its members may throw. */
  #read(answer: unknown, credentials: Credentials): FoundOrRefused {
    try {
      return this.#found(answer, credentials)
    } catch (error) {
      return this.#failed('gave an answer that cannot be read', error)
    }
  }

  #found(answer: unknown, { username: claimed }: Credentials): FoundOrRefused {
    if (answer === null) return null
    if (answer === false) return SAID_NO
    const found = answer === true ? { kind: 'allowed' } : answer
    const wrong = faultOf(found)
    if (wrong !== null) return this.#failed(`gave a wrong answer: ${wrong}`, null)
    // Its members were just checked.
    const checked = found as Exclude<CodeAnswer, null | boolean>
    if (checked.kind === 'refused') {
      const { reason, sentence } = checked
      return isRefusal(reason) ? refusal(sayable(sentence), reason) : OUT_OF_ORDER
    }
    const { username = claimed, permissions = null, validForMs = null } = checked
    const rights = permissions === null ? null : guarded(permissions, this.#complain)
    return { kind: 'found', username, authentication: CODE, rights, validForMs }
  }

  #failed(what: string, error: unknown): FoundOrRefused {
    this.#complain(`${this.#name}${what}: refused`, error)
    return OUT_OF_ORDER
  }
}

const NAME = 'access.code.'
const SAID_NO = refusal('the authentication refused the client', BAD_USER_NAME_OR_PASSWORD)
const OUT_OF_ORDER = refusal('the authentication is not available', SERVER_UNAVAILABLE)

/** Returns what is wrong with the answer, or null. */
function faultOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null)
    return `${String(answer)} is neither true, false nor null`
  const { kind, username, permissions, validForMs, reason, sentence } = answer as Readonly<
    Record<string, unknown>
  >
  if (kind === 'refused') {
    if (!isRefusal(reason)) return 'reason is no reason code of a refusal (0x80 to 0xFF)'
    return typeof sentence === 'string' ? null : 'a refusal needs a sentence'
  }
  if (kind !== 'allowed') return `kind is ${String(kind)}, and neither allowed nor refused`
  if (!isUsername(username)) return 'username is no string'
  if (permissions !== undefined && permissions !== UNRESTRICTED && !isPermissions(permissions)) {
    return 'permissions need mayPublish(topic) and maySubscribe(filter)'
  }
  return isDuration(validForMs) ? null : 'validForMs is no number above 0'
}

function afterAnswerTime(late: () => void): () => void {
  const timer = setTimeout(late, CODE_ANSWER_MS_MAX).unref()
  return () => clearTimeout(timer)
}

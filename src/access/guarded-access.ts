// Guards an access of an embedding program, whose answers may be wrong. An answer that is not a clear yes counts as a no, and is logged.

import { BAD_USER_NAME_OR_PASSWORD, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { Access, AuthenticationStep, Credentials, Exchange, Verdict } from './access.ts'
import type { Identity } from './identity.ts'
import { type Permissions, UNRESTRICTED } from './permissions.ts'
import { isDuration, isPermissions, isRefusal, isUsername, isWord } from './verdict.ts'

/** `true` lets a client in with all rights, `false` keeps it out. */
export type Answer = Verdict | boolean

export interface GivenAccess {
  authenticate(credentials: Credentials): Answer | Promise<Answer>
  /** Left out, or null for a method: the method is not supported. */
  beginExchange?(
    method: string,
    credentials: Credentials,
  ): { step(step: AuthenticationStep): Answer | Promise<Answer> } | null
  /**
   * Returns at once the rights of a client of an earlier run that is not connected: `true` for all, `false` or null for none. If it is
   * left out the client has no rights, so a will that outlives the broker is not published.
   */
  permissionsOf?(identity: Identity): Permissions | boolean | null
}

/** Is called with what was wrong with an answer of the program. */
export type Complaint = (sentence: string, error: unknown) => void

export function guardedAccess(given: GivenAccess, complain: Complaint): Access {
  return {
    authenticate: credentials =>
      verdictOf(() => given.authenticate(credentials), VERDICTS, complain),
    beginExchange: (method, credentials): Exchange | null => {
      const exchange = given.beginExchange?.(method, credentials) ?? null
      if (exchange === null) return null
      return { step: step => verdictOf(() => exchange.step(step), STEP_VERDICTS, complain) }
    },
    permissionsOf: identity => storedRights(given, identity, complain),
  }
}

function storedRights(
  given: GivenAccess,
  identity: Identity,
  complain: Complaint,
): Permissions | null {
  try {
    const answer: unknown = given.permissionsOf?.(identity) ?? false
    if (answer === true) return UNRESTRICTED
    if (answer === false) return null
    if (isPermissions(answer)) return guarded(answer, complain)
    if (isThenable(answer)) promised(answer).catch(() => {})
    complain('permissionsOf must answer permissions, true, false or null at once: no rights', null)
  } catch (error) {
    complain('permissionsOf has thrown: no rights', error)
  }
  return null
}

const VERDICTS = ['allowed', 'refused']
/** Only enhanced authentication may answer with one more step. */
const STEP_VERDICTS = [...VERDICTS, 'continue']

function verdictOf(
  ask: () => unknown,
  kinds: readonly string[],
  complain: Complaint,
): Verdict | Promise<Verdict> {
  const failed = (error: unknown): Verdict => {
    complain('the authentication failed to answer', error)
    return OUT_OF_ORDER
  }
  try {
    const answer = ask()
    if (!isThenable(answer)) return checkedVerdict(answer, kinds, complain)
    return promised(answer).then(late => checkedVerdict(late, kinds, complain), failed)
  } catch (error) {
    return failed(error)
  }
}

const ALLOWED: Verdict = { kind: 'allowed', permissions: UNRESTRICTED }
const REFUSED: Verdict = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'the authentication refused the client',
}
const OUT_OF_ORDER: Verdict = {
  kind: 'refused',
  reason: SERVER_UNAVAILABLE,
  sentence: 'the authentication is not available',
}

function checkedVerdict(answer: unknown, kinds: readonly string[], complain: Complaint): Verdict {
  if (answer === true) return ALLOWED
  if (answer === false) return REFUSED
  const wrong = faultOf(answer, kinds)
  if (wrong !== null) {
    complain(`the authentication gave no verdict: ${wrong}`, null)
    return OUT_OF_ORDER
  }
  // Its members were just checked.
  const verdict = answer as Verdict
  if (verdict.kind !== 'allowed') return verdict
  return { ...verdict, permissions: guarded(verdict.permissions, complain) }
}

export function guarded(permissions: Permissions, complain: Complaint): Permissions {
  return permissions === UNRESTRICTED ? UNRESTRICTED : new GuardedPermissions(permissions, complain)
}

/** Returns why this is not a verdict, or null. */
function faultOf(answer: unknown, kinds: readonly string[]): string | null {
  if (typeof answer !== 'object' || answer === null)
    return `${String(answer)} is neither true nor false`
  const members = answer as Record<string, unknown>
  const { kind, permissions, reason, sentence, data, username, authentication } = members
  if (!kinds.includes(String(kind)))
    return `kind is ${String(kind)}, and none of ${kinds.join(', ')}`
  if (data !== undefined && data !== null && !Buffer.isBuffer(data)) return 'data is no Buffer'
  if (kind === 'allowed' && !isPermissions(permissions)) {
    return 'permissions need mayPublish(topic) and maySubscribe(filter)'
  }
  if (kind === 'allowed' && !isUsername(username)) return 'username is no string'
  if (kind === 'allowed' && !isWord(authentication)) return 'authentication is no word'
  if (kind === 'allowed' && !isDuration(members['validForMs'])) {
    return 'validForMs is no number above 0'
  }
  if (kind !== 'refused') return null
  if (!isRefusal(reason)) return 'reason is no reason code of a refusal (0x80 to 0xFF)'
  return typeof sentence === 'string' ? null : 'a refusal needs a sentence'
}

/** A right is needed for every packet, so it must be `true` itself, at once, not a promise or another truthy value. */
class GuardedPermissions implements Permissions {
  /** Left out if the program leaves it out: then deliveries are not checked. */
  readonly mayReceive?: (topic: string) => boolean
  readonly mayShare?: (filter: string) => boolean
  readonly mayUnsubscribe?: (filter: string, shareName: string | null) => boolean
  readonly #given: Permissions
  readonly #complain: Complaint

  constructor(given: Permissions, complain: Complaint) {
    this.#given = given
    this.#complain = complain
    if (given.mayReceive !== undefined) this.mayReceive = topic => this.#mayReceive(topic)
    if (given.mayShare !== undefined) this.mayShare = filter => this.#mayShare(filter)
    if (given.mayUnsubscribe !== undefined) {
      this.mayUnsubscribe = (filter, shareName) => this.#mayUnsubscribe(filter, shareName)
    }
  }

  mayPublish(topic: string, qos: number, retain: boolean): boolean {
    try {
      return this.#isYes('mayPublish', this.#given.mayPublish(topic, qos, retain))
    } catch (error) {
      return this.#failed('mayPublish', error)
    }
  }

  maySubscribe(filter: string, shareName: string | null): boolean {
    try {
      return this.#isYes('maySubscribe', this.#given.maySubscribe(filter, shareName))
    } catch (error) {
      return this.#failed('maySubscribe', error)
    }
  }

  #mayReceive(topic: string): boolean {
    try {
      return this.#isYes('mayReceive', this.#given.mayReceive?.(topic))
    } catch (error) {
      return this.#failed('mayReceive', error)
    }
  }

  #mayShare(filter: string): boolean {
    try {
      return this.#isYes('mayShare', this.#given.mayShare?.(filter))
    } catch (error) {
      return this.#failed('mayShare', error)
    }
  }

  #mayUnsubscribe(filter: string, shareName: string | null): boolean {
    try {
      return this.#isYes('mayUnsubscribe', this.#given.mayUnsubscribe?.(filter, shareName))
    } catch (error) {
      return this.#failed('mayUnsubscribe', error)
    }
  }

  #isYes(name: string, answer: unknown): boolean {
    if (answer === true) return true
    if (answer === false) return false
    if (isThenable(answer)) promised(answer).catch(() => {})
    const what = isThenable(answer) ? 'a promise' : String(answer)
    this.#complain(`${name} must answer true or false at once, and gave ${what}: refused`, null)
    return false
  }

  #failed(name: string, error: unknown): boolean {
    this.#complain(`${name} has thrown: refused`, error)
    return false
  }
}

/** Returns a promise of the language for any object with a method `then`, whatever that does: its exception is a rejection. */
export async function promised(answer: PromiseLike<unknown>): Promise<unknown> {
  return await answer
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

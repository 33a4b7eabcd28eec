// Calls hooks in their order and reads their answers. Whatever a hook does, the answer is a decision: an exception, a wrong answer and one
// that does not come in time refuse. Each is counted, and logged with the name of the hook and its plugin.

import { isThenable, promised } from '../access/guarded-access.ts'
import { isRefusal } from '../access/verdict.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Faults } from '../broker/faults.ts'
import type { Statistics } from '../broker/statistics.ts'
import { IMPLEMENTATION_SPECIFIC_ERROR, NOT_AUTHORIZED } from '../packet/reason.ts'
import { sayable } from '../packet/text.ts'

/** Who has added a hook. */
export interface HookOwner {
  /** The name of the plugin; empty for the program itself. */
  readonly name: string
  /** Its hooks see only topics that begin with it; empty for all. */
  readonly prefix: string
}

export interface AddedHook<Call> {
  readonly call: Call
  readonly owner: HookOwner
}

export interface AnswerContext {
  readonly faults: Faults
  readonly statistics: Statistics
  /** How long a hook may take. */
  readonly answerMsMax: number
  /** Calls back after that time, and returns how to prevent that. Tests replace it. */
  readonly afterTime: (late: () => void) => () => void
}

/** What a hook has done instead of an answer. */
const FAILED = Symbol('failed')

// A client of MQTT 3 that cannot be told must not take the message for stored.
const FAILURE = new NotAdmitted(
  'no-room',
  IMPLEMENTATION_SPECIFIC_ERROR,
  'a hook of the program has failed',
)
const REFUSED = new NotAdmitted('refused', NOT_AUTHORIZED, 'the program refuses it')

/** Reads what a hook has left of the context. Returns a refusal if MQTT does not allow it. */
type ReadBy = (owner: HookOwner) => NotAdmitted | null

/** The hooks of one name, and what they are asked now. */
export class Asking<Context> {
  readonly #name: string
  readonly #hooks: readonly AddedHook<(context: Context) => unknown>[]
  readonly #context: Context
  readonly #answers: AnswerContext
  readonly #clientId: string
  readonly #left: ReadBy

  constructor(
    name: string,
    hooks: readonly AddedHook<(context: Context) => unknown>[],
    context: Context,
    { clientId, left }: { readonly clientId: string; readonly left: ReadBy },
    answers: AnswerContext,
  ) {
    this.#name = name
    this.#hooks = hooks
    this.#context = context
    this.#clientId = clientId
    this.#answers = answers
    this.#left = left
  }

  /** Returns the first refusal, or null. `topicOf` says what the context is about when each hook is called. */
  decide(
    topicOf: ((context: Context) => string) | null,
    start = 0,
  ): NotAdmitted | null | Promise<NotAdmitted | null> {
    for (let index = start; index < this.#hooks.length; index++) {
      const hook = this.#hooks[index]
      if (hook === undefined || !sees(hook.owner, topicOf?.(this.#context))) continue
      const answer = this.#call(hook)
      if (answer instanceof Promise) {
        return this.#inTime(answer, hook.owner).then(
          late => this.#after(late, hook.owner) ?? this.decide(topicOf, index + 1),
        )
      }
      const refusal = this.#after(answer, hook.owner)
      if (refusal !== null) return refusal
    }
    return null
  }

  /** Returns whether all say yes. They must answer at once. */
  allowAtOnce(topic: string): boolean {
    for (const hook of this.#hooks) {
      if (!sees(hook.owner, topic)) continue
      const answer = this.#call(hook)
      if (answer instanceof Promise) {
        answer.catch(() => {})
        this.#fails(hook.owner, 'must answer at once', null)
        return false
      }
      if (this.#after(answer, hook.owner) !== null) return false
    }
    return true
  }

  /** Returns the answer; a promise for any object with a method `then`. */
  #call(hook: AddedHook<(context: Context) => unknown>): unknown {
    try {
      const answer = hook.call(this.#context)
      return isThenable(answer) ? promised(answer) : answer
    } catch (error) {
      this.#fails(hook.owner, 'has thrown', error)
      return FAILED
    }
  }

  #inTime(answer: Promise<unknown>, owner: HookOwner): Promise<unknown> {
    const { afterTime, answerMsMax, statistics } = this.#answers
    return new Promise(settle => {
      const stop = afterTime(() => {
        statistics.hookTimeouts += 1
        this.#fails(owner, `has not answered in ${answerMsMax / 1_000} s`, null)
        settle(FAILED)
      })
      const settled = (found: unknown): void => {
        stop()
        settle(found)
      }
      void answer.then(settled, (error: unknown) => {
        this.#fails(owner, 'has rejected', error)
        settled(FAILED)
      })
    })
  }

  /** So that each hook sees what MQTT allows, and who has left something else is known. */
  #after(answer: unknown, owner: HookOwner): NotAdmitted | null {
    return this.#read(answer, owner) ?? this.#left(owner)
  }

  #read(answer: unknown, owner: HookOwner): NotAdmitted | null {
    if (answer === undefined || answer === true) return null
    if (answer === false) return REFUSED
    if (answer === FAILED) return FAILURE
    try {
      return refusalIn(answer)
    } catch (error) {
      this.#fails(owner, 'gave a wrong answer', error)
      return FAILURE
    }
  }

  #fails(owner: HookOwner, what: string, error: unknown): void {
    this.#answers.faults.failed('hook', hookError(this.#name, owner, what, error), this.#clientId)
  }
}

/** Names the hook and its plugin. */
export function hookError(name: string, owner: HookOwner, what: string, cause: unknown): Error {
  const plugin = owner.name === '' ? '' : ` of plugin ${JSON.stringify(owner.name)}`
  const found = new Error(`${name}${plugin} ${what}`, { cause })
  // Where the hook has thrown says more than where it was called.
  found.stack = cause === null ? found.message : `${found.message}: ${textOf(cause)}`
  return found
}

/** Code of a program may throw anything, also what cannot be made into text. */
function textOf(cause: unknown): string {
  try {
    return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  } catch {
    return 'what was thrown has no text'
  }
}

/** `topic` is undefined for what is about no topic. What an earlier hook has left there may be no text. */
export function sees({ prefix }: HookOwner, topic: unknown): boolean {
  if (prefix === '' || topic === undefined) return true
  return typeof topic === 'string' && topic.startsWith(prefix)
}

/** Throws for what is no refusal. */
function refusalIn(answer: unknown): NotAdmitted {
  if (typeof answer !== 'object' || answer === null) {
    throw new TypeError(`${String(answer)} is neither true, false nor a refusal with a reason`)
  }
  const { reason, sentence = REFUSED.sentence, disconnect = false } = answer as HookRefusalLike
  if (!isRefusal(reason)) {
    throw new TypeError('reason is no reason code of a refusal (0x80 to 0xFF)')
  }
  if (typeof sentence !== 'string') throw new TypeError('sentence is no text')
  return new NotAdmitted(
    disconnect === true ? 'disconnected' : 'refused',
    reason,
    sayable(sentence),
  )
}

interface HookRefusalLike {
  readonly reason?: unknown
  readonly sentence?: unknown
  readonly disconnect?: unknown
}

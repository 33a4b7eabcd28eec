// The expression of one or more subscriptions: which of the matching messages they want.

import { type Ask, compile, FALSE, TRUE } from './compile.ts'
import type { Facts } from './facts.ts'
import { parse } from './parse.ts'
import { Unreadable } from './syntax.ts'

export { Unreadable } from './syntax.ts'

export class Expression {
  readonly text: string
  readonly terms: number
  readonly readsPayload: boolean
  readonly #ask: Ask
  /** The last message that it was asked about, by its number, and its answer: equal expressions are asked once a message. */
  #sequence = -1
  #wants = false

  constructor(text: string, terms: number, readsPayload: boolean, ask: Ask) {
    this.text = text
    this.terms = terms
    this.readsPayload = readsPayload
    this.#ask = ask
  }

  /** Whether the message that the facts are about is wanted. Unknown is not wanted. */
  wants(facts: Facts): boolean {
    const { sequence } = facts.message
    if (sequence === this.#sequence) return this.#wants
    this.#sequence = sequence
    this.#wants = this.#ask(facts) === TRUE
    return this.#wants
  }
}

/** What cannot be read wants nothing. */
export function nothingFor(text: string): Expression {
  return new Expression(text, 0, false, () => FALSE)
}

export function readExpression(text: string): Expression | Unreadable {
  const syntax = parse(text)
  if (syntax instanceof Unreadable) return syntax
  return new Expression(text, syntax.terms, syntax.readsPayload, compile(syntax.condition))
}

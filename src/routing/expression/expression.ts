// The expression of one or more subscriptions: which of the matching messages they want.

import { type Ask, compile, FALSE, TRUE } from './compile.ts'
import type { Facts } from './facts.ts'
import { parse } from './parse.ts'
import { Unreadable } from './syntax.ts'

export { Unreadable } from './syntax.ts'

type Costs = Pick<Expression, 'terms' | 'searches' | 'readsPayload'>

export class Expression {
  readonly text: string
  readonly terms: number
  /** How many LIKE and comparisons of two names it has. */
  readonly searches: number
  readonly readsPayload: boolean
  readonly #ask: Ask
  /** The last message that it was asked about, by its number, and its answer: equal expressions are asked once a message. */
  #sequence = -1
  #wants = false

  constructor(text: string, { terms, searches, readsPayload }: Costs, ask: Ask) {
    this.text = text
    this.terms = terms
    this.searches = searches
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

const NO_COSTS: Costs = { terms: 0, searches: 0, readsPayload: false }

/** What cannot be read wants nothing. */
export function nothingFor(text: string): Expression {
  return new Expression(text, NO_COSTS, () => FALSE)
}

export function readExpression(text: string): Expression | Unreadable {
  const syntax = parse(text)
  if (syntax instanceof Unreadable) return syntax
  return new Expression(text, syntax, compile(syntax.condition))
}

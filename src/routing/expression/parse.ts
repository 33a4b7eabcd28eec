// Reads an expression: `region = 'eu' AND temperature > 25`. Every fault is told with its position.

import { isName, literalIn, nameIn } from './names.ts'
import { conditionsIn } from './query.ts'
import {
  type Condition,
  DEPTH_MAX,
  EXPRESSION_LENGTH_MAX,
  type Literal,
  type Name,
  type Operator,
  type Syntax,
  SEARCHES_MAX,
  TERMS_MAX,
  Unreadable,
  WILDCARDS_MAX,
} from './syntax.ts'
import { SyntaxFault, TokenReader } from './tokens.ts'

/** The same comparison with its sides exchanged. */
const EXCHANGED: Readonly<Record<Operator, Operator>> = {
  '=': '=',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

export function parse(expression: string): Syntax | Unreadable {
  if (expression.length > EXPRESSION_LENGTH_MAX) {
    return new Unreadable(`the expression has more than ${EXPRESSION_LENGTH_MAX} characters`)
  }
  try {
    return new Parser(new TokenReader(expression)).whole()
  } catch (fault) {
    if (!(fault instanceof SyntaxFault)) throw fault
    return new Unreadable(`${fault.message}, at character ${fault.at + 1} of the expression`)
  }
}

type Side = { readonly name: Name } | { readonly value: Literal }

class Parser {
  readonly #tokens: TokenReader
  #depth = 0
  #terms = 0
  #searches = 0
  #readsPayload = false

  constructor(tokens: TokenReader) {
    this.#tokens = tokens
  }

  whole(): Syntax {
    const parts = this.#tokens.token.kind === 'query' ? [] : [this.#or()]
    for (const part of this.#query()) parts.push(part)
    const { kind, at } = this.#tokens.token
    if (kind !== 'end') throw new SyntaxFault('AND, OR or the end is expected', at)
    const condition = oneOr('and', parts)
    return {
      condition,
      terms: this.#terms,
      searches: this.#searches,
      readsPayload: this.#readsPayload,
    }
  }

  /** What came behind the `?` of a topic filter must hold as well. */
  #query(): readonly Condition[] {
    const { kind, text, at } = this.#tokens.token
    if (kind !== 'query') return []
    this.#tokens.skip()
    const conditions = conditionsIn(text.slice(1), at)
    for (const condition of conditions) {
      this.#term(at)
      if (condition.name.kind === 'payload') this.#readsPayload = true
    }
    return conditions
  }

  #or(): Condition {
    const parts = [this.#and()]
    while (this.#tokens.takes('OR')) parts.push(this.#and())
    return oneOr('or', parts)
  }

  #and(): Condition {
    const parts = [this.#not()]
    while (this.#tokens.takes('AND')) parts.push(this.#not())
    return oneOr('and', parts)
  }

  #not(): Condition {
    const { at } = this.#tokens.token
    if (this.#tokens.takes('NOT')) {
      return this.#deeper(at, () => ({ kind: 'not', condition: this.#not() }))
    }
    if (this.#tokens.takesSign('(')) {
      return this.#deeper(at, () => {
        const condition = this.#or()
        this.#tokens.needsSign(')')
        return condition
      })
    }
    if (!this.#tokens.takes('EXISTS')) return this.#predicate()
    const isInParentheses = this.#tokens.takesSign('(')
    const name = this.#name()
    if (isInParentheses) this.#tokens.needsSign(')')
    this.#term(at)
    return { kind: 'exists', name }
  }

  #deeper(at: number, read: () => Condition): Condition {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) {
      throw new SyntaxFault(`the expression is deeper than ${DEPTH_MAX} levels`, at)
    }
    const condition = read()
    this.#depth -= 1
    return condition
  }

  #predicate(): Condition {
    const { at } = this.#tokens.token
    const left = this.#side()
    const operator = this.#operator()
    if (operator !== null) return this.#comparison(left, operator, at)
    if (!('name' in left)) throw new SyntaxFault('a comparison is expected', this.#tokens.token.at)
    const { name } = left
    if (this.#tokens.takes('IS')) {
      const isNegated = this.#tokens.takes('NOT')
      this.#tokens.needs('NULL')
      this.#term(at)
      return negated(!isNegated, { kind: 'exists', name })
    }
    const isNegated = this.#tokens.takes('NOT')
    if (this.#tokens.takes('BETWEEN')) return negated(isNegated, this.#between(name, at))
    if (this.#tokens.takes('IN')) return negated(isNegated, this.#in(name))
    if (this.#tokens.takes('LIKE')) return negated(isNegated, this.#like(name, at))
    throw new SyntaxFault(
      'an operator is expected: = != < <= > >= BETWEEN IN LIKE IS',
      this.#tokens.token.at,
    )
  }

  #comparison(left: Side, operator: Operator, at: number): Condition {
    const right = this.#side()
    this.#term(at)
    if ('name' in left && 'name' in right) {
      this.#search(at)
      return { kind: 'compare-names', operator, name: left.name, other: right.name }
    }
    if ('name' in left && 'value' in right)
      return comparisonOf(left.name, operator, right.value, at)
    if ('value' in left && 'name' in right) {
      return comparisonOf(right.name, EXCHANGED[operator], left.value, at)
    }
    throw new SyntaxFault('one side of a comparison must be a name', at)
  }

  #between(name: Name, at: number): Condition {
    const low = literalIn(this.#tokens)
    this.#term(at)
    this.#tokens.needs('AND')
    const high = literalIn(this.#tokens)
    this.#term(at)
    return {
      kind: 'and',
      parts: [comparisonOf(name, '>=', low, at), comparisonOf(name, '<=', high, at)],
    }
  }

  #in(name: Name): Condition {
    this.#tokens.needsSign('(')
    const values: Literal[] = []
    do {
      this.#term(this.#tokens.token.at)
      values.push(literalIn(this.#tokens))
    } while (this.#tokens.takesSign(','))
    this.#tokens.needsSign(')')
    return { kind: 'in', name, values }
  }

  #like(name: Name, at: number): Condition {
    this.#term(at)
    this.#search(at)
    const token = this.#tokens.token
    if (token.kind !== 'text') {
      throw new SyntaxFault('a pattern in single quotes is expected', token.at)
    }
    this.#tokens.skip()
    const pieces = token.text.split('%')
    if (pieces.length > WILDCARDS_MAX + 1) {
      throw new SyntaxFault(`a pattern has ${WILDCARDS_MAX} % at most`, token.at)
    }
    return { kind: 'like', name, pieces }
  }

  #side(): Side {
    return isName(this.#tokens.token) ? { name: this.#name() } : { value: literalIn(this.#tokens) }
  }

  #name(): Name {
    const name = nameIn(this.#tokens)
    if (name.kind === 'payload') this.#readsPayload = true
    return name
  }

  #operator(): Operator | null {
    const { kind, text } = this.#tokens.token
    if (kind !== 'sign') return null
    const operator = text === '<>' ? '!=' : text
    if (!isOperator(operator)) return null
    this.#tokens.skip()
    return operator
  }

  #search(at: number): void {
    this.#searches += 1
    if (this.#searches > SEARCHES_MAX) {
      const sentence = `the expression has more than ${SEARCHES_MAX} LIKE and comparisons of two names`
      throw new SyntaxFault(sentence, at)
    }
  }

  #term(at: number): void {
    this.#terms += 1
    if (this.#terms > TERMS_MAX) {
      throw new SyntaxFault(`the expression has more than ${TERMS_MAX} comparisons`, at)
    }
  }
}

function isOperator(text: string): text is Operator {
  return Object.hasOwn(EXCHANGED, text)
}

function oneOr(kind: 'and' | 'or', parts: readonly Condition[]): Condition {
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : { kind, parts }
}

function negated(isNegated: boolean, condition: Condition): Condition {
  return isNegated ? { kind: 'not', condition } : condition
}

function comparisonOf(name: Name, operator: Operator, value: Literal, at: number): Condition {
  if (typeof value === 'boolean' && operator !== '=' && operator !== '!=') {
    throw new SyntaxFault('true and false are compared by = and != only', at)
  }
  return { kind: 'compare', operator, name, value }
}

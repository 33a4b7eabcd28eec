// The short form behind the `?` of a topic filter, as EMQX has it: `region=eu&temperature>25`. All must hold.

import { numberIn } from './facts.ts'
import { nameFrom } from './names.ts'
import type { Comparison, Operator } from './syntax.ts'
import { SyntaxFault } from './tokens.ts'

const PAIR = /^([^=<>]*)(>=|<=|[=<>])(.*)$/s
const OPERATORS: Readonly<Record<string, Operator>> = {
  '=': '=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

/** `query`: what is behind the `?`, which is at `at`. */
export function conditionsIn(query: string, at: number): readonly Comparison[] {
  const conditions: Comparison[] = []
  let from = at + 1
  for (const pair of query.split('&')) {
    conditions.push(conditionOf(pair, from))
    from += pair.length + 1
  }
  return conditions
}

function conditionOf(pair: string, at: number): Comparison {
  const [, written = '', sign = '', value = ''] = PAIR.exec(pair) ?? []
  const operator = OPERATORS[sign]
  if (operator === undefined || written === '') {
    throw new SyntaxFault('name=value, or a name with < <= > >= and a number, is expected', at)
  }
  const name = nameFrom(written, at)
  if (operator === '=') return { kind: 'compare', operator, name, value }
  const number = numberIn(value)
  if (number === null) {
    throw new SyntaxFault('a number is expected', at + written.length + sign.length)
  }
  return { kind: 'compare', operator, name, value: number }
}

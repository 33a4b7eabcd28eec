// An expression as functions: made once for a subscription, called for each message. Three values, as in SQL: what is absent or of
// another kind makes a comparison unknown, and NOT unknown is unknown.

import {
  type Facts,
  isUntyped,
  numberIn,
  READ_BITS,
  readerOf,
  readsText,
  type Value,
} from './facts.ts'
import { likeOf } from './like.ts'
import {
  type Condition,
  type Literal,
  type Name,
  type Operator,
  SEARCHED_LENGTH_MAX,
} from './syntax.ts'

export type Truth = typeof TRUE | typeof FALSE | typeof UNKNOWN
export const TRUE = 1
export const FALSE = 0
const UNKNOWN = -1

export type Ask = (facts: Facts) => Truth

export function compile(condition: Condition): Ask {
  switch (condition.kind) {
    case 'and':
      return allOf(condition.parts.map(compile))
    case 'or':
      return anyOf(condition.parts.map(compile))
    case 'not': {
      const ask = compile(condition.condition)
      return facts => {
        const truth = ask(facts)
        if (truth === UNKNOWN) return UNKNOWN
        return truth === TRUE ? FALSE : TRUE
      }
    }
    case 'compare':
      return comparisonOf(condition.name, condition.operator, condition.value)
    case 'compare-names':
      return namesOf(condition.name, condition.operator, condition.other)
    case 'in':
      return anyOf(condition.values.map(value => comparisonOf(condition.name, '=', value)))
    case 'like':
      return likes(condition.name, condition.pieces)
    case 'exists': {
      const read = readerOf(condition.name)
      return facts => {
        facts.steps += 1
        return read(facts) === undefined ? FALSE : TRUE
      }
    }
  }
}

function allOf(asks: readonly Ask[]): Ask {
  return facts => {
    let truth: Truth = TRUE
    for (const ask of asks) {
      const part = ask(facts)
      if (part === FALSE) return FALSE
      if (part === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}

function anyOf(asks: readonly Ask[]): Ask {
  return facts => {
    let truth: Truth = FALSE
    for (const ask of asks) {
      const part = ask(facts)
      if (part === TRUE) return TRUE
      if (part === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}

function comparisonOf(name: Name, operator: Operator, value: Literal): Ask {
  const read = readerOf(name)
  if (typeof value === 'number') {
    const holds = NUMBERS[operator]
    const asNumber = isUntyped(name) ? numberIn : numberOf
    return facts => {
      facts.steps += 1
      const found = asNumber(read(facts))
      return found === null ? UNKNOWN : truthOf(holds(found, value))
    }
  }
  if (typeof value === 'boolean') {
    const isSame = operator === '='
    const asTruth = isUntyped(name) ? truthIn : truthValueOf
    return facts => {
      facts.steps += 1
      const found = asTruth(read(facts))
      return found === null ? UNKNOWN : truthOf((found === value) === isSame)
    }
  }
  return textComparisonOf(read, operator, value)
}

function textComparisonOf(read: (facts: Facts) => Value, operator: Operator, value: string): Ask {
  if (operator === '=' || operator === '!=') {
    const isSame = operator === '='
    return facts => {
      facts.steps += 1
      const found = read(facts)
      return typeof found === 'string' ? truthOf((found === value) === isSame) : UNKNOWN
    }
  }
  const holds = NUMBERS[operator]
  return facts => {
    facts.steps += 1
    const found = read(facts)
    if (typeof found !== 'string') return UNKNOWN
    readsText(facts, value)
    return truthOf(holds(orderOf(found, value), 0))
  }
}

function namesOf(name: Name, operator: Operator, other: Name): Ask {
  const readLeft = readerOf(name)
  const readRight = readerOf(other)
  const leftUntyped = isUntyped(name)
  const rightUntyped = isUntyped(other)
  return facts => {
    facts.steps += 2
    const left = readLeft(facts)
    const right = readRight(facts)
    if (typeof left === 'string' && typeof right === 'string') {
      if (operator === '=') return truthOf(left === right)
      if (operator === '!=') return truthOf(left !== right)
      // The order of two texts is that of their first difference, within the shorter one.
      const { length } = left.length < right.length ? left : right
      if (length > SEARCHED_LENGTH_MAX) return UNKNOWN
      facts.steps += length >> READ_BITS
      return truthOf(NUMBERS[operator](orderOf(left, right), 0))
    }
    return ofOneKind(
      leftUntyped ? likeKindOf(right, left) : left,
      operator,
      rightUntyped ? likeKindOf(left, right) : right,
    )
  }
}

/** Returns the text as the kind of value that it is compared with, if it reads as one. */
function likeKindOf(beside: Value, text: Value): Value {
  if (typeof beside === 'number') return numberIn(text) ?? undefined
  if (typeof beside === 'boolean') return truthIn(text) ?? undefined
  return text
}

function ofOneKind(left: Value, operator: Operator, right: Value): Truth {
  if (typeof left === 'number' && typeof right === 'number') {
    return truthOf(NUMBERS[operator](left, right))
  }
  const areTruths = typeof left === 'boolean' && typeof right === 'boolean'
  if (!areTruths || (operator !== '=' && operator !== '!=')) return UNKNOWN
  return truthOf((left === right) === (operator === '='))
}

function likes(name: Name, pieces: readonly string[]): Ask {
  const read = readerOf(name)
  const matches = likeOf(pieces)
  return facts => {
    facts.steps += 1
    const found = read(facts)
    if (typeof found !== 'string') return UNKNOWN
    if (found.length > SEARCHED_LENGTH_MAX) return UNKNOWN
    readsText(facts, found)
    return truthOf(matches(found))
  }
}

const NUMBERS: Readonly<Record<Operator, (left: number, right: number) => boolean>> = {
  '=': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
}

function truthOf(holds: boolean): Truth {
  return holds ? TRUE : FALSE
}

function numberOf(value: Value): number | null {
  return typeof value === 'number' ? value : null
}

function truthValueOf(value: Value): boolean | null {
  return typeof value === 'boolean' ? value : null
}

function truthIn(text: Value): boolean | null {
  if (text === 'true') return true
  return text === 'false' ? false : null
}

const SURROGATES = 0xd800
const BEYOND_SURROGATES = 0xe000

/** Returns the order of two texts by code points; by its own rule JavaScript puts surrogates before the characters from U+E000. */
export function orderOf(left: string, right: string): number {
  if (left === right) return 0
  const length = Math.min(left.length, right.length)
  for (let at = 0; at < length; at++) {
    const one = left.charCodeAt(at)
    const other = right.charCodeAt(at)
    if (one !== other) return rankOf(one) - rankOf(other)
  }
  return left.length - right.length
}

function rankOf(unit: number): number {
  if (unit < SURROGATES) return unit
  return unit >= BEYOND_SURROGATES ? unit - BEYOND_SURROGATES + SURROGATES : unit + 0x10_000
}

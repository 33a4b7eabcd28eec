// What an expression is made of, after it was read.

/** The most characters of an expression. */
export const EXPRESSION_LENGTH_MAX = 1_024
/** The most comparisons of an expression, with each value of an IN list. */
export const TERMS_MAX = 64
/** The most LIKE and comparisons of two names, which read texts as long as their publishers make them. */
export const SEARCHES_MAX = 8
/**
 * The most characters of a text that LIKE reads, or that `<` between two names does; a longer one is unknown to them. A search takes
 * 15 µs for as many.
 */
export const SEARCHED_LENGTH_MAX = 1_024
/** How deep parentheses and NOT may be within each other. */
export const DEPTH_MAX = 16
/** The most `%` of one pattern. */
export const WILDCARDS_MAX = 4

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>='

export type Literal = string | number | boolean

/** What a name stands for in a message. */
export type Name =
  | { readonly kind: 'topic' | 'qos' | 'retain' | 'publisher' | 'contentType' }
  /** A level of the topic, from 0. */
  | { readonly kind: 'level'; readonly index: number }
  | { readonly kind: 'payload'; readonly path: readonly string[] }
  | { readonly kind: 'property'; readonly name: string }

export interface Comparison {
  readonly kind: 'compare'
  readonly operator: Operator
  readonly name: Name
  readonly value: Literal
}

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | Comparison
  | {
      readonly kind: 'compare-names'
      readonly operator: Operator
      readonly name: Name
      readonly other: Name
    }
  | { readonly kind: 'in'; readonly name: Name; readonly values: readonly Literal[] }
  /** The pattern, divided at each `%`. */
  | { readonly kind: 'like'; readonly name: Name; readonly pieces: readonly string[] }
  | { readonly kind: 'exists'; readonly name: Name }

/** An expression that was read. */
export interface Syntax {
  readonly condition: Condition
  readonly terms: number
  /** How many LIKE and comparisons of two names it has. */
  readonly searches: number
  /** Whether any name is within the payload. */
  readonly readsPayload: boolean
}

/** Why a text is no expression. */
export class Unreadable {
  readonly sentence: string

  constructor(sentence: string) {
    this.sentence = sentence
  }
}

// The tokens of an expression: words, names in double quotes, texts in single quotes, numbers and signs.

export type Token =
  | {
      readonly kind: 'word' | 'quoted' | 'text' | 'sign' | 'query'
      readonly text: string
      readonly at: number
    }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: string; readonly at: number }

/** Is thrown while an expression is read, and caught where that began. */
export class SyntaxFault extends Error {
  readonly at: number

  constructor(what: string, at: number) {
    super(what)
    this.at = at
  }
}

const SPACE = /[ \t\r\n]*/y
// A name may have dots and hyphens, because there is no arithmetic.
const WORD = /[A-Za-z_$][A-Za-z0-9_$.-]*/y
// A number of JSON.
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_$.])/y
const TEXT = /'((?:[^']|'')*)'/y
const QUOTED = /"((?:[^"]|"")*)"/y
const SIGN = /<=|>=|<>|!=|[=<>(),.]/y

export class TokenReader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(expression: string) {
    this.#tokens = tokensOf(expression)
  }

  /** The next one that was not taken. */
  get token(): Token {
    return this.#tokens[this.#next] ?? NO_TOKEN
  }

  skip(): void {
    this.#next += 1
  }

  /** Takes the keyword if it is the next. It may have upper and lower case. */
  takes(keyword: string): boolean {
    const { kind, text } = this.token
    if (kind !== 'word' || text.toUpperCase() !== keyword) return false
    this.skip()
    return true
  }

  needs(keyword: string): void {
    if (!this.takes(keyword)) throw new SyntaxFault(`${keyword} is expected`, this.token.at)
  }

  takesSign(sign: string): boolean {
    const { kind, text } = this.token
    if (kind !== 'sign' || text !== sign) return false
    this.skip()
    return true
  }

  needsSign(sign: string): void {
    if (!this.takesSign(sign)) throw new SyntaxFault(`${sign} is expected`, this.token.at)
  }
}

const NO_TOKEN: Token = { kind: 'end', text: '', at: 0 }

function tokensOf(expression: string): readonly Token[] {
  const tokens: Token[] = []
  let at = endOf(SPACE, expression, 0)
  while (at < expression.length) {
    const token = tokenAt(expression, at)
    tokens.push(token)
    at = endOf(SPACE, expression, at + token.text.length)
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens.map(unquoted)
}

/** Returns the token as it is written, with its quotes. */
function tokenAt(expression: string, at: number): Token {
  const word = found(WORD, expression, at)
  if (word !== null) return { kind: 'word', text: word, at }
  const number = found(NUMBER, expression, at)
  if (number !== null) {
    const value = Number(number)
    if (!Number.isFinite(value)) throw new SyntaxFault('the number is too large', at)
    return { kind: 'number', value, text: number, at }
  }
  const text = found(TEXT, expression, at)
  if (text !== null) return { kind: 'text', text, at }
  const quoted = found(QUOTED, expression, at)
  if (quoted !== null) return { kind: 'quoted', text: quoted, at }
  const sign = found(SIGN, expression, at)
  if (sign !== null) return { kind: 'sign', text: sign, at }
  const character = expression[at]
  // The rest is in the short form of topic filters.
  if (character === '?') return { kind: 'query', text: expression.slice(at), at }
  if (character === "'" || character === '"') {
    throw new SyntaxFault('the quote is not closed', at)
  }
  throw new SyntaxFault('no value, name or operator is written like this', at)
}

/** A quote within is written twice. */
function unquoted(token: Token): Token {
  if (token.kind !== 'text' && token.kind !== 'quoted') return token
  const quote = token.kind === 'text' ? "'" : '"'
  const text = token.text.slice(1, -1).replaceAll(quote + quote, quote)
  return { ...token, text }
}

function found(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}

function endOf(pattern: RegExp, text: string, at: number): number {
  return at + (found(pattern, text, at)?.length ?? 0)
}

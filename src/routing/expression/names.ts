// The names and values in an expression.

import type { Literal, Name } from './syntax.ts'
import { SyntaxFault, type Token, type TokenReader } from './tokens.ts'

const KEYWORDS = new Set([
  'AND',
  'OR',
  'NOT',
  'BETWEEN',
  'IN',
  'LIKE',
  'EXISTS',
  'IS',
  'NULL',
  'TRUE',
  'FALSE',
])

const LEVEL = /^[1-9][0-9]{0,4}$/

/** A keyword is a name in double quotes only. */
export function isName({ kind, text }: Token): boolean {
  return kind === 'quoted' || (kind === 'word' && !KEYWORDS.has(text.toUpperCase()))
}

export function literalIn(tokens: TokenReader): Literal {
  const { token } = tokens
  if (tokens.takes('TRUE')) return true
  if (tokens.takes('FALSE')) return false
  if (token.kind !== 'text' && token.kind !== 'number') {
    const hint = token.kind === 'quoted' ? ' (a text is in single quotes)' : ''
    throw new SyntaxFault(`a value is expected${hint}`, token.at)
  }
  tokens.skip()
  return token.kind === 'number' ? token.value : token.text
}

export function nameIn(tokens: TokenReader): Name {
  const { token } = tokens
  if (!isName(token)) throw new SyntaxFault('a name is expected', token.at)
  tokens.skip()
  if (token.kind === 'quoted') return { kind: 'property', name: token.text }
  return nameOf(token, quotedKeys(token, tokens))
}

/** Returns the keys behind a word that ends with a dot: `payload."a b".c` has some in quotes. */
function quotedKeys(word: Token, tokens: TokenReader): readonly string[] {
  const keys: string[] = []
  let isOpen = word.text.endsWith('.')
  while (isOpen) {
    const { kind, text, at } = tokens.token
    if (kind !== 'quoted' && kind !== 'word') throw new SyntaxFault('a key is expected', at)
    tokens.skip()
    if (kind === 'quoted') {
      keys.push(text)
      isOpen = tokens.takesSign('.')
    } else {
      isOpen = text.endsWith('.')
      for (const key of (isOpen ? text.slice(0, -1) : text).split('.')) keys.push(key)
    }
  }
  return keys
}

/** Returns what a name without quotes stands for, whatever characters it has. */
export function nameFrom(text: string, at: number): Name {
  return nameOf({ kind: 'word', text, at }, [])
}

/** `quotedKeys`: what follows a word that ends with a dot. */
function nameOf({ text, at }: Token, quotedKeys: readonly string[]): Name {
  const [first, ...rest] = (quotedKeys.length > 0 ? text.slice(0, -1) : text).split('.')
  if (first === 'payload') {
    const path = [...rest, ...quotedKeys]
    if (path.length === 0 || path.includes('')) {
      throw new SyntaxFault('payload is followed by keys, as in payload.temperature', at)
    }
    return { kind: 'payload', path }
  }
  if (quotedKeys.length > 0) {
    throw new SyntaxFault('only names within the payload have parts in quotes', at)
  }
  if (text.endsWith('.')) throw new SyntaxFault('a name does not end with a dot', at)
  if (first === 'topic' && rest.length > 0) return levelOf(rest, at)
  switch (text) {
    case 'topic':
    case 'qos':
    case 'retain':
    case 'publisher':
    case 'contentType':
      return { kind: text }
    default:
      return { kind: 'property', name: text }
  }
}

function levelOf([number = '', ...rest]: readonly string[], at: number): Name {
  if (rest.length > 0 || !LEVEL.test(number)) {
    throw new SyntaxFault('topic is followed by the number of a level, as in topic.1', at)
  }
  return { kind: 'level', index: Number(number) - 1 }
}

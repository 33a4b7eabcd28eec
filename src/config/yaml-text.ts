// YAML, read in a time that grows with its length, because the API reads any text. The parser itself would compare each key of a map with
// all others, and show the place of each error in its sentence: 48 KB took 14 s. Collections within collections it reads by recursion, and V8
// ends the process if a regular expression is compiled at the end of the stack.

import {
  Composer,
  type CST,
  Document,
  isScalar,
  Lexer,
  type LineCounter,
  Parser,
  visit,
  type YAMLMap,
  YAMLParseError,
} from 'yaml'

/** How deep collections may be within one another. */
const DEPTH_MAX = 64

/** What may come from far has at most so many. */
const LEXEMES_MAX = 16_384

interface Mistake {
  readonly sentence: string
  readonly offset: number
}

/** The document may have mistakes: see `mistakeIn`. */
export function parseYaml(text: string, lineCounter?: LineCounter): Document {
  const composer = new Composer({ stringKeys: true, prettyErrors: false, uniqueKeys: false })
  let found: Document | null = null
  const { stackTraceLimit } = Error
  // Each of 48,000 mistakes would have a stack of its own.
  Error.stackTraceLimit = 0
  try {
    for (const document of composer.compose(tokensOf(text, lineCounter), true, text.length)) {
      if (found === null) found = document
      else {
        const sentence = 'there is more than one document'
        found.errors.push(errorAt(document.range?.[0] ?? 0, sentence))
        break
      }
    }
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    found = new Document(null)
    found.errors.push(error)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return found ?? new Document(null)
}

/** Whether it has so many words and signs that reading it would hold the broker. A file of 400 users has 7,000. */
export function isLongYaml(text: string): boolean {
  let count = 0
  for (const _ of new Lexer().lex(text)) {
    count += 1
    if (count > LEXEMES_MAX) return true
  }
  return false
}

/** Throws YAMLParseError where collections are too deep within one another. */
function* tokensOf(text: string, lineCounter?: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lineCounter?.addNewLine)
  lineCounter?.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    let isWrong = false
    for (const token of parser.next(lexeme)) {
      isWrong ||= token.type === 'error'
      yield token
    }
    // What is behind the first mistake is not read.
    if (isWrong) break
    if (parser.stack.length <= DEPTH_MAX) continue
    throw errorAt(parser.offset, `more than ${DEPTH_MAX} collections are within one another`)
  }
  yield* parser.end()
}

function errorAt(offset: number, sentence: string): YAMLParseError {
  return new YAMLParseError([offset, offset + 1], 'IMPOSSIBLE', sentence)
}

/** Returns the first thing that is no YAML, or else a key that a map has twice; null if there is none. */
export function mistakeIn(document: Document): Mistake | null {
  const [error] = document.errors
  if (error !== undefined) return { sentence: error.message, offset: error.pos[0] }
  let offset: number | null = null
  visit(document, {
    Map: (_, map) => {
      offset = repeatedIn(map)
      return offset === null ? undefined : visit.BREAK
    },
  })
  return offset === null ? null : { sentence: 'Map keys must be unique', offset }
}

function repeatedIn(map: YAMLMap): number | null {
  const names = new Set<unknown>()
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    if (names.has(key.value)) return key.range?.[0] ?? 0
    names.add(key.value)
  }
  return null
}

// Reads JSON and keeps the line of every value, so that a mistake can be named by its line. An object that has a name twice is
// refused: programs do not agree which of both counts.

/** The deepest nesting. */
const DEPTH_MAX = 32

export type JsonValue = { readonly line: number } & (
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonMember> }
  | { readonly kind: 'array'; readonly items: readonly JsonValue[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'boolean'; readonly is: boolean }
  | { readonly kind: 'null' }
)

export interface JsonMember {
  /** As it is written. The key of the map is in lower case. */
  readonly name: string
  readonly value: JsonValue
}

export class WrongJson extends Error {
  readonly line: number

  constructor(line: number, sentence: string) {
    super(sentence)
    this.line = line
  }
}

/** Throws WrongJson. Its sentence has nothing of the text, which may be secret. */
export function parseJson(text: string): JsonValue {
  return new Reading(text).whole()
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** A string with its quotes. Control characters must be escaped. */
// eslint-disable-next-line no-control-regex
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y
const WORDS = { true: true, false: false, null: null } as const

class Reading {
  readonly #text: string
  #at = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  whole(): JsonValue {
    const value = this.#value(0)
    this.#skipBlanks()
    if (this.#at < this.#text.length) this.#wrong('something follows the end of the JSON value')
    return value
  }

  #value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) this.#wrong(`JSON is nested more than ${DEPTH_MAX} deep`)
    this.#skipBlanks()
    const line = this.#line
    switch (this.#text[this.#at]) {
      case '{':
        return { line, kind: 'object', members: this.#members(depth) }
      case '[':
        return { line, kind: 'array', items: this.#items(depth) }
      case '"':
        return { line, kind: 'string', text: this.#string() }
      default:
        return this.#wordOrNumber(line)
    }
  }

  #members(depth: number): ReadonlyMap<string, JsonMember> {
    const members = new Map<string, JsonMember>()
    this.#at++
    for (let isFirst = true; !this.#ends('}', isFirst); isFirst = false) {
      this.#skipBlanks()
      if (this.#text[this.#at] !== '"') this.#wrong('a name in quotes is expected')
      const name = this.#string()
      this.#skipBlanks()
      if (this.#text[this.#at] !== ':') this.#wrong('a colon is expected behind a name')
      this.#at++
      const key = name.toLowerCase()
      if (members.has(key)) this.#wrong('this object has a name twice')
      members.set(key, { name, value: this.#value(depth + 1) })
    }
    return members
  }

  #items(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = []
    this.#at++
    for (let isFirst = true; !this.#ends(']', isFirst); isFirst = false) {
      items.push(this.#value(depth + 1))
    }
    return items
  }

  /** Reads the end of an object or array, or the comma before its next element. */
  #ends(end: string, isFirst: boolean): boolean {
    this.#skipBlanks()
    const sign = this.#text[this.#at]
    if (sign === end) {
      this.#at++
      return true
    }
    if (isFirst) return false
    if (sign !== ',') this.#wrong(`a comma or ${end} is expected`)
    this.#at++
    return false
  }

  #string(): string {
    const written = this.#match(STRING)
    if (written === null) this.#wrong('a string is not well formed')
    return written.includes('\\') ? (JSON.parse(written) as string) : written.slice(1, -1)
  }

  #wordOrNumber(line: number): JsonValue {
    for (const [word, is] of Object.entries(WORDS)) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return is === null ? { line, kind: 'null' } : { line, kind: 'boolean', is }
    }
    const written = this.#match(NUMBER)
    if (written === null) this.#wrong('a JSON value is expected')
    return { line, kind: 'number', number: Number(written) }
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) return null
    this.#at += found.length
    return found
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x0a) this.#line++
      else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) return
      this.#at++
    }
  }

  #wrong(sentence: string): never {
    throw new WrongJson(this.#line, sentence)
  }
}

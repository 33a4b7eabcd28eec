// What expressions ask about one message. What is dear, the levels of the topic and the payload, is read once, and only if it is asked for.

import type { Message } from '../../message.ts'
import type { Name } from './syntax.ts'

/** A longer payload is not read: names within it are absent. */
const READ_PAYLOAD_BYTES_MAX = 65_536

/** Absent is undefined; an object or array of the payload is `OTHER`, which nothing compares with. */
const OTHER: unique symbol = Symbol('other')
export type Value = string | number | boolean | typeof OTHER | undefined

/** Characters or bytes that are read in one step, as a power of two. A step is about as dear as a term. */
export const READ_BITS = 4

const OPENING_BRACE = 0x7b
const SPACES_MAX = 64

type Json = Readonly<Record<string, unknown>>

export class Facts {
  /** The steps that were taken since the count was last read. */
  steps = 0
  #message: Message | null = null
  #levels: readonly string[] | null = null
  /** Null: it is not read yet. */
  #payload: Json | 'none' | null = null

  /** From now on it answers about this message. */
  about(message: Message): void {
    if (this.#message === message) return
    this.#message = message
    this.#levels = null
    this.#payload = null
  }

  /** Keeps nothing of the last message. */
  forget(): void {
    this.#message = null
    this.#levels = null
    this.#payload = null
  }

  get message(): Message {
    if (this.#message === null) throw new Error('it is asked about no message')
    return this.#message
  }

  /** Returns the last value of the user property. */
  property(name: string): string | undefined {
    const { userProperties } = this.message.properties
    if (userProperties === undefined) return undefined
    for (let index = userProperties.length - 1; index >= 0; index--) {
      const pair = userProperties[index]
      if (pair !== undefined && pair[0] === name) {
        this.steps += (userProperties.length - index) >> READ_BITS
        return pair[1]
      }
    }
    this.steps += userProperties.length >> READ_BITS
    return undefined
  }

  level(index: number): string | undefined {
    if (this.#levels === null) {
      const { topic } = this.message
      this.steps += 1 + (topic.length >> READ_BITS)
      this.#levels = topic.split('/')
    }
    return this.#levels[index]
  }

  /** Returns what the own keys of the payload's objects lead to; null of JSON is absent. */
  payload(path: readonly string[]): Value {
    this.#payload ??= this.#read()
    let found: unknown = this.#payload === 'none' ? undefined : this.#payload
    for (const key of path) {
      if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
      // The properties of an object of JSON are its own.
      found = Object.hasOwn(found, key) ? (found as Json)[key] : undefined
    }
    if (typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean') {
      return found
    }
    return found === null || found === undefined ? undefined : OTHER
  }

  #read(): Json | 'none' {
    const { payload } = this.message
    if (payload.length > READ_PAYLOAD_BYTES_MAX || !beginsWithBrace(payload)) return 'none'
    this.steps += payload.length >> (READ_BITS - 2)
    try {
      // It begins with a brace, so it is an object.
      return JSON.parse(payload.toString()) as Json
    } catch {
      return 'none'
    }
  }
}

/** Counts the characters of a text that a comparison has read. */
export function readsText(facts: Facts, text: string): void {
  facts.steps += text.length >> READ_BITS
}

/** Most payloads that are no JSON object are told apart by this, without the cost of an exception. */
function beginsWithBrace(payload: Buffer): boolean {
  for (let at = 0; at < SPACES_MAX; at++) {
    const byte = payload[at]
    if (byte === OPENING_BRACE) return true
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false
  }
  return false
}

/** Returns how a name is looked up. */
export function readerOf(name: Name): (facts: Facts) => Value {
  switch (name.kind) {
    case 'topic':
      return facts => facts.message.topic
    case 'qos':
      return facts => facts.message.qos
    case 'retain':
      return facts => facts.message.retain
    case 'publisher':
      return facts => facts.message.publisher ?? undefined
    case 'contentType':
      return facts => facts.message.properties.contentType
    case 'level': {
      const { index } = name
      return facts => facts.level(index)
    }
    case 'payload': {
      const { path } = name
      return facts => facts.payload(path)
    }
    case 'property': {
      const { name: property } = name
      return facts => facts.property(property)
    }
  }
}

/** Whether a text of this name may stand for a number or a truth value: nothing says of which kind it is. */
export function isUntyped({ kind }: Name): boolean {
  return kind === 'property' || kind === 'level'
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/
/** Longer texts are no numbers. */
const NUMBER_LENGTH_MAX = 64

/** Returns the number that a text is in JSON, or null. */
export function numberIn(text: Value): number | null {
  if (typeof text !== 'string' || text.length > NUMBER_LENGTH_MAX || !NUMBER.test(text)) return null
  const number = Number(text)
  return Number.isFinite(number) ? number : null
}

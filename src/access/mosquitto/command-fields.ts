// The members of one command of the dynamic security, which is refused with the words of mosquitto.

import type { JsonValue } from '../json-lines.ts'
import { hasForbidden } from '../../packet/text.ts'
import { JsonFields } from './json-fields.ts'
import { type Priorities, NO_PRIORITY, priorityIn } from './security-document.ts'

/** Its message is the error of the answer. */
export class CommandRefused extends Error {}

interface GivenTexts {
  textname?: string | null
  textdescription?: string | null
}

const NAME_BYTES_MAX = 65_535
/** It has no bytes in UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u

export class CommandFields {
  /** What has a wrong type counts as left out. */
  readonly lenient: JsonFields
  readonly #strict: JsonFields
  readonly #value: JsonValue
  #isWrong = false

  constructor(value: JsonValue) {
    this.#value = value
    this.lenient = new JsonFields(value, [], { wrong: () => {}, doubtful: () => {} })
    this.#strict = new JsonFields(value, [], {
      wrong: () => (this.#isWrong = true),
      doubtful: () => {},
    })
  }

  has(key: string): boolean {
    return this.#value.kind === 'object' && this.#value.members.has(key)
  }

  hasList(key: string): boolean {
    return this.#value.kind === 'object' && this.#value.members.get(key)?.value.kind === 'array'
  }

  /** A text that must be there. It may be empty. */
  needed(key: string): string {
    const text = this.text(key)
    if (text === null) throw new CommandRefused(`Invalid/missing ${key}`)
    return text
  }

  /** Null if it is left out. */
  text(key: string, refusal: string = `Invalid/missing ${key}`): string | null {
    return this.#read(refusal, fields => fields.text(key))
  }

  /** Those that are given. An empty one is none. */
  texts(): GivenTexts {
    const given: GivenTexts = {}
    for (const key of ['textname', 'textdescription'] as const) {
      const text = this.text(key)
      if (text !== null) given[key] = text === '' ? null : text
    }
    return given
  }

  /** Null if the list is left out. Whoever is named twice has the first priority. */
  priorities(list: string, key: string): Priorities | null {
    const refusal = `'${list}' not an array or missing/invalid ${key}`
    if (!this.has(list)) return null
    return this.#read(refusal, fields => {
      const found: Priorities = new Map()
      for (const each of fields.objects(list, [])) {
        const name = each.needed(key) ?? ''
        if (!found.has(name)) found.set(name, priorityIn(each, NO_PRIORITY))
      }
      return found
    })
  }

  /** Refuses a name that no packet could have. */
  assertText(text: string, what: string): void {
    if (LONE_SURROGATE.test(text) || hasForbidden(text)) {
      throw new CommandRefused(`${what} not valid UTF-8`)
    }
    if (Buffer.byteLength(text) > NAME_BYTES_MAX) throw new CommandRefused(`${what} is too long`)
  }

  #read<Value>(refusal: string, read: (fields: JsonFields) => Value): Value {
    this.#isWrong = false
    const value = read(this.#strict)
    if (this.#isWrong) throw new CommandRefused(refusal)
    return value
  }
}

// The members of one JSON object, read by their names and types. mosquitto finds names in any case.

import type { JsonMember, JsonValue } from '../json-lines.ts'

/** Is called with what is wrong, or only doubtful, and its line. */
interface JsonComplaints {
  readonly wrong: (line: number, sentence: string) => void
  readonly doubtful: (line: number, sentence: string) => void
}

const NO_MEMBERS: ReadonlyMap<string, JsonMember> = new Map()

export class JsonFields {
  readonly line: number
  readonly #members: ReadonlyMap<string, JsonMember>
  readonly #complaints: JsonComplaints

  /** `names` are the known names, in lower case. Others are ignored, with a warning. */
  constructor(value: JsonValue, names: readonly string[], complaints: JsonComplaints) {
    this.line = value.line
    this.#complaints = complaints
    this.#members = value.kind === 'object' ? value.members : NO_MEMBERS
    if (value.kind !== 'object') complaints.wrong(value.line, 'an object is expected')
    for (const [key, { name, value: member }] of this.#members) {
      if (names.includes(key)) continue
      complaints.doubtful(member.line, `${JSON.stringify(name.slice(0, 60))} is no known name`)
    }
  }

  text(key: string): string | null {
    const value = this.#value(key, 'string')
    return value?.kind === 'string' ? value.text : null
  }

  /** A text that must be there, and not empty. */
  needed(key: string): string | null {
    const text = this.text(key)
    if (text !== null && text !== '') return text
    if (this.#members.get(key)?.value.kind === 'string') {
      this.#complaints.wrong(this.line, `${key} is empty`)
    } else if (!this.#members.has(key)) this.#complaints.wrong(this.line, `${key} is missing`)
    return null
  }

  boolean(key: string): boolean | null {
    const value = this.#value(key, 'boolean')
    return value?.kind === 'boolean' ? value.is : null
  }

  whole(key: string): number | null {
    const value = this.#value(key, 'number')
    if (value?.kind !== 'number') return null
    if (Number.isSafeInteger(value.number)) return value.number
    this.#complaints.wrong(value.line, `${key} is no whole number`)
    return null
  }

  object(key: string, names: readonly string[]): JsonFields | null {
    const value = this.#value(key, 'object')
    return value === null ? null : new JsonFields(value, names, this.#complaints)
  }

  objects(key: string, names: readonly string[]): readonly JsonFields[] {
    const value = this.#value(key, 'array')
    if (value?.kind !== 'array') return []
    return value.items.map(each => new JsonFields(each, names, this.#complaints))
  }

  #value(key: string, kind: JsonValue['kind']): JsonValue | null {
    const value = this.#members.get(key)?.value
    if (value === undefined) return null
    if (value.kind === kind) return value
    this.#complaints.wrong(value.line, `${key} must be a JSON ${kind}`)
    return null
  }
}

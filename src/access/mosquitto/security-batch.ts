// One message of commands of the dynamic security, and its answer.

import { type JsonValue, parseJson, WrongJson } from '../json-lines.ts'
import { AccessFileError, utf8TextOf } from '../access-file.ts'
import type { CommandContext } from './command-context.ts'
import { CommandFields, CommandRefused } from './command-fields.ts'
import { commandNamed } from './security-commands.ts'

/** The answer to one message. More would be a way to fill the memory with a short message. */
const ANSWER_BYTES_MAX = 4_194_304
const TOO_LONG = 'The answer is too long: ask with count and offset'

interface Answer {
  readonly command: string
  readonly data?: object
  readonly error?: string
  readonly correlationData?: string
}

export class SecurityBatch {
  /** The names of the commands that have changed something. */
  readonly changed: string[] = []
  refused = 0
  readonly #answers: string[] = []
  /** The places of those that have changed something. */
  readonly #changing: { readonly at: number; readonly answer: Answer }[] = []
  readonly #commands: readonly JsonValue[]
  #next = 0
  #bytes = 0

  constructor(payload: Buffer) {
    const commands = commandsIn(payload)
    this.#commands = Array.isArray(commands) ? commands : []
    if (typeof commands === 'string') this.#refuse(UNKNOWN, commands)
  }

  /** Runs up to so many commands. Returns whether there are more. */
  run(context: CommandContext, countMax: number): boolean {
    const end = Math.min(this.#commands.length, this.#next + countMax)
    while (this.#next < end) {
      const command = this.#commands[this.#next]
      this.#next += 1
      if (command === undefined || !this.#runOne(command, context)) return false
    }
    return end < this.#commands.length
  }

  /** The changes could not be stored: none was made. */
  failed(sentence: string): void {
    for (const { at, answer } of this.#changing) {
      this.#answers[at] = JSON.stringify({ ...answer, error: sentence })
    }
    this.changed.length = 0
  }

  get answer(): string {
    return `{"responses":[${this.#answers.join(',')}]}`
  }

  /** Returns false if nothing after it is read. */
  #runOne(value: JsonValue, context: CommandContext): boolean {
    if (value.kind !== 'object') {
      this.#refuse(UNKNOWN, 'Command not an object')
      return false
    }
    const name = textOf(value, 'command')
    if (name === null) {
      this.#refuse(UNKNOWN, 'Missing command')
      return true
    }
    const correlationData = textOf(value, 'correlationdata')
    if (correlationData === null && value.members.has('correlationdata')) {
      this.#refuse(name, 'Invalid correlationData data type.')
      return false
    }
    this.#answer(name, new CommandFields(value), context, correlationData)
    return true
  }

  #answer(
    name: string,
    fields: CommandFields,
    context: CommandContext,
    correlation: string | null,
  ): void {
    const known = commandNamed(name)
    if (known === null) {
      this.#refuse(name, 'Unknown command', correlation)
      return
    }
    if (this.#bytes > ANSWER_BYTES_MAX && !known.changes) {
      this.#refuse(known.name, TOO_LONG, correlation)
      return
    }
    try {
      const data = known.run(context, fields)
      const answer = { command: known.name, ...(data !== null && { data }), ...echoed(correlation) }
      if (known.changes) {
        this.changed.push(known.name)
        this.#changing.push({ at: this.#answers.length, answer })
      }
      this.#add(answer)
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error
      this.#refuse(known.name, error.message, correlation)
    }
  }

  #refuse(command: string, error: string, correlation: string | null = null): void {
    this.refused += 1
    this.#answers.push(JSON.stringify({ command, error, ...echoed(correlation) }))
  }

  #add(answer: Answer): void {
    const text = JSON.stringify(answer)
    this.#bytes += text.length
    if (this.#bytes <= ANSWER_BYTES_MAX || answer.data === undefined) {
      this.#answers.push(text)
      return
    }
    this.#refuse(answer.command, TOO_LONG, answer.correlationData ?? null)
  }
}

const UNKNOWN = 'Unknown command'

function echoed(correlation: string | null): { readonly correlationData?: string } {
  return correlation === null ? {} : { correlationData: correlation }
}

/** Returns the commands, or why there are none. */
function commandsIn(payload: Buffer): readonly JsonValue[] | string {
  try {
    const whole = parseJson(utf8TextOf(payload, 'the message'))
    const commands = whole.kind === 'object' ? whole.members.get('commands')?.value : undefined
    return commands?.kind === 'array' ? commands.items : 'Invalid/missing commands'
  } catch (error) {
    if (!(error instanceof WrongJson || error instanceof AccessFileError)) throw error
    return 'Payload not valid JSON'
  }
}

function textOf(value: JsonValue, key: string): string | null {
  const member = value.kind === 'object' ? value.members.get(key)?.value : undefined
  return member?.kind === 'string' ? member.text : null
}

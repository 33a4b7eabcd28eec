// The grammar of transactions: `$tx/ID/publish/TOPIC`, `$tx/ID/ack`, `$tx/ID/commit`, and the user property `$tx`.

import { lastValue, type UserProperty } from '../../packet/packet.ts'
import type { TransactionTopic } from '../../packet/transaction-topics.ts'
import { isOfTransactions } from '../../routing/topic.ts'

/** What becomes of its transactions comes to a client that subscribes to this. */
export const OUTCOME = '$tx/outcome'
/** The ids of its prepared transactions that wait for a decision. */
export const UNDECIDED = '$tx/undecided'
/** What may be subscribed to. */
export const ANSWERS: ReadonlySet<string> = new Set([OUTCOME, UNDECIDED])

/** With this user property an ordinary PUBLISH is staged in the transaction. */
const PROPERTY = '$tx'
const PREFIX = '$tx/'
const PUBLISH = 'publish/'
/** A name, a dot and 16 digits. */
const ID_LENGTH_MAX = 65
const NAME_LENGTH_MAX = 48
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const LETTER_A = 0x61
const LETTER_Z = 0x7a
const LOWER_CASE = 0x20
const UNDERSCORE = 0x5f
const HYPHEN = 0x2d
const COMMANDS: ReadonlySet<string> = new Set(['ack', 'commit', 'abort', 'prepare'] as const)

export interface TransactionId {
  /** `NAME.N`. */
  readonly text: string
  readonly name: string
  readonly number: number
}

export const UNREADABLE_ID =
  'the id of a transaction is NAME.N: up to 48 letters, digits, - and _, a dot, and a number'
export const UNREADABLE =
  'behind $tx/ comes NAME.N/publish/TOPIC, NAME.N/ack, NAME.N/commit, NAME.N/abort or NAME.N/prepare'

/** Returns what the PUBLISH asks for, by its topic or by its user property; or a sentence, if that cannot be read. */
export function requestIn(
  topic: string,
  userProperties: readonly UserProperty[] | undefined,
): TransactionTopic | string {
  if (!isOfTransactions(topic)) {
    return { whole: topic, id: propertyIn(userProperties) ?? '', command: '', topic }
  }
  const end = topic.indexOf('/', PREFIX.length)
  if (end === -1) return UNREADABLE
  const id = topic.slice(PREFIX.length, end)
  const rest = topic.slice(end + 1)
  if (rest === '') return UNREADABLE
  if (!rest.startsWith(PUBLISH)) return { whole: topic, id, command: rest, topic: '' }
  return { whole: topic, id, command: '', topic: rest.slice(PUBLISH.length) }
}

/** Returns the value of the user property `$tx`; null without one. */
export function propertyIn(userProperties: readonly UserProperty[] | undefined): string | null {
  return lastValue(userProperties, PROPERTY)
}

/** `lastName`: the name of another id, which need not be checked again. */
export function idIn(text: string, lastName = ''): TransactionId | null {
  const dot = text.indexOf('.')
  // No longer text is looked at.
  const isReadable = text.length <= ID_LENGTH_MAX && dot > 0 && dot <= NAME_LENGTH_MAX
  if (!isReadable) return null
  const isLast = dot === lastName.length && text.startsWith(lastName)
  if (!isLast && !isName(text, dot)) return null
  const number = numberBehind(text, dot)
  return number === -1 ? null : { text, name: isLast ? lastName : text.slice(0, dot), number }
}

/** Whether all is of `A-Za-z0-9_-` up to the end. */
function isName(text: string, end: number): boolean {
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index)
    const isLetter = (code | LOWER_CASE) >= LETTER_A && (code | LOWER_CASE) <= LETTER_Z
    if (!isLetter && !isDigit(code) && code !== UNDERSCORE && code !== HYPHEN) return false
  }
  return true
}

/** Returns the number that ends the text, which has no needless zeros; -1 for none. */
function numberBehind(text: string, dot: number): number {
  const first = dot + 1
  const { length } = text
  if (first === length || (text.charCodeAt(first) === DIGIT_0 && length > first + 1)) return -1
  let number = 0
  for (let index = first; index < length; index++) {
    const code = text.charCodeAt(index)
    if (!isDigit(code)) return -1
    number = 10 * number + (code - DIGIT_0)
  }
  return Number.isSafeInteger(number) ? number : -1
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9
}

export function isCommand(text: string): text is 'ack' | 'commit' | 'abort' | 'prepare' {
  return COMMANDS.has(text)
}

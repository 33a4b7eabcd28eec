// The grammar of transactions: `$tx/ID/publish/TOPIC`, `$tx/ID/ack`, `$tx/ID/commit`, and the user property `$tx`.

import { lastValue, type UserProperty } from '../../packet/packet.ts'
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
const SLASH = 0x2f
const ID = /^([A-Za-z0-9_-]{1,48})\.(0|[1-9][0-9]{0,15})$/
const COMMANDS: ReadonlySet<string> = new Set(['ack', 'commit', 'abort', 'prepare'] as const)

export interface TransactionId {
  /** `NAME.N`. */
  readonly text: string
  readonly name: string
  readonly number: number
}

/** `topic`: where a staged message is to be published; empty for the others. */
export interface TransactionRequest {
  readonly verb: 'publish' | 'ack' | 'commit' | 'abort' | 'prepare'
  readonly id: TransactionId
  readonly topic: string
}

const UNREADABLE_ID =
  'the id of a transaction is NAME.N: up to 48 letters, digits, - and _, a dot, and a number'
const UNREADABLE =
  'behind $tx/ comes NAME.N/publish/TOPIC, NAME.N/ack, NAME.N/commit, NAME.N/abort or NAME.N/prepare'

/**
 * Returns what the PUBLISH asks for; or a sentence, if that cannot be read. It is a request by its topic, or by its user property. `last`:
 * the id that was read last, because those of one transaction come one after the other.
 */
export function requestIn(
  topic: string,
  userProperties: readonly UserProperty[] | undefined,
  last: TransactionId | null = null,
): TransactionRequest | string {
  if (!isOfTransactions(topic)) {
    const text = propertyIn(userProperties) ?? ''
    const id = text === last?.text ? last : idIn(text)
    return id === null ? UNREADABLE_ID : { verb: 'publish', id, topic }
  }
  const isLast = last !== null && isOf(topic, last)
  const end = isLast ? PREFIX.length + last.text.length : topic.indexOf('/', PREFIX.length)
  if (end === -1) return UNREADABLE
  const id = isLast ? last : idIn(topic.slice(PREFIX.length, end))
  if (id === null) return UNREADABLE_ID
  if (topic.startsWith('publish/', end + 1)) {
    return { verb: 'publish', id, topic: topic.slice(end + 9) }
  }
  const verb = topic.slice(end + 1)
  return isCommand(verb) ? { verb, id, topic: '' } : UNREADABLE
}

/** Whether the topic is one of this transaction. */
function isOf(topic: string, { text }: TransactionId): boolean {
  return (
    topic.charCodeAt(PREFIX.length + text.length) === SLASH && topic.startsWith(text, PREFIX.length)
  )
}

/** Returns the value of the user property `$tx`; null without one. */
export function propertyIn(userProperties: readonly UserProperty[] | undefined): string | null {
  return lastValue(userProperties, PROPERTY)
}

export function idIn(text: string): TransactionId | null {
  // No longer text is looked at.
  if (text.length > 65) return null
  const [, name = '', digits = ''] = ID.exec(text) ?? []
  const number = Number(digits)
  return name === '' || !Number.isSafeInteger(number) ? null : { text, name, number }
}

function isCommand(text: string): text is 'ack' | 'commit' | 'abort' | 'prepare' {
  return COMMANDS.has(text)
}

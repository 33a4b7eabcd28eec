// Conflated subscriptions: what may be asked for, which rules of the operator make others conflated, and what the conflations of all
// clients share. See `session/conflation.ts`.

import { type Message, withOwnBytes } from '../message.ts'
import { covers } from '../routing/filter-relations.ts'
import { CONFLATE_MS_MAX, type Subscription } from '../routing/subscription.ts'
import type { Conflating } from '../session/conflation.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Statistics } from './statistics.ts'

/** Subscriptions to topics of the filter alone are conflated; of all users, or of these. */
export interface ConflationRule {
  readonly filter: string
  readonly users?: readonly string[] | undefined
  readonly milliseconds: number
}

interface ConflationsContext {
  readonly deadlines: Deadlines
  readonly statistics: Statistics
}

export class Conflations implements Conflating {
  readonly rules: readonly ConflationRule[]
  readonly #context: ConflationsContext
  /** The message that was copied last, and its copy. */
  #last: { readonly message: Message; readonly copy: Message } | null = null

  constructor(rules: readonly ConflationRule[], context: ConflationsContext) {
    this.rules = rules
    this.#context = context
  }

  setDeadline(topic: Deadline, at: number): void {
    this.#context.deadlines.set(topic, at)
  }

  clearDeadline(topic: Deadline): void {
    this.#context.deadlines.clear(topic)
  }

  ownCopyOf(message: Message): Message {
    if (this.#last?.message === message) return this.#last.copy
    const copy = withOwnBytes(message)
    this.#last = { message, copy }
    return copy
  }

  replaced(): void {
    this.#context.statistics.messagesConflated += 1
  }

  passedThrough(limit: 'conflatedTopicsMax' | 'conflatedBytesMax'): void {
    this.#context.statistics.limited[limit] += 1
  }
}

/** Returns the interval of the first rule that the subscription comes under. */
export function ruleFor(
  rules: readonly ConflationRule[],
  topicFilter: string,
  username: string | null,
): { readonly conflateMs: number } | null {
  const rule = rules.find(
    ({ filter, users }) =>
      covers(filter, topicFilter) &&
      (users === undefined || (username !== null && users.includes(username))),
  )
  return rule === undefined ? null : { conflateMs: rule.milliseconds }
}

/** Returns why the subscription cannot be conflated, or null. */
export function conflationFault({ conflateMs, shareName, queue }: Subscription): string | null {
  if (conflateMs === undefined) return null
  if (shareName !== null)
    return 'a shared subscription is not conflated: its messages are shared out'
  if (queue !== undefined)
    return 'a named queue is not conflated: each of its messages is handed out'
  if (conflateMs >= 1 && conflateMs <= CONFLATE_MS_MAX) return null
  return '$conflate-ms is no whole number from 0 to 3,600,000'
}

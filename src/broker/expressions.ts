// The expressions of all subscriptions. Equal ones are one object, which is asked once a message. All of it is work of the turn.

import type { Message } from '../message.ts'
import {
  type Expression,
  nothingFor,
  readExpression,
  Unreadable,
} from '../routing/expression/expression.ts'
import { Facts } from '../routing/expression/facts.ts'
import { type Match, type Router, wantedOf } from '../routing/router.ts'
import type { RoutedSubscription, Subscription } from '../routing/subscription.ts'
import type { Limits } from '../limits.ts'
import type { Target } from '../session/target.ts'
import type { ConflationRule } from './conflations.ts'
import type { Statistics } from './statistics.ts'

export interface SubscriptionSettings {
  /** Whether an expression may stand behind a `?` in a topic filter. */
  readonly filterInTopic: boolean
  /** Whether expressions may ask about the payload. */
  readonly payloadFilters: boolean
  /** Left out for none. */
  readonly conflate?: readonly ConflationRule[]
}

export const PLAIN_SUBSCRIPTIONS: SubscriptionSettings = {
  filterInTopic: false,
  payloadFilters: true,
}

interface ExpressionsContext {
  readonly limits: Limits
  readonly statistics: Statistics
  turnWorkLeft: number
}

interface Held {
  readonly expression: Expression
  readonly isUnreadable: boolean
  holders: number
}

/** Matches that are looked at in one unit of work, as a power of two. */
const MATCHES_PER_UNIT_BITS = 4

export class Expressions {
  readonly settings: SubscriptionSettings
  readonly #context: ExpressionsContext
  readonly #facts = new Facts()
  readonly #held = new Map<string, Held>()
  /** The searches of all of them. */
  #searches = 0
  /** How many subscriptions of a client have one. */
  readonly #byClient = new Map<string, number>()
  /** What was read last: the filters of a SUBSCRIBE have the same expression. */
  #last: { readonly text: string; readonly read: Expression | Unreadable } | null = null

  constructor(settings: SubscriptionSettings, context: ExpressionsContext) {
    this.settings = settings
    this.#context = context
  }

  /** How many different expressions there are. */
  get count(): number {
    return this.#held.size
  }

  /** Whether there is room for a new expression. Each of its searches counts as one more. */
  hasRoomFor(text: string): boolean {
    const read = this.#read(text)
    const searches = read instanceof Unreadable ? 0 : read.searches
    return this.count + this.#searches + 1 + searches <= this.#context.limits.expressionsMax
  }

  countOf(clientId: string): number {
    return this.#byClient.get(clientId) ?? 0
  }

  has(text: string): boolean {
    return this.#held.has(text)
  }

  /** Returns why the text cannot be the expression of a new subscription, or null. */
  faultOf(text: string): string | null {
    const read = this.#read(text)
    if (read instanceof Unreadable) return read.sentence
    if (!read.readsPayload || this.settings.payloadFilters) return null
    return 'expressions may not ask about the payload here (subscriptions.payloadFilters)'
  }

  /** Returns the topic filter that is subscribed to, and the expression behind it with its `?`, if there is one. */
  dividedFilter(filter: string): { readonly filter: string; readonly query: string } {
    const at = this.settings.filterInTopic ? filter.indexOf('?') : -1
    if (at === -1) return { filter, query: '' }
    return { filter: filter.slice(0, at), query: filter.slice(at) }
  }

  /** Whether the store had an expression that wants nothing, because it cannot be read. */
  isUnreadable(text: string): boolean {
    return this.#held.get(text)?.isUnreadable === true
  }

  /** Counts a subscription of the client that has an expression. */
  entered(clientId: string, { where }: Subscription): void {
    if (where !== undefined) this.#byClient.set(clientId, this.countOf(clientId) + 1)
  }

  left(clientId: string, { where }: Subscription): void {
    if (where === undefined) return
    const count = this.countOf(clientId) - 1
    if (count === 0) this.#byClient.delete(clientId)
    else this.#byClient.set(clientId, count)
  }

  /** Returns the subscription as the router keeps it. `released` must follow when the router does not keep it any more. */
  routed(subscription: Subscription): RoutedSubscription {
    const { where } = subscription
    return where === undefined ? subscription : { ...subscription, expression: this.#hold(where) }
  }

  released({ where }: Subscription): void {
    if (where === undefined) return
    const held = this.#held.get(where)
    if (held === undefined) return
    held.holders -= 1
    if (held.holders > 0) return
    this.#held.delete(where)
    this.#searches -= held.expression.searches
  }

  /** Returns those of the matches that want the message. */
  wanted(
    message: Message,
    matches: readonly Match<Target>[],
    router: Router<Target>,
  ): readonly Match<Target>[] {
    if (!router.isFiltered(matches)) return matches
    this.#facts.about(message)
    const wanted: Match<Target>[] = []
    for (const match of matches) {
      const rest = wantedOf(match, this.#facts)
      if (rest !== null) wanted.push(rest)
    }
    const { statistics } = this.#context
    statistics.messagesFiltered += matches.length - wanted.length
    this.#spent(matches.length >> MATCHES_PER_UNIT_BITS)
    return wanted
  }

  /** Whether a subscription with this expression wants the message, which is retained or asked about by somebody. */
  wants(text: string, message: Message): boolean {
    this.#facts.about(message)
    const read = this.#held.get(text)?.expression ?? this.#read(text)
    const isWanted = !(read instanceof Unreadable) && read.wants(this.#facts)
    this.#spent(1)
    return isWanted
  }

  #spent(work: number): void {
    this.#context.turnWorkLeft -= work + this.#facts.steps
    this.#facts.steps = 0
  }

  #hold(text: string): Expression {
    const known = this.#held.get(text)
    if (known !== undefined) {
      known.holders += 1
      return known.expression
    }
    const read = this.#read(text)
    // Admission has read it before. A store may have one that only a later version of the broker can read.
    const isUnreadable = read instanceof Unreadable
    const expression = isUnreadable ? nothingFor(text) : read
    this.#held.set(text, { expression, isUnreadable, holders: 1 })
    this.#searches += expression.searches
    return expression
  }

  #read(text: string): Expression | Unreadable {
    if (this.#last?.text === text) return this.#last.read
    const read = this.#held.get(text)?.expression ?? readExpression(text)
    this.#last = { text, read }
    return read
  }
}

// The permissions of one client by the current rules. New rules apply to every client from its next check on.

import type { RuledPermissions, RulesState } from '../permissions.ts'
import type { Gate } from './gate.ts'
import { Gates } from './gates.ts'
import type { ClientRules, RuleBook, RuleSubject } from './rule.ts'

/** The current rules, for all clients. */
export class CurrentRules implements RulesState {
  book: RuleBook
  version = 0
  allowedTopic: string | null = null
  allowedSet = 0
  readonly #gates: Gates

  constructor(book: RuleBook, max?: number) {
    this.book = book
    this.#gates = new Gates(max)
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#gates.counters
  }

  replace(book: RuleBook): void {
    this.book = book
    this.version++
    this.allowedTopic = null
    this.#gates.forget()
  }

  gateFor(permissions: RulePermissions, rules: ClientRules): Gate {
    return this.#gates.gateFor(permissions, rules)
  }
}

export class RulePermissions implements RuledPermissions {
  readonly rules: CurrentRules
  readonly #subject: RuleSubject
  /** The rules that came with the client; null when the current rules decide. */
  readonly #own: RuleBook | null
  /** Null until the first check, because there may be many clients that are not connected. */
  #gate: Gate | null = null

  constructor(rules: CurrentRules, subject: RuleSubject, own: RuleBook | null = null) {
    this.rules = rules
    this.#subject = subject
    this.#own = own
  }

  mayPublish(topic: string, qos: number, retain: boolean): boolean {
    return this.#current().maySend(topic, qos, retain)
  }

  maySubscribe(filter: string, shareName: string | null): boolean {
    return this.#current().maySubscribe(filter, shareName)
  }

  mayUnsubscribe(filter: string, shareName: string | null): boolean {
    return this.#current().mayUnsubscribe(filter, shareName)
  }

  mayReceive(topic: string): boolean {
    const gate = this.#current()
    const mayReceive = gate.mayReceive(topic)
    if (mayReceive) {
      this.rules.allowedTopic = topic
      this.rules.allowedSet = gate.number
    }
    return mayReceive
  }

  get ruleSet(): number {
    return this.#gate?.number ?? 0
  }

  mayReceiveAllOf(filter: string): boolean {
    return this.#current().mayReceiveAllOf(filter)
  }

  /** Whether the client may join the share group: a member takes messages away from others, so it must be allowed to receive them. */
  mayShare(filter: string): boolean {
    return this.#current().mayReceiveAllOf(filter)
  }

  publishRule(topic: string, qos: number, retain: boolean): string | null {
    return this.#current().sendingRule(topic, qos, retain)?.place ?? null
  }

  subscribeRule(filter: string, shareName: string | null): string | null {
    return this.#current().subscribingRule(filter, shareName)?.place ?? null
  }

  unsubscribeRule(filter: string, shareName: string | null): string | null {
    return this.#current().unsubscribingRule(filter, shareName)?.place ?? null
  }

  receiveRule(topic: string): string | null {
    return this.#current().receivingRule(topic)?.place ?? null
  }

  /** Discards the gate: the rules have changed, or others need the memory. */
  forget(): void {
    this.#gate = null
  }

  #current(): Gate {
    this.#gate ??= this.rules.gateFor(this, (this.#own ?? this.rules.book).rulesFor(this.#subject))
    return this.#gate
  }
}

// The permissions of one client by the current rules. New rules apply to every client from its next check on.

import type { RuledPermissions } from '../permissions.ts'
import { Gate } from './gate.ts'
import { RememberedVerdicts } from './remembered-verdicts.ts'
import type { ClientRules, RuleBook, RuleSubject } from './rule.ts'

/** The most compiled rules of all clients together. A rule takes some 80 bytes. */
const COMPILED_RULES_MAX = 524_288
/** What a client without rules counts. */
const GATE_IN_RULES = 16

/** The current rules, for all clients. */
export class CurrentRules {
  readonly remembered = new RememberedVerdicts()
  book: RuleBook
  /** A number that changes with each change of rules. */
  version = 0
  readonly #max: number
  /** The permissions that have a gate. */
  readonly #compiled = new Set<RulePermissions>()
  #compiledRules = 0
  #forgotten = 0

  constructor(book: RuleBook, max: number = COMPILED_RULES_MAX) {
    this.book = book
    this.#max = max
  }

  get counters(): Readonly<Record<string, number>> {
    const { size, forgotten } = this.remembered
    return {
      rulesCompiled: this.#compiledRules,
      rulesForgotten: this.#forgotten,
      verdictsRemembered: size,
      verdictsForgotten: forgotten,
    }
  }

  replace(book: RuleBook): void {
    this.book = book
    this.version++
    this.#forget()
  }

  /** Compiles the rules of the client. If they exceed the memory bound, the gates of all others are discarded. */
  gateFor(permissions: RulePermissions, rules: ClientRules): Gate {
    const { send, receive, subscribe, unsubscribe } = rules
    const lists = [send, receive, subscribe, unsubscribe]
    const count = lists.reduce((sum, list) => sum + list.rules.length, GATE_IN_RULES)
    if (this.#compiledRules + count > this.#max) {
      this.#forget()
      this.#forgotten++
    }
    this.#compiled.add(permissions)
    this.#compiledRules += count
    return new Gate(rules, this.remembered)
  }

  #forget(): void {
    for (const permissions of this.#compiled) permissions.forget()
    this.#compiled.clear()
    this.#compiledRules = 0
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
    return this.#current().mayReceive(topic)
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
    this.#gate?.close()
    this.#gate = null
  }

  #current(): Gate {
    this.#gate ??= this.rules.gateFor(this, (this.#own ?? this.rules.book).rulesFor(this.#subject))
    return this.#gate
  }
}

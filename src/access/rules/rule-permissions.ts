// What one client may do by the rules that hold now. Rules that are replaced hold for every client from its next question on.

import type { CoveringPermissions } from '../permissions.ts'
import { Gate } from './gate.ts'
import { RememberedVerdicts } from './remembered-verdicts.ts'
import type { RuleBook, RuleSubject } from './rule.ts'

/** The rules of now, for all clients. */
export class CurrentRules {
  readonly remembered = new RememberedVerdicts()
  book: RuleBook
  /** Another number after each change. */
  version = 0

  constructor(book: RuleBook) {
    this.book = book
  }

  get counters(): Readonly<Record<string, number>> {
    const { size, forgotten } = this.remembered
    return { verdictsRemembered: size, verdictsForgotten: forgotten }
  }

  replace(book: RuleBook): void {
    this.book = book
    this.version++
  }
}

export class RulePermissions implements CoveringPermissions {
  readonly rules: CurrentRules
  readonly #subject: RuleSubject
  readonly #gate: Gate
  #version: number

  constructor(rules: CurrentRules, subject: RuleSubject) {
    this.rules = rules
    this.#subject = subject
    this.#gate = new Gate(rules.book.rulesFor(subject), rules.remembered)
    this.#version = rules.version
  }

  mayPublish(topic: string, qos: number, retain: boolean): boolean {
    return this.#current().maySend(topic, qos, retain)
  }

  maySubscribe(filter: string): boolean {
    return this.#current().maySubscribe(filter)
  }

  mayReceive(topic: string): boolean {
    return this.#current().mayReceive(topic)
  }

  mayReceiveAllOf(filter: string): boolean {
    return this.#current().mayReceiveAllOf(filter)
  }

  /** Whoever takes messages away from others must be one who may hear them. */
  mayShare(filter: string): boolean {
    return this.#current().mayReceiveAllOf(filter)
  }

  #current(): Gate {
    if (this.#version !== this.rules.version) {
      this.#version = this.rules.version
      this.#gate.replace(this.rules.book.rulesFor(this.#subject))
    }
    return this.#gate
  }
}

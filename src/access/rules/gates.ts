// The gates of all clients, with one bound for their memory. Clients with the same rules share one.

import { createHash } from 'node:crypto'
import { Gate } from './gate.ts'
import { RememberedVerdicts } from './remembered-verdicts.ts'
import type { ClientRules } from './rule.ts'

/** The most compiled rules of all clients together. A rule takes some 80 bytes. */
const COMPILED_RULES_MAX = 524_288
/** What each client counts besides its rules, in rules. */
const GATE_IN_RULES = 16
/** Clients with more rules have a gate of their own: they rarely have the same, and comparing would cost too much. */
const SHARED_RULES_MAX = 256

/** Has a gate until it forgets it. */
interface GateHolder {
  forget(): void
}

export class Gates {
  readonly #remembered = new RememberedVerdicts()
  readonly #max: number
  readonly #holders = new Set<GateHolder>()
  readonly #gates = new Set<Gate>()
  /** Those that may be shared, by a digest of their rules. */
  readonly #shared = new Map<string, Gate>()
  #compiledRules = 0
  #forgotten = 0
  #lastNumber = 0

  constructor(max: number = COMPILED_RULES_MAX) {
    this.#max = max
  }

  get counters(): Readonly<Record<string, number>> {
    const { size, forgotten } = this.#remembered
    return {
      rulesCompiled: this.#compiledRules,
      rulesForgotten: this.#forgotten,
      verdictsRemembered: size,
      verdictsForgotten: forgotten,
    }
  }

  /** Compiles the rules of the client. If they exceed the memory bound, the gates of all others are discarded. */
  gateFor(holder: GateHolder, rules: ClientRules): Gate {
    const count = countOf(rules)
    const key = count <= SHARED_RULES_MAX ? digestOf(rules) : null
    let gate = key === null ? undefined : this.#shared.get(key)
    const added = GATE_IN_RULES + (gate === undefined ? count : 0)
    if (this.#compiledRules + added > this.#max) {
      this.forget()
      this.#forgotten++
      gate = undefined
    }
    this.#compiledRules += GATE_IN_RULES + (gate === undefined ? count : 0)
    gate ??= new Gate(rules, this.#remembered, ++this.#lastNumber)
    this.#holders.add(holder)
    this.#gates.add(gate)
    if (key !== null) this.#shared.set(key, gate)
    return gate
  }

  forget(): void {
    for (const holder of this.#holders) holder.forget()
    for (const gate of this.#gates) gate.close()
    this.#holders.clear()
    this.#gates.clear()
    this.#shared.clear()
    this.#compiledRules = 0
  }
}

function countOf({ send, receive, subscribe, unsubscribe }: ClientRules): number {
  return [send, receive, subscribe, unsubscribe].reduce((sum, { rules }) => sum + rules.length, 0)
}

/** Equal for equal rules, with the places that the log names. */
function digestOf(rules: ClientRules): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('base64')
}

// Counts by name for a short while, with a bound on the names: which clients have the most drops, or refusals.

import { shortened } from '../packet/text.ts'

interface CountedName {
  readonly name: string
  readonly value: number
}

const NAMES_MAX = 1_024
/** A longer one is cut when it is told. */
const NAME_BYTES_MAX = 256

export class CountedNames {
  #counts = new Map<string, number>()
  #last = ''
  #lastCount = 0

  /** Once there are too many names, new ones are not counted until `take`. */
  add(name: string): void {
    // Drops come in rows of one client.
    if (name === this.#last) {
      this.#lastCount += 1
      return
    }
    this.#keepLast()
    this.#last = name
    this.#lastCount = 1
  }

  /** Returns the names with the highest counts, and begins anew. */
  take(namesMax: number): readonly CountedName[] {
    this.#keepLast()
    this.#last = ''
    const counts = this.#counts
    this.#counts = new Map()
    return [...counts]
      .map(([name, value]) => ({ name, value }))
      .sort((one, other) => other.value - one.value)
      .slice(0, namesMax)
      .map(({ name, value }) => ({ name: shortened(name, NAME_BYTES_MAX), value }))
  }

  #keepLast(): void {
    if (this.#lastCount === 0) return
    const known = this.#counts.get(this.#last)
    if (known !== undefined || this.#counts.size < NAMES_MAX) {
      this.#counts.set(this.#last, (known ?? 0) + this.#lastCount)
    }
    this.#lastCount = 0
  }
}

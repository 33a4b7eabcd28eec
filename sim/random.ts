// Seeded random numbers: the only source of chance in a simulated world.

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
    // Neighbouring seeds give similar first numbers, so a few are thrown away.
    for (let count = 0; count < 4; count++) this.#next()
  }

  /** A whole number from 0 up to `sides` - 1. */
  below(sides: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * sides)
  }

  /** A whole number from `low` up to and with `high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True with a probability of one in `oneIn`; never for 0. */
  chance(oneIn: number): boolean {
    return oneIn > 0 && this.below(oneIn) === 0
  }

  of<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new Error('nothing to choose from')
    return value
  }

  /** One of the names, with a probability in proportion to its weight. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    let total = 0
    for (const name in weights) total += weights[name]
    let left = this.below(total)
    for (const name in weights) {
      left -= weights[name]
      if (left < 0) return name
    }
    throw new Error('no name has a weight')
  }

  /** A number from 0 up to 1. */
  fraction(): number {
    return this.#next() / 0x1_0000_0000
  }

  /** Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

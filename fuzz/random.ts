// Random numbers that a seed determines, without an allocation for each.

/** xoshiro128**. The same numbers for the same seed. */
export class Random {
  #a = 0
  #b = 0
  #c = 0
  #d = 0

  constructor(seed = 0) {
    this.seed(seed)
  }

  /** Starts anew. A seed is a whole number of up to 53 bits. */
  seed(seed: number): void {
    const low = seed | 0
    const high = Math.floor(seed / 0x1_0000_0000) | 0
    this.#a = mixed(low + 0x9e37_79b9)
    this.#b = mixed(this.#a ^ high)
    this.#c = mixed(this.#b + 0x85eb_ca6b)
    this.#d = mixed(this.#c ^ low) | 1
  }

  /** 32 bits, unsigned. */
  word(): number {
    const five = Math.imul(this.#b, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result >>> 0
  }

  /** A whole number from 0 up to `sides` - 1. */
  below(sides: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * sides)
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  of<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new Error('nothing to choose from')
    return value
  }
}

function mixed(value: number): number {
  let bits = value | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0_aaad)
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a_2d97)
  return bits ^ (bits >>> 15)
}

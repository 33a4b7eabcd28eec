// The messages of the commit that is being applied, by sequence. Changes mostly refer to the last message, and sequences mostly
// ascend. A Map would be built for each commit, which took a tenth of the time of the store's thread.

export class FreshMessages {
  readonly #sequences: number[] = []
  readonly #slots: number[] = []
  #count = 0
  #isAscending = true

  add(sequence: number, slot: number): void {
    const last = this.#count - 1
    if (last >= 0 && sequence <= (this.#sequences[last] ?? 0)) this.#isAscending = false
    this.#sequences[this.#count] = sequence
    this.#slots[this.#count] = slot
    this.#count += 1
  }

  slotOf(sequence: number): number | undefined {
    const last = this.#count - 1
    if (last < 0) return undefined
    if (this.#sequences[last] === sequence) return this.#slots[last]
    const at = this.#isAscending
      ? this.#searched(sequence)
      : this.#sequences.lastIndexOf(sequence, last)
    return at < 0 ? undefined : this.#slots[at]
  }

  clear(): void {
    this.#count = 0
    this.#isAscending = true
  }

  #searched(sequence: number): number {
    let low = 0
    let high = this.#count - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = this.#sequences[middle] ?? 0
      if (found === sequence) return middle
      if (found < sequence) low = middle + 1
      else high = middle - 1
    }
    return -1
  }
}

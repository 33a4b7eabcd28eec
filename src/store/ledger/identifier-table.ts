// Subscription Identifiers by delivery; few have any. An image finds them as they were when it began.

const NONE: readonly number[] = []

export class IdentifierTable {
  readonly #all = new Map<number, readonly number[]>()
  /** What was changed since the image began, as it was; null while none is made. */
  #kept: Map<number, readonly number[]> | null = null

  /** None where there are none. */
  of(delivery: number): readonly number[] {
    return this.#all.get(delivery) ?? NONE
  }

  set(delivery: number, identifiers: readonly number[]): void {
    this.#keep(delivery)
    this.#all.set(delivery, identifiers)
  }

  delete(delivery: number): void {
    this.#keep(delivery)
    this.#all.delete(delivery)
  }

  beginImage(): void {
    this.#kept = new Map()
  }

  inImage(delivery: number): readonly number[] {
    return this.#kept?.get(delivery) ?? this.of(delivery)
  }

  endImage(): void {
    this.#kept = null
  }

  #keep(delivery: number): void {
    if (this.#kept !== null && !this.#kept.has(delivery)) {
      this.#kept.set(delivery, this.of(delivery))
    }
  }
}

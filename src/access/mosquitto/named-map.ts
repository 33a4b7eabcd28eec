// Clients, groups or roles by their names, and in the order of their names.

export class NamedMap<Value extends { readonly name: string }> {
  readonly #values = new Map<string, Value>()
  /** Null after a change. */
  #ordered: readonly Value[] | null = null

  get size(): number {
    return this.#values.size
  }

  get(name: string): Value | undefined {
    return this.#values.get(name)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  values(): Iterable<Value> {
    return this.#values.values()
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value)
    this.#ordered = null
  }

  delete(name: string): void {
    this.#values.delete(name)
    this.#ordered = null
  }

  inOrder(): readonly Value[] {
    this.#ordered ??= [...this.#values.values()].toSorted((one, other) =>
      one.name < other.name ? -1 : 1,
    )
    return this.#ordered
  }
}

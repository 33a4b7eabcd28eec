// A queue with a line for each sender. Lines are served in turn, so a long line delays only its own sender.

export class FairQueue<Item> {
  readonly #max: number
  /** The lines, next one first. */
  readonly #lines = new Map<string, Item[]>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  /** Adds an item. Returns null, or the item that is dropped: the new one, or the last one of a longer line. */
  add(sender: string, item: Item): Item | null {
    let refused: Item | null = null
    if (this.#size >= this.#max) {
      const longest = this.#longestLine()
      const own = this.#lines.get(sender)?.length ?? 0
      const last = longest.length > own + 1 ? longest.pop() : undefined
      if (last === undefined) return item
      this.#size--
      refused = last
    }
    const line = this.#lines.get(sender)
    if (line === undefined) this.#lines.set(sender, [item])
    else line.push(item)
    this.#size++
    return refused
  }

  take(): Item | null {
    const [next] = this.#lines
    if (next === undefined) return null
    const [sender, line] = next
    const item = line.shift()
    this.#lines.delete(sender)
    if (line.length > 0) this.#lines.set(sender, line)
    if (item === undefined) return null
    this.#size--
    return item
  }

  /** It is called only when the queue is full, and the queue is short. */
  #longestLine(): Item[] {
    let longest: Item[] = []
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line
    return longest
  }
}

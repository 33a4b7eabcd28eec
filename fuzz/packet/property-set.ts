// The properties that the reference decoder has read: where their values lie in the bytes, and numbers.

export class PropertySet {
  /** The identifiers, once each, in the order of their first occurrence. */
  readonly ids: number[] = []
  count = 0
  /** By identifier: the number, or where the string or binary data begins and ends. */
  readonly starts: number[] = Array.from({ length: 0x2b }, () => 0)
  readonly ends: number[] = Array.from({ length: 0x2b }, () => 0)
  readonly subscriptionIdentifiers: number[] = []
  subscriptionIdentifierCount = 0
  /** Four numbers a user property: begin and end of its name, begin and end of its value. */
  readonly pairs: number[] = []
  pairCount = 0

  clear(): void {
    this.count = 0
    this.subscriptionIdentifierCount = 0
    this.pairCount = 0
  }

  has(id: number): boolean {
    for (let index = 0; index < this.count; index++) if (this.ids[index] === id) return true
    return false
  }

  add(id: number, start: number, end: number): void {
    this.ids[this.count++] = id
    this.starts[id] = start
    this.ends[id] = end
  }

  addSubscriptionIdentifier(id: number, value: number): void {
    if (this.subscriptionIdentifierCount === 0) this.add(id, 0, 0)
    this.subscriptionIdentifiers[this.subscriptionIdentifierCount++] = value
  }

  addPair(id: number, nameStart: number, nameEnd: number, start: number, end: number): void {
    if (this.pairCount === 0) this.add(id, 0, 0)
    const at = 4 * this.pairCount++
    this.pairs[at] = nameStart
    this.pairs[at + 1] = nameEnd
    this.pairs[at + 2] = start
    this.pairs[at + 3] = end
  }
}

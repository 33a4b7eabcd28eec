// What one other partition has not acknowledged: messages and filters, in the order in which it must apply them. They are sent again
// until it has.

import type { CommitId } from '../store/journal.ts'
import type { EncodedItem } from './item.ts'

/** The bytes of items that may be under way without an acknowledgement. */
const WINDOW_BYTES = 262_144
const FRAME_BYTES = 65_536
/** Of an item, besides its bytes. */
const ITEM_BYTES = 128

export interface LineItem extends EncodedItem {
  /** It may be sent when this commit is done. */
  readonly commitId: CommitId
}

interface Waiting {
  position: number
  readonly reached: () => void
}

export class OutgoingLine {
  /** `#items[0]` has the position `#acknowledged + 1`. */
  #items: LineItem[] = []
  #acknowledged = 0
  /** How many of the items were sent since the last `sendAgain`. */
  #sent = 0
  #sentBytes = 0
  #waiting: Waiting[] = []
  bytes = 0

  /** The position of the newest item. */
  get last(): number {
    return this.#acknowledged + this.#items.length
  }

  /** Up to this position the other partition has applied all. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  get items(): readonly LineItem[] {
    return this.#items
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  push(item: LineItem): void {
    this.#items.push(item)
    this.bytes += ITEM_BYTES + item.bytes.length
  }

  /** Calls back when everything up to now is acknowledged. Returns false, and does not, if it is already. */
  whenAcknowledged(reached: () => void): boolean {
    if (this.isEmpty) return false
    this.#waiting.push({ position: this.last, reached })
    return true
  }

  /** Removes the items that the other partition has applied, and returns them. */
  acknowledge(position: number): readonly LineItem[] {
    const count = Math.min(position - this.#acknowledged, this.#items.length)
    if (count <= 0) return []
    const taken = this.#items.splice(0, count)
    this.#acknowledged += count
    for (const [index, { bytes }] of taken.entries()) {
      this.bytes -= ITEM_BYTES + bytes.length
      if (index < this.#sent) this.#sentBytes -= bytes.length
    }
    this.#sent = Math.max(0, this.#sent - count)
    let reached = 0
    while ((this.#waiting[reached]?.position ?? Infinity) <= this.#acknowledged) reached += 1
    for (const each of this.#waiting.splice(0, reached)) each.reached()
    return taken
  }

  /**
   * Takes the items of the next frame out of those that were not sent; null if there are none, or too many are under way. `first` is
   * the position of its first item.
   */
  next(
    committed: CommitId,
  ): { readonly first: number; readonly items: readonly LineItem[] } | null {
    const begin = this.#sent
    let end = begin
    let bytes = 0
    for (; end < this.#items.length && bytes < FRAME_BYTES; end++) {
      const item = this.#items[end]
      if (item === undefined || item.commitId > committed) break
      if (this.#sentBytes + bytes >= WINDOW_BYTES) break
      bytes += item.bytes.length
    }
    if (end === begin) return null
    this.#sent = end
    this.#sentBytes += bytes
    return { first: this.#acknowledged + begin + 1, items: this.#items.slice(begin, end) }
  }

  /** Whether an item waits for a commit above this one. */
  waitsFor(committed: CommitId): boolean {
    return (this.#items[this.#sent]?.commitId ?? 0) > committed
  }

  /** No acknowledgement came for long: what is under way may be lost. */
  sendAgain(): void {
    this.#sent = 0
    this.#sentBytes = 0
  }

  /**
   * The other partition has started: positions begin anew with what it must know first. Stored messages stay. Returns how many others
   * were for sessions that ended with it.
   */
  restart(beginning: readonly LineItem[]): number {
    const stored = this.#items.filter(({ number }) => number !== null && number > 0)
    const outlived = this.#items.filter(({ number }) => number === 0).length
    this.#items = []
    this.bytes = 0
    this.#acknowledged = 0
    this.sendAgain()
    for (const item of [...beginning, ...stored]) this.push(item)
    // Whoever waited for anything of it waits for all.
    for (const each of this.#waiting) each.position = this.last
    return outlived
  }
}

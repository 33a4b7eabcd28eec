// The deliveries of named queues that prepared transactions have locked: they are taken out of their queues until they are settled or
// given back.

import type { QueueOwner } from '../owner.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

export interface LockedEntry extends ImagedEntry {
  readonly slot: number
  readonly options: number
  readonly owner: QueueOwner
  readonly clientId: string
  readonly transaction: string
}

export class LockedTable {
  readonly #all = new ImagedMap<number, LockedEntry>()

  get all(): ReadonlyMap<number, LockedEntry> {
    return this.#all
  }

  set(delivery: number, entry: LockedEntry): void {
    this.#all.set(delivery, entry)
  }

  take(delivery: number): LockedEntry | null {
    const entry = this.#all.get(delivery)
    if (entry === undefined) return null
    this.#all.delete(delivery)
    return entry
  }

  beginImage(): void {
    this.#all.beginImage()
  }

  endImage(): void {
    this.#all.endImage()
  }

  imageEntries(): Iterable<readonly [number, LockedEntry]> {
    return this.#all.imageEntries()
  }
}

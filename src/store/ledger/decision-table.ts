// What became of transactions, by client and name.

import type { StoredDecision } from '../store.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

interface NameEntry extends ImagedEntry {
  readonly byNumber: Map<number, StoredDecision>
}

export class DecisionTable {
  readonly #names = new ImagedMap<string, NameEntry>()

  get all(): Iterable<StoredDecision> {
    return decisionsOf(this.#names)
  }

  /** The table keeps the object. `dropped`: the number of which the decision is not kept any more, or null. */
  set(decision: StoredDecision, dropped: number | null = null): void {
    const { clientId, name, number } = decision
    const key = keyOf(clientId, name)
    let entry = this.#names.toChange(key, copyOf)
    if (entry === undefined) {
      entry = { byNumber: new Map(), image: 0 }
      this.#names.set(key, entry)
    }
    entry.byNumber.set(number, decision)
    if (dropped !== null) entry.byNumber.delete(dropped)
  }

  drop(clientId: string, name: string, number: number): void {
    const key = keyOf(clientId, name)
    const entry = this.#names.toChange(key, copyOf)
    if (entry === undefined) return
    entry.byNumber.delete(number)
    if (entry.byNumber.size === 0) this.#names.delete(key)
  }

  beginImage(): void {
    this.#names.beginImage()
  }

  endImage(): void {
    this.#names.endImage()
  }

  imageEntries(): Iterable<StoredDecision> {
    return decisionsOf(this.#names.imageEntries())
  }
}

function* decisionsOf(names: Iterable<readonly [string, NameEntry]>): Iterable<StoredDecision> {
  for (const [, { byNumber }] of names) yield* byNumber.values()
}

function copyOf({ byNumber }: NameEntry): NameEntry {
  return { byNumber: new Map(byNumber), image: 0 }
}

/** No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf(clientId: string, name: string): string {
  return `${clientId}\0${name}`
}

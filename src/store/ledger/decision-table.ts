// What became of transactions, by client and name.

import { DecisionList } from '../decision-list.ts'
import type { StoredDecision } from '../store.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

interface NameEntry extends ImagedEntry {
  readonly clientId: string
  readonly name: string
  readonly decisions: DecisionList
}

export class DecisionTable {
  readonly #names = new ImagedMap<string, NameEntry>()
  /** The keys of `#names` by client and name: to join them and hash the result takes longer than two look-ups. */
  readonly #keys = new Map<string, Map<string, string>>()

  get all(): Iterable<StoredDecision> {
    return decisionsOf(this.#names)
  }

  /** `dropped`: the number of which the decision is not kept any more, or null. */
  set(decision: StoredDecision, dropped: number | null = null): void {
    const { clientId, name } = decision
    const key = this.#keyOf(clientId, name)
    let entry = this.#names.toChange(key, copyOf)
    if (entry === undefined) {
      entry = { clientId, name, decisions: new DecisionList(), image: 0 }
      this.#names.set(key, entry)
    }
    entry.decisions.set(decision)
    if (dropped !== null) entry.decisions.delete(dropped)
  }

  drop(clientId: string, name: string, number: number): void {
    const own = this.#keys.get(clientId)
    const key = own?.get(name)
    const entry = key === undefined ? undefined : this.#names.toChange(key, copyOf)
    if (own === undefined || key === undefined || entry === undefined) return
    entry.decisions.delete(number)
    if (entry.decisions.length > 0) return
    this.#names.delete(key)
    own.delete(name)
    if (own.size === 0) this.#keys.delete(clientId)
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

  #keyOf(clientId: string, name: string): string {
    let own = this.#keys.get(clientId)
    if (own === undefined) {
      own = new Map()
      this.#keys.set(clientId, own)
    }
    let key = own.get(name)
    if (key === undefined) {
      // No text of MQTT has U+0000 [MQTT-1.5.4-2].
      key = `${clientId}\0${name}`
      own.set(name, key)
    }
    return key
  }
}

function* decisionsOf(names: Iterable<readonly [string, NameEntry]>): Iterable<StoredDecision> {
  for (const [, { clientId, name, decisions }] of names) {
    for (const decision of decisions) yield { clientId, name, ...decision }
  }
}

function copyOf({ clientId, name, decisions }: NameEntry): NameEntry {
  return { clientId, name, decisions: decisions.copy(), image: 0 }
}

// What became of transactions, by client and name.

import { DecisionList } from '../decision-list.ts'
import type { StoredDecision } from '../store.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

export interface DecidedEntry extends ImagedEntry {
  readonly key: string
  readonly clientId: string
  readonly name: string
  readonly decisions: DecisionList
}

export class DecisionTable {
  readonly #names = new ImagedMap<string, DecidedEntry>()
  /** The same by client and name: to join them and hash the result takes longer than two look-ups. */
  readonly #byClient = new Map<string, Map<string, DecidedEntry>>()

  get all(): Iterable<StoredDecision> {
    return decisionsOf(this.#names.values())
  }

  /** `dropped`: the number of which the decision is not kept any more, or null. */
  set(decision: StoredDecision, dropped: number | null = null): void {
    const { clientId, name } = decision
    const { decisions } = this.#toChange(clientId, name) ?? this.#begin(clientId, name)
    decisions.set(decision)
    if (dropped !== null) decisions.delete(dropped)
  }

  drop(clientId: string, name: string, number: number): void {
    const entry = this.#toChange(clientId, name)
    if (entry === null) return
    entry.decisions.delete(number)
    if (entry.decisions.length > 0) return
    this.#names.delete(entry.key)
    const own = this.#byClient.get(clientId)
    own?.delete(name)
    if (own?.size === 0) this.#byClient.delete(clientId)
  }

  beginImage(): void {
    this.#names.beginImage()
  }

  endImage(): void {
    this.#names.endImage()
  }

  imageEntries(): Iterable<readonly [string, DecidedEntry]> {
    return this.#names.imageEntries()
  }

  /** Returns the entry, which may be changed now; null if there is none. */
  #toChange(clientId: string, name: string): DecidedEntry | null {
    const own = this.#byClient.get(clientId)
    const entry = own?.get(name)
    if (own === undefined || entry === undefined) return null
    if (this.#names.mayChange(entry)) return entry
    const copy = this.#names.toChange(entry.key, copyOf) ?? entry
    own.set(name, copy)
    return copy
  }

  #begin(clientId: string, name: string): DecidedEntry {
    // No text of MQTT has U+0000 [MQTT-1.5.4-2].
    const key = `${clientId}\0${name}`
    const entry = { key, clientId, name, decisions: new DecisionList(), image: 0 }
    this.#names.set(key, entry)
    const own = this.#byClient.get(clientId) ?? new Map<string, DecidedEntry>()
    own.set(name, entry)
    this.#byClient.set(clientId, own)
    return entry
  }
}

function* decisionsOf(entries: Iterable<DecidedEntry>): Iterable<StoredDecision> {
  for (const { clientId, name, decisions } of entries) {
    for (const decision of decisions) yield { clientId, name, ...decision }
  }
}

function copyOf(entry: DecidedEntry): DecidedEntry {
  return { ...entry, decisions: entry.decisions.copy() }
}
